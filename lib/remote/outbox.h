/* SPDX-License-Identifier: MIT
 *
 * An arena's outbox: remote frees on their way. They wait in the order in which they come, untouched, until
 * there are so many or so large ones that they are pushed: then they are grouped by slab, whose number does
 * not matter, and each group travels as one batch. */
#ifndef FREEHOLD_OUTBOX_H
#define FREEHOLD_OUTBOX_H

#include "../superslab/pool.h"
#include "../superslab/size_class.h"
#include "../types.h"

/* What a block of a class takes of the room of an outbox: its bytes, or its share of the places. For
 * CLASS_NONE there is never room. */
extern __attribute__((visibility("hidden"))) const int32_t outbox_costs[CLASSES];

/* Where those who push group the blocks: as many as ever pushed at one time. */
extern struct pool outbox_groups;

/* For others to see. */
static inline void outbox_set_room(struct arena *arena, int32_t room) {
    __atomic_store_n(&arena->outbox_room, room, __ATOMIC_RELAXED);
}

/* What any arena has in its outbox, in bytes: at most, for a small block counts as its share of the places.
 */
static inline uint64_t outbox_bytes(const struct arena *arena) {
    int32_t size = __atomic_load_n(&arena->outbox_size, __ATOMIC_RELAXED);
    int32_t room = __atomic_load_n(&arena->outbox_room, __ATOMIC_RELAXED);
    return size > room ? (uint64_t)(size - room) : 0;
}

/* A remote free: block is of a slab of that class, which arena does not own. false, with nothing done, if
 * there is no room. */
static inline bool outbox_add(struct arena *arena, uintptr_t class, void *block) {
    int32_t room = arena->outbox_room - outbox_costs[class];
    if (unlikely(room < 0))
        return false;
    outbox_set_room(arena, room);
    __builtin_prefetch(block, 1); /* many at once would find no room in the processor's own queue */
    arena->outbox->blocks[arena->outbox_count++] = block;
    return true;
}

/* Pushes what is there, and makes room for share bytes, within bounds. false if the arena has no outbox and
 * there is no memory for one. Slabs may be won. */
bool outbox_make_room(struct arena *arena, uint64_t share);

/* A block for which there is no outbox goes on its own. */
void outbox_push_one(struct arena *arena, void *address);

/* A remote free for which there was no room. A block that is larger than the outbox goes on its own, and what
 * waits there stays. Slabs may be won. */
void outbox_add_anyway(struct arena *arena, uintptr_t class, void *block, uint64_t share);

/* Pushes everything. */
void outbox_flush(struct arena *arena);

#endif
