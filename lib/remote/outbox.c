/* SPDX-License-Identifier: MIT */
#include "outbox.h"

#include "../superslab/rcu.h"
#include "inbox.h"
#include "queue.h"

static uint16_t offset_of(const struct slab *slab, const struct block *block) {
    return (uint16_t)((size_t)((const char *)block - slab->start) / GRAIN);
}

static void outbox_push(struct arena *arena, struct outbox_slot *slot) {
    struct slab *slab = slot->slab;
    struct block *first = slot->first, *second = first->next;
    struct batch *batch = (struct batch *)first;
    uint32_t count = slot->most - slot->room;
    batch->second = offset_of(slab, count > 1 ? second : first);
    batch->last = offset_of(slab, slot->last);
    batch->count = count;
    slot->slab = NULL;
    arena->outbox_used &= ~(1ul << (slot - arena->outbox));
    counter_add(&arena->counters.remote_frees, count);
    counter_add(&arena->counters.pushes, 1);
    rcu_enter(arena);
    queue_push_mp(slab, batch);
    /* Between our push and our look at the owner; partner: the fence in slab_release. */
    fence_atomic_load();
    inbox_notify(arena, slab);
    rcu_leave(arena);
}

/* How many blocks wait for each other: few large ones. */
static uint32_t batch_blocks(const struct slab *slab) {
    uint32_t blocks = OUTBOX_BYTES / slab->block_size;
    return blocks == 0 ? 1 : blocks < OUTBOX_BATCH ? blocks : OUTBOX_BATCH;
}

void outbox_add_and_push(struct arena *arena, struct slab *slab, struct block *block) {
    struct outbox_slot *slot = &arena->outbox[outbox_index(slab)];
    if (slot->slab != slab) {
        if (slot->slab != NULL)
            outbox_push(arena, slot);
        uint32_t most = batch_blocks(slab);
        *slot = (struct outbox_slot){.slab = slab, .last = block, .most = most, .room = most};
        arena->outbox_used |= 1ul << (slot - arena->outbox);
    }
    block->next = slot->first;
    slot->first = block;
    if (--slot->room == 0)
        outbox_push(arena, slot);
}

void outbox_flush(struct arena *arena) {
    while (arena->outbox_used != 0)
        outbox_push(arena, &arena->outbox[__builtin_ctzl(arena->outbox_used)]);
}
