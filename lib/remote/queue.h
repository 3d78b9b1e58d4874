/* SPDX-License-Identifier: MIT
 *
 * A slab's remote queue: batches pushed by anybody, taken whole by the slab's owner. */
#ifndef FREEHOLD_QUEUE_H
#define FREEHOLD_QUEUE_H

#include "../types.h"

static inline bool queue_is_empty(const struct slab *slab) {
    return ck_pr_load_ptr(&slab->queue.head) == NULL;
}

/* Where the first block of a batch has the batch's data: behind its mark, or, if it is too small, in its
 * place. */
static inline struct batch *batch_of(const struct slab *slab, const void *first) {
    size_t offset = slab->block_size > sizeof(struct block) ? sizeof(struct block) : sizeof(struct block *);
    return (struct batch *)((char *)first + offset);
}

/* Pushes one batch by its first block. Until now its blocks have pinned the slab; afterwards only a read
 * section does. */
static inline void queue_push_mp(struct slab *slab, struct block *first) {
    ck_pr_fence_release(); /* release; partner: the exchange in queue_drain_owned */
    ck_stack_push_upmc(&slab->queue, (ck_stack_entry_t *)first);
}

/* Claims a slab without owner for arena. */
bool slab_claim(struct slab *slab, struct arena *arena);

/* Who owns what cannot be thawed; frozen for ever. */
extern struct arena lost_arena;

/* Whether something is frozen at all: only in the child of a fork. Written while that has one thread. */
extern bool some_are_frozen;

static inline bool arena_is_frozen(const struct arena *owner) {
    return unlikely(some_are_frozen) && owner > OWNER_HUGE &&
           atomic_load_explicit(&owner->state, memory_order_relaxed) == ARENA_FROZEN;
}

/* Claims a slab of a frozen arena for arena; false if another does, or if it was being edited at the fork:
 * then it is lost. */
bool slab_thaw(struct slab *slab, struct arena *frozen, struct arena *arena);

/* Releases a slab of mine. In a read section: afterwards nothing else pins it. The caller fences before it
 * looks at posted. */
void slab_release(struct slab *slab);

/* Moves all batches of a slab that arena owns to its free list. Returns the number of blocks. */
uint32_t queue_drain_owned(struct arena *arena, struct slab *slab);

#endif
