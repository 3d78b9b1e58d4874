/* SPDX-License-Identifier: MIT */
#include "cache.h"

#include "../config.h"
#include "../superslab/registry.h"
#include "../superslab/size_class.h"
#include "slabs.h"

void cache_settle(unsigned class) {
    int32_t left = thread.room[class].left;
    if (left < 0) {
        counter_add(&thread.arena->counters.used[class], left);
        thread.room[class].left = 0;
    }
}

static void room_renew(unsigned class) {
    struct room *room = &thread.room[class];
    cache_settle(class);
    if (room->full == 0)
        room->full = (int32_t)((config.cache << 10) / size_class_bytes(class));
    room->left = room->full;
}

void cache_settle_all(void) {
    for (unsigned class = 1; class < CLASSES; class ++)
        cache_settle(class);
}

void cache_fill(unsigned class, struct chain chain) {
    thread.cache[class] = chain.first;
    room_renew(class);
}

void cache_set_aside(unsigned class) {
    thread.spare[class] = thread.cache[class];
    thread.cache[class] = NULL;
    thread.room[class].left++; /* the free that found no room is still to come */
    room_renew(class);
}

static void flush_blocks(unsigned class, struct block *block) {
    for (struct block *next; block != NULL; block = next) {
        next = block->next;
        struct slab *slab = entry_slab(registry_entry(block));
        counter_add(&thread.arena->counters.used[class], -1);
        if (slab_push(slab, block))
            slabs_arrange(thread.arena, slab);
    }
}

static void flush_class(unsigned class) {
    cache_settle(class);
    flush_blocks(class, thread.cache[class]);
    flush_blocks(class, thread.spare[class]);
    thread.cache[class] = thread.spare[class] = NULL;
    thread.room[class].left = 0;
}

void cache_flush(void) {
    for (unsigned class = 1; class < CLASSES; class ++)
        flush_class(class);
}

/* Two looks at a cache that has been used in between give the same by a rare accident only, which costs a
 * refill. */
static uint64_t digest(unsigned class) {
    return ((uintptr_t)thread.cache[class] << 16) + (uint32_t)thread.room[class].left;
}

void cache_flush_idle(void) {
    struct arena *arena = thread.arena;
    for (unsigned class = 1; class < CLASSES; class ++) {
        bool is_empty = thread.cache[class] == NULL && thread.spare[class] == NULL;
        if (!is_empty && arena->seen[class] == digest(class))
            flush_class(class);
        arena->seen[class] = digest(class);
    }
}
