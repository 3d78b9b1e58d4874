/* SPDX-License-Identifier: MIT
 *
 * Decay: how long free memory stays before the kernel gets it back. */
#ifndef FREEHOLD_DECAY_H
#define FREEHOLD_DECAY_H

#include "../types.h"

/* Milliseconds: FREEHOLD_DECAY, or less when the process comes near its limit. */
uint64_t decay_time(void);

#endif
