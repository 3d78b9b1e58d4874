/* SPDX-License-Identifier: MIT
 *
 * The fast halves of malloc and free: no atomics beyond plain loads, no system call, two branches in malloc
 * and four in free. */
#ifndef FREEHOLD_FAST_H
#define FREEHOLD_FAST_H

#include "arena/arena.h"
#include "superslab/registry.h"
#include "superslab/size_class.h"
#include "thread.h"

/* malloc of more than TINY_MAX bytes, and its slow half for any size. */
void *malloc_not_tiny(size_t size);
void *malloc_uncached(size_t size);

/* All caches and all rooms, found at a constant distance. Of the fields themselves gcc 12 makes an index with
 * the distance in it, which is an instruction more in each malloc and in each free. */
struct caches {
    struct block *of[CLASSES];
} __attribute__((may_alias));

struct rooms {
    struct room of[CLASSES];
} __attribute__((may_alias));

static inline struct block **fast_cache(uintptr_t class) {
    return &((struct caches *)&thread.cache)->of[class];
}

static inline bool fast_room(uintptr_t class) {
    return --((struct rooms *)&thread.room)->of[class].left >= 0;
}

static inline void *fast_pop(uintptr_t class, size_t size) {
    struct block *block = *fast_cache(class);
    if (unlikely(block == NULL))
        return malloc_uncached(size);
    *fast_cache(class) = block->next;
    block->mark = 0;
    return block;
}

/* malloc: size class -> pop the thread's cache of the class. */
static inline void *fast_malloc(size_t size) {
    if (unlikely(size > TINY_MAX))
        return malloc_not_tiny(size);
    return fast_pop(thread.class_of[size], size);
}

/* free: registry -> the owner is me -> it is a block, and not free -> push on the thread's cache of the class
 * while it has room. At guard level 0 what it is goes unchecked. */
static inline __attribute__((always_inline)) void fast_free(void *address, bool is_checked) {
    struct entry entry = registry_entry(address);
    struct arena *owner = atomic_load_explicit(&entry.leaf->owners[entry.index], memory_order_relaxed);
    if (unlikely(owner != thread.arena)) {
        arena_free_elsewhere(address, entry, owner);
        return;
    }
    struct block *block = address;
    uintptr_t class = atomic_load_explicit(&entry.leaf->classes[entry.index], memory_order_relaxed);
    uintptr_t mark = block_mark(entry, block);
    if (is_checked && (unlikely(entry_position(entry, class, block) >= entry.leaf->limits[entry.index]) ||
                       unlikely(block->mark == mark))) {
        arena_free_refused(block);
        return;
    }
    block->mark = mark;
    if (unlikely(!fast_room(class))) {
        arena_free_uncached(block, entry);
        return;
    }
    block->next = *fast_cache(class);
    *fast_cache(class) = block;
}

#endif
