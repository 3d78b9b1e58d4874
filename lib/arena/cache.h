/* SPDX-License-Identifier: MIT
 *
 * The calling thread's caches. Only the arena that thread.arena names has them: the late arena has none, and
 * with guards nobody has, so that every call takes a slow path.
 *
 * The blocks in a cache may be of any slab, but those of slabs that others own are sent home. A class has a
 * quota: so many blocks a refill is to bring, FILL_MOST times as many if they need no walk; so many frees are
 * taken after that, and once more as many when the cache has been set aside. The quotas double with each
 * refill and each setting aside, and their sum is bounded: then classes take from those that are idle. */
#ifndef FREEHOLD_CACHE_H
#define FREEHOLD_CACHE_H

#include "../superslab/slab.h"
#include "../thread.h"

static inline bool arena_has_cache(const struct arena *arena) {
    return arena == thread.arena;
}

/* How many blocks a refill of a class is to bring. */
uint32_t cache_demand(unsigned class);

/* Whether the arena's thread allocates in a class. */
static inline bool cache_is_used(const struct arena *arena, unsigned class) {
    return arena_has_cache(arena) && thread.room[class].quota != 0;
}

/* The block that the next malloc of a class finds, or NULL. As wherever a slow path walks a cache, a link
 * that does not lead to a free block of the class is told of, and not followed. */
struct block *cache_first(unsigned class);

/* The one behind a cached block, likewise. */
struct block *cache_next(unsigned class, const struct block *block);

/* Fills the empty cache of a class and renews its room. */
void cache_fill(unsigned class, struct chain chain);

/* Whether a class whose cache has no room may set it aside. */
static inline bool cache_can_be_set_aside(unsigned class) {
    return thread.own->stock->spare[class] == NULL && thread.room[class].quota != 0;
}

/* Sets a cache without room aside as the spare one, and starts an empty one with room. */
void cache_set_aside(unsigned class);

/* Returns one block that was cached to its slab, or to the outbox. */
void cache_send_home(unsigned class, struct block *block);

/* Counts the frees of a class that went past the cache since the last time. */
void cache_settle(unsigned class);
void cache_settle_all(void);

/* Counts what is cached, for others to see. */
void cache_count_all(void);

/* Returns every cached block to its slab, or to the outbox. */
void cache_flush(void);

/* Does so for the classes that have not been used since the last call, but for what a child of a fork has not
 * used at all. */
void cache_flush_idle(void);

/* In the child of a fork, by its thread. */
void cache_after_fork(void);

#endif
