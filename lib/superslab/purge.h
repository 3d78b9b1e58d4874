/* SPDX-License-Identifier: MIT
 *
 * Purge: free units and granules go back to the kernel when they have been free for a while, SuperSlabs that
 * stay empty are retired, and regions that stay free are unmapped. */
#ifndef FREEHOLD_PURGE_H
#define FREEHOLD_PURGE_H

#include "space.h"

extern pthread_mutex_t purge_lock;

/* Called on slow paths without a lock: twice in each decay time it purges what has been free since the last
 * time, and runs a grace period if limbo is not empty. Does nothing for a thread without an arena of its own,
 * which may hold late_lock. */
void purge_tick(void);

/* A thread has exited: gives back one empty SuperSlab if there are more than a few, as each thread may leave
 * about one. */
void purge_excess(void);

/* Purges all that is free at once, retires every empty SuperSlab and empties limbo. */
void purge_all(void);

#endif
