/* SPDX-License-Identifier: MIT
 *
 * Purge: free units and kept huge blocks go back to the kernel when they have been free for a while, and
 * SuperSlabs that stay empty are retired. */
#ifndef FREEHOLD_PURGE_H
#define FREEHOLD_PURGE_H

#include "../types.h"

extern pthread_mutex_t purge_lock;

/* Called on slow paths without a lock: twice in each decay time it purges what has been free since the last
 * time, and runs a grace period if limbo is not empty. Does nothing for a thread without an arena of its own,
 * which may be inside liburcu or hold late_lock. */
void purge_tick(void);

/* Purges all that is free at once, retires every empty SuperSlab and empties limbo. */
void purge_all(void);

/* Gives an extent's pages back; only the address space stays. */
void purge_extent(const struct extent *extent);

/* Bytes given back so far. */
uint64_t purged_bytes(void);

#endif
