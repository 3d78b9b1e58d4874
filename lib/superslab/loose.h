/* SPDX-License-Identifier: MIT
 *
 * Loose units: dirty ones that nobody uses, in free granules and behind the end of huge blocks. They go back
 * to the kernel, the oldest granule first. */
#ifndef FREEHOLD_LOOSE_H
#define FREEHOLD_LOOSE_H

#include "granule.h"
#include "slice.h"

/* Under purge_lock: purges the oldest of them until the slice is over. */
void loose_purge_first(const struct slice *slice);

/* Gives up regions_lock after a change; what is too much by it is purged, or the housekeeper called. */
void loose_leave(void);

/* Purges what is loose too long, and unmaps regions that have been wholly free and clean for as long, or all
 * of it, as the slice says. Says whether it has come to the end of what is due: else it goes on at the next
 * call. Under purge_lock. */
bool region_purge(const struct slice *slice);

/* Whether anything decays. */
bool region_is_pending(void);

#endif
