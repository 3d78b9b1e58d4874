/* SPDX-License-Identifier: MIT
 *
 * Excess: where there is no housekeeper, what is free and dirty beyond a bound goes back at once. A thread
 * that works alone may sleep after any free, for ever, and nobody else would come to see what has become old.
 * The last of many threads that end do so too.
 *
 * The bound follows what lives now. A load that swings would pay for what is given back each time it is low,
 * and faulted in again soon afterwards: where that is more than a small part of its time, the bound is
 * widened, and comes down again when no more of it is seen. decay.c asks the same of what has become old; but
 * it sums up over decay times, where this is a rate of milliseconds, so they share the figures only. */
#ifndef FREEHOLD_EXCESS_H
#define FREEHOLD_EXCESS_H

#include "call.h"
#include "space.h"

/* Whether a free huge block of length bytes may be kept as it is. */
bool excess_allows(size_t length);

/* Purges what is too much, for a short time. */
void excess_purge(void);

/* Whether the thread did that just now, and little has become free since: one call may come here many times.
 * One that tidies up is not to do it before its end. */
bool excess_rests(void);

/* One of the last of many threads has ended: what is too much goes back though there is a housekeeper, and
 * whoever is at it is waited for, so that they leave no more than the bound. */
void excess_exit(void);

/* Units or granules have been given back. The caller does not hold regions_lock. */
static inline void excess_leave(void) {
    if (unlikely(idle_bytes() > EXCESS_LEAST) &&
        atomic_load_explicit(&housekeeper_word, memory_order_relaxed) == HOUSEKEEPER_NONE)
        excess_purge();
}

/* Under purge_lock: a look at what has become of what went back. */
void excess_look(void);

#endif
