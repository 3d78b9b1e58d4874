/* SPDX-License-Identifier: MIT
 *
 * An arena's outbox: remote frees on their way, one batch in the making for each of OUTBOX_SLOTS slabs. */
#ifndef FREEHOLD_OUTBOX_H
#define FREEHOLD_OUTBOX_H

#include "../types.h"

/* The slabs of adjoining units have different slots. */
static inline size_t outbox_index(const struct slab *slab) {
    return (uintptr_t)slab / sizeof *slab % OUTBOX_SLOTS;
}

/* A remote free: block is of slab, which arena does not own. false, with nothing done, if that takes more
 * than adding it to the batch of the slab's slot. */
static inline bool outbox_add(struct arena *arena, struct slab *slab, struct block *block) {
    struct outbox_slot *slot = &arena->outbox[outbox_index(slab)];
    if (unlikely(slot->slab != slab || slot->room == 1))
        return false;
    block->next = slot->first;
    slot->first = block;
    slot->room--;
    return true;
}

/* The other remote frees: the batch is full with this block and is pushed, or another slab has the slot and
 * its batch is pushed. Slabs may be won. */
void outbox_add_and_push(struct arena *arena, struct slab *slab, struct block *block);

/* Pushes every batch. */
void outbox_flush(struct arena *arena);

#endif
