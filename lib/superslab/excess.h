/* SPDX-License-Identifier: MIT
 *
 * Excess: where there is no housekeeper, what is free and dirty beyond a bound goes back at once. A thread
 * that works alone may sleep after any free, for ever, and nobody else would come to see what has become old.
 *
 * The bound follows what lives now. A load that swings would pay for what is given back each time it is low,
 * and faulted in again soon afterwards: where that is more than a small part of its time, the bound is
 * widened, and comes down again when no more of it is seen. */
#ifndef FREEHOLD_EXCESS_H
#define FREEHOLD_EXCESS_H

#include "../types.h"
#include "housekeeper.h"

/* Units that are dirty and in no use: free ones of SuperSlabs and loose ones. Atomic; changed by who makes
 * them free or dirty, or takes or purges them. */
extern _Atomic uint64_t excess_units;

static inline void excess_add(unsigned units) {
    atomic_fetch_add_explicit(&excess_units, units, memory_order_relaxed);
}

static inline void excess_remove(unsigned units) {
    atomic_fetch_sub_explicit(&excess_units, units, memory_order_relaxed);
}

/* Whether a free huge block of length bytes may be kept as it is. */
bool excess_allows(size_t length);

/* Purges what is too much, for a short time. */
void excess_purge(void);

/* Something has become free. The caller does not hold regions_lock. */
static inline void excess_leave(void) {
    if (unlikely(atomic_load_explicit(&excess_units, memory_order_relaxed) > EXCESS_LEAST / UNIT) &&
        atomic_load_explicit(&housekeeper_word, memory_order_relaxed) == HOUSEKEEPER_NONE)
        excess_purge();
}

/* Under purge_lock: a look at what has become of what went back. */
void excess_look(void);

#endif
