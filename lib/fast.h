/* SPDX-License-Identifier: MIT
 *
 * The fast halves of malloc and free: no atomics beyond plain loads, no system call, two branches each. */
#ifndef FREEHOLD_FAST_H
#define FREEHOLD_FAST_H

#include "arena/arena.h"
#include "superslab/registry.h"
#include "superslab/size_class.h"
#include "thread.h"

/* The slow half of malloc. */
void *malloc_uncached(size_t size);

/* malloc: thread -> size class -> pop the class's cache. */
static inline void *fast_malloc(size_t size) {
    if (unlikely(size > SMALL_MAX))
        return malloc_uncached(size);
    struct arena *arena = self;
    unsigned class = size_class(size);
    struct block *block = arena->cache[class];
    if (unlikely(block == NULL))
        return malloc_uncached(size);
    arena->cache[class] = block->next;
    return block;
}

/* free: registry -> slab -> its owner is me -> push on the class's cache while it has room. */
static inline void fast_free(void *address) {
    struct slab *slab = registry_slab(address);
    struct arena *arena = self;
    if (unlikely(atomic_load_explicit(&slab->owner, memory_order_relaxed) != arena)) {
        arena_free_elsewhere(address, "free");
        return;
    }
    struct block *block = address;
    unsigned class = slab->class;
    if (unlikely(--arena->room[class] < 0)) {
        arena_free_uncached(arena, slab, block);
        return;
    }
    block->next = arena->cache[class];
    arena->cache[class] = block;
}

#endif
