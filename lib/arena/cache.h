/* SPDX-License-Identifier: MIT
 *
 * The calling thread's caches. Only the arena that thread.arena names has them: the late arena has none, and
 * with guards nobody has, so that every call takes a slow path. */
#ifndef FREEHOLD_CACHE_H
#define FREEHOLD_CACHE_H

#include "../superslab/slab.h"
#include "../thread.h"

static inline bool arena_has_cache(const struct arena *arena) {
    return arena == thread.arena;
}

/* Fills the empty cache of a class and renews its room. */
void cache_fill(unsigned class, struct chain chain);

/* Sets a cache without room aside as the spare one, of which there is none, and starts an empty one. */
void cache_set_aside(unsigned class);

/* Counts the frees of a class that went past the cache since the last time. */
void cache_settle(unsigned class);
void cache_settle_all(void);

/* Returns every cached block to its slab. */
void cache_flush(void);

/* Does so for the classes that have not been used since the last call. */
void cache_flush_idle(void);

#endif
