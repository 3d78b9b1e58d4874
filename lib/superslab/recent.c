/* SPDX-License-Identifier: MIT */
#include "recent.h"

#include "../config.h"
#include "../thread.h"
#include "call.h"
#include "place.h"

static struct {
    _Atomic size_t length;                        /* atomic: bytes of each, or 0: of any */
    _Atomic(struct huge *) blocks[RECENT_BLOCKS]; /* atomic */
} recent __attribute__((aligned(64)));

/* Threads begin at different ones. */
static unsigned place_first(void) {
    return (unsigned)((uintptr_t)thread.own * 0x9E3779B97F4A7C15ul >> 32);
}

static bool is_of_length(size_t length) {
    size_t present = atomic_load_explicit(&recent.length, memory_order_relaxed);
    return present == length || (present == 0 && atomic_compare_exchange_strong_explicit(
                                                     &recent.length, &present, length, memory_order_relaxed,
                                                     memory_order_relaxed));
}

bool recent_keep(struct huge *huge) {
    if (huge->granules.region == NULL || config.decay == 0 || !is_of_length(huge->length))
        return false;
    unsigned first = place_first();
    for (unsigned i = first; i != first + RECENT_BLOCKS; i++) {
        _Atomic(struct huge *) *place = &recent.blocks[i % RECENT_BLOCKS];
        struct huge *none = atomic_load_explicit(place, memory_order_relaxed);
        /* Release; partner: take. */
        if (none == NULL && atomic_compare_exchange_strong_explicit(place, &none, huge, memory_order_release,
                                                                    memory_order_relaxed)) {
            housekeeper_wake();
            return true;
        }
    }
    return false;
}

static struct huge *take(_Atomic(struct huge *) *place) {
    /* Acquire; partner: recent_keep. */
    return atomic_load_explicit(place, memory_order_relaxed) == NULL
               ? NULL
               : atomic_exchange_explicit(place, NULL, memory_order_acquire);
}

/* One of another length may have come while they were flushed. */
struct huge *recent_take(size_t length) {
    if (atomic_load_explicit(&recent.length, memory_order_relaxed) != length)
        return NULL;
    unsigned first = place_first();
    for (unsigned i = first; i != first + RECENT_BLOCKS; i++) {
        struct huge *huge = take(&recent.blocks[i % RECENT_BLOCKS]);
        if (huge != NULL && huge->length == length)
            return huge;
        if (huge != NULL)
            huge_release(huge);
    }
    return NULL;
}

void recent_flush(void) {
    atomic_store_explicit(&recent.length, 0, memory_order_relaxed);
    for (unsigned i = 0; i < RECENT_BLOCKS; i++) {
        struct huge *huge = take(&recent.blocks[i]);
        if (huge != NULL)
            huge_release(huge);
    }
}

static unsigned count(void) {
    unsigned count = 0;
    for (unsigned i = 0; i < RECENT_BLOCKS; i++)
        count += atomic_load_explicit(&recent.blocks[i], memory_order_relaxed) != NULL;
    return count;
}

bool recent_has(const struct huge *huge) {
    for (unsigned i = 0; i < RECENT_BLOCKS; i++)
        if (atomic_load_explicit(&recent.blocks[i], memory_order_relaxed) == huge)
            return true;
    return false;
}

bool recent_is_pending(void) {
    return count() != 0;
}

uint64_t recent_bytes(void) {
    return count() * atomic_load_explicit(&recent.length, memory_order_relaxed);
}

uint64_t huge_bytes(void) {
    uint64_t placed = placed_bytes(), kept = recent_bytes();
    return kept < placed ? placed - kept : 0; /* what is kept is counted at several moments */
}
