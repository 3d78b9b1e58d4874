/* SPDX-License-Identifier: MIT */
#include "closed.h"

#include "../os.h"
#include "place.h"
#include "region.h"

static struct {
    _Atomic uint32_t count; /* atomic: how many ever came */
    _Atomic(struct huge *) blocks[CLOSED_BLOCKS];
} closed;

/* Where the kernel refuses, its address space stays closed for ever. */
static void release(struct huge *huge) {
    if (!region_renew(&huge->granules, huge->length))
        return;
    placed_add(huge->length);
    huge_release(huge);
}

/* Acquire and release; partner: itself. */
static void replace(_Atomic(struct huge *) *place, struct huge *huge) {
    struct huge *before = atomic_exchange_explicit(place, huge, memory_order_acq_rel);
    if (before != NULL)
        release(before);
}

bool closed_keep(struct huge *huge) {
    if (huge->granules.region == NULL || !os_close(huge->base, huge->length))
        return false;
    placed_add(-huge->length);
    uint32_t number = atomic_fetch_add_explicit(&closed.count, 1, memory_order_relaxed);
    replace(&closed.blocks[number % CLOSED_BLOCKS], huge);
    return true;
}

void closed_flush(void) {
    for (unsigned i = 0; i < CLOSED_BLOCKS; i++)
        replace(&closed.blocks[i], NULL);
}

bool closed_has(const struct huge *huge) {
    for (unsigned i = 0; i < CLOSED_BLOCKS; i++)
        if (atomic_load_explicit(&closed.blocks[i], memory_order_relaxed) == huge)
            return true;
    return false;
}
