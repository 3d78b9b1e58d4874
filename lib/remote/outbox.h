/* SPDX-License-Identifier: MIT
 *
 * An arena's outbox: remote frees on their way, one batch in the making for each of OUTBOX_SLOTS slabs. */
#ifndef FREEHOLD_OUTBOX_H
#define FREEHOLD_OUTBOX_H

#include "../types.h"

static inline unsigned outbox_index(const struct slab *slab) {
    uintptr_t number = (uintptr_t)slab / sizeof *slab;
    return (unsigned)(number ^ number / OUTBOX_SLOTS) % OUTBOX_SLOTS;
}

/* Makes the slot of slab ready for its first block, pushing what another slab has there. */
void outbox_open(struct arena *arena, struct slab *slab, struct outbox_slot *slot, struct block *block);

/* Pushes the batch of a slot. */
void outbox_push(struct arena *arena, struct outbox_slot *slot);

/* Pushes every batch. */
void outbox_flush(struct arena *arena);

/* A remote free: block is of slab, which arena does not own. Says whether something was pushed, so that
 * slabs may have been won. */
static inline bool outbox_add(struct arena *arena, struct slab *slab, struct block *block) {
    struct outbox_slot *slot = &arena->outbox[outbox_index(slab)];
    if (unlikely(slot->slab != slab)) {
        outbox_open(arena, slab, slot, block);
        return true;
    }
    block->next = slot->first;
    slot->first = block;
    if (likely(++slot->count != OUTBOX_BATCH))
        return false;
    outbox_push(arena, slot);
    return true;
}

#endif
