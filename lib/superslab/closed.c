/* SPDX-License-Identifier: MIT */
#include "closed.h"

#include "../os.h"
#include "place.h"
#include "region.h"
#include "reservation.h"

#define PLACES (2 * CLOSED_BLOCKS)

/* A ring, and as many places behind it for those that could not be opened. */
static struct {
    _Atomic uint32_t count; /* atomic: how many ever came */
    _Atomic uint64_t bytes; /* atomic */
    _Atomic(struct huge *) blocks[PLACES];
} closed;

/* Until everything is given back. If there is no place its address space is lost. */
static void put_back(struct huge *huge) {
    for (unsigned i = PLACES; i-- > 0;) {
        struct huge *none = NULL;
        /* Release; partner: replace. */
        if (atomic_compare_exchange_strong_explicit(&closed.blocks[i], &none, huge, memory_order_release,
                                                    memory_order_relaxed))
            return;
    }
}

/* The kernel may refuse, as where little more data is allowed: what is closed is none. */
static void release(struct huge *huge) {
    if (!region_renew(&huge->granules, huge->length)) {
        put_back(huge);
        return;
    }
    atomic_fetch_sub_explicit(&closed.bytes, huge->length, memory_order_relaxed);
    placed_add(huge->length);
    huge_release(huge);
}

/* Acquire and release; partners: itself and put_back. */
static void replace(_Atomic(struct huge *) *place, struct huge *huge) {
    struct huge *before = atomic_exchange_explicit(place, huge, memory_order_acq_rel);
    if (before != NULL)
        release(before);
}

bool closed_keep(struct huge *huge) {
    if (huge->granules.region == NULL || space_is_scarce() || !os_close(huge->base, huge->length))
        return false;
    placed_add(-huge->length);
    atomic_fetch_add_explicit(&closed.bytes, huge->length, memory_order_relaxed);
    uint32_t number = atomic_fetch_add_explicit(&closed.count, 1, memory_order_relaxed);
    replace(&closed.blocks[number % CLOSED_BLOCKS], huge);
    return true;
}

void closed_flush(void) {
    for (unsigned i = 0; i < PLACES; i++)
        replace(&closed.blocks[i], NULL);
}

uint64_t closed_bytes(void) {
    return atomic_load_explicit(&closed.bytes, memory_order_relaxed);
}

bool closed_has(const struct huge *huge) {
    for (unsigned i = 0; i < PLACES; i++)
        if (atomic_load_explicit(&closed.blocks[i], memory_order_relaxed) == huge)
            return true;
    return false;
}
