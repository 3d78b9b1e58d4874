/* SPDX-License-Identifier: MIT
 *
 * A thread's cache of runs: freed large blocks that it hands out again without touching anything shared. It
 * holds as much as the arena's share, RUNS_MOST at most. All of it is for threads that have an arena with
 * caches. */
#ifndef FREEHOLD_RUNS_H
#define FREEHOLD_RUNS_H

#include "../types.h"

/* A run for a large block of size bytes, live, or NULL if there is none in the cache. */
struct slab *runs_take(size_t size);

/* Keeps a freed run, if there is room. */
bool runs_keep(struct slab *slab);

/* Whether so many runs were taken and kept since the last time that the thread should tidy. */
bool runs_are_due(void);

/* Gives back all runs that are kept; or only if none was taken since the last call. */
void runs_flush(void);
void runs_flush_idle(void);

#endif
