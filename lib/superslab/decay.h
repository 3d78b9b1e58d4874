/* SPDX-License-Identifier: MIT
 *
 * Decay: how long free memory stays before the kernel gets it back.
 *
 * A load that swings would pay for what is given back each time it is low, and faulted in each time it is
 * high. So what has been purged is compared with what has been taken clean soon afterwards: where the lesser
 * of them is much, the decay time doubles, up to PATIENCE_MOST times over; where nothing of that is seen any
 * more, it is halved again. */
#ifndef FREEHOLD_DECAY_H
#define FREEHOLD_DECAY_H

#include "../types.h"

/* Milliseconds: FREEHOLD_DECAY; more when the load swings, less when the process comes near its limit. */
uint64_t decay_time(void);

/* Under purge_lock: so many bytes have been purged because of their age; and a look at what has become of it,
 * twice in each decay time. */
void decay_purged(uint64_t bytes);
void decay_look(void);

#endif
