/* SPDX-License-Identifier: MIT
 *
 * Loose units: dirty ones that nobody uses, in free granules and behind the end of huge blocks. They go back
 * to the kernel, the oldest granule first. */
#ifndef FREEHOLD_LOOSE_H
#define FREEHOLD_LOOSE_H

#include "granule.h"

/* Gives up regions_lock after a change, and purges what is too much by it. */
void loose_leave(void);

#endif
