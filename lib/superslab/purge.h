/* SPDX-License-Identifier: MIT
 *
 * Purge: free units and granules go back to the kernel when they have been free for a while, SuperSlabs that
 * stay empty are retired, and regions that stay free are unmapped. */
#ifndef FREEHOLD_PURGE_H
#define FREEHOLD_PURGE_H

#include "space.h"

/* Called on slow paths without a lock: where no housekeeper does it, a slice of what has been free for long
 * enough goes back, and a grace period is run if limbo is not empty. Does nothing for a thread without an
 * arena of its own, which may hold late_lock. */
void purge_tick(void);

/* The housekeeper's part: a slice. Returns after how many milliseconds it wants to be called again, or
 * PURGE_NOTHING if there will be nothing to do until something is freed. */
#define PURGE_NOTHING UINT64_MAX
uint64_t purge_step(void);

/* Whether anything decays. */
bool purge_is_needed(void);

/* A thread has exited: gives back one empty SuperSlab if there are more than a few, as each thread may leave
 * about one. */
void purge_excess(void);

/* Purges all that is free and all that is kept at once, retires every empty SuperSlab and empties limbo. */
void purge_all(void);

#endif
