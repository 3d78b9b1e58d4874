/* SPDX-License-Identifier: MIT */
#include "outbox.h"

#include "../superslab/metadata.h"
#include "../superslab/rcu.h"
#include "../superslab/registry.h"
#include "../superslab/slab.h"
#include "inbox.h"
#include "queue.h"

static uint16_t offset_of(const struct slab *slab, const struct block *block) {
    return (uint16_t)((size_t)((const char *)block - slab->start) / GRAIN);
}

/* To a slab that somebody else owns, in a read section. */
static void push(struct arena *arena, const struct outbox_group *group) {
    struct slab *slab = group->slab;
    struct batch *batch = (struct batch *)group->first;
    uint16_t second = offset_of(slab, group->count > 1 ? group->first->next : group->first);
    batch->second = second;
    batch->last = offset_of(slab, group->last);
    batch->count = group->count;
    counter_add(&arena->counters.pushes, 1);
    queue_push_mp(slab, batch);
    /* Between our push and our look at the owner; partners: the fences in slab_claim and release_all. */
    fence_atomic_load();
    inbox_notify(arena, slab);
}

/* A slab without owner is claimed, and what is ours takes its blocks at once: they pin it until then. */
static void send(struct arena *arena, const struct outbox_group *group) {
    struct slab *slab = group->slab;
    struct arena *owner = atomic_load_explicit(&slab->owner, memory_order_relaxed);
    counter_add(&arena->counters.remote_frees, group->count);
    if (owner == OWNER_NONE && slab_claim(slab, arena)) {
        won_claim(arena, slab, group->count);
        owner = arena;
    }
    if (owner != arena) {
        push(arena, group);
        return;
    }
    counter_add(&arena->counters.used[slab->class], -(int64_t)group->count);
    slab_push_chain(slab, (struct chain){group->first, group->last, group->count});
    queue_drain_owned(arena, slab);
    won_add(arena, slab);
}

#define COST(class)                                                                                          \
    (SIZE_CLASS_BYTES(class) < OUTBOX_BYTES / OUTBOX_BLOCKS ? OUTBOX_BYTES / OUTBOX_BLOCKS                   \
                                                            : SIZE_CLASS_BYTES(class))
#define EIGHT_COSTS(class)                                                                                   \
    COST(class), COST((class) + 1), COST((class) + 2), COST((class) + 3), COST((class) + 4),                 \
        COST((class) + 5), COST((class) + 6), COST((class) + 7)

const int32_t outbox_costs[CLASSES] = {
    INT32_MAX,       EIGHT_COSTS(1),  EIGHT_COSTS(9),  EIGHT_COSTS(17), EIGHT_COSTS(25),
    EIGHT_COSTS(33), EIGHT_COSTS(41), EIGHT_COSTS(49), EIGHT_COSTS(57), EIGHT_COSTS(65),
};

/* Where the table has a slab, or may have it. */
static uint16_t place_of(const struct outbox *outbox, const struct slab *slab) {
    uint16_t place = (uintptr_t)slab / sizeof *slab % OUTBOX_TABLE;
    while (outbox->group_of[place] != 0 && outbox->groups[outbox->group_of[place] - 1].slab != slab)
        place = (place + 1) % OUTBOX_TABLE;
    return place;
}

static void prefetch(void *const *blocks, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        __builtin_prefetch(blocks[i], 1);
}

/* The group of a slab, which may be new. */
static struct outbox_group *group_of(struct outbox *outbox, struct block *block, uint32_t *groups) {
    struct slab *slab = entry_slab(registry_entry(block));
    uint16_t place = place_of(outbox, slab);
    if (outbox->group_of[place] == 0) {
        outbox->groups[*groups] = (struct outbox_group){.slab = slab, .last = block, .place = place};
        outbox->group_of[place] = (uint16_t)++ * groups;
        __builtin_prefetch(slab, 1);
        __builtin_prefetch(&slab->free, 1);
    }
    return &outbox->groups[outbox->group_of[place] - 1];
}

/* Touches the blocks for the first time. Often one is of the same slab as the one before. */
static uint32_t group(struct outbox *outbox, uint32_t count) {
    uint32_t groups = 0;
    struct block *before = NULL;
    struct outbox_group *group = outbox->groups;
    for (uint32_t i = 0; i < count; before = outbox->blocks[i++]) {
        struct block *block = outbox->blocks[i];
        if (!unit_is_same(block, before))
            group = group_of(outbox, block, &groups);
        block->next = group->first;
        group->first = block;
        group->count++;
    }
    return groups;
}

void outbox_flush(struct arena *arena) {
    struct outbox *outbox = arena->outbox;
    uint32_t count = arena->outbox_count;
    if (count == 0)
        return;
    arena->outbox_count = 0;
    arena->outbox_room = arena->outbox_size;
    prefetch(outbox->blocks, count);
    uint32_t groups = group(outbox, count);
    rcu_enter(arena);
    for (uint32_t i = 0; i < groups; i++) {
        outbox->group_of[outbox->groups[i].place] = 0;
        send(arena, &outbox->groups[i]);
    }
    rcu_leave(arena);
}

bool outbox_make_room(struct arena *arena, uint64_t share) {
    if (arena->outbox == NULL)
        arena->outbox = metadata_take(sizeof *arena->outbox);
    if (arena->outbox == NULL)
        return false;
    uint64_t size = share / OUTBOX_SHARE;
    arena->outbox_size = (int32_t)(size > OUTBOX_BYTES   ? OUTBOX_BYTES
                                   : size < OUTBOX_LEAST ? OUTBOX_LEAST
                                                         : size);
    outbox_flush(arena);
    arena->outbox_room = arena->outbox_size;
    return true;
}

void outbox_push_one(struct arena *arena, void *block) {
    struct slab *slab = entry_slab(registry_entry(block));
    rcu_enter(arena);
    send(arena, &(struct outbox_group){.slab = slab, .first = block, .last = block, .count = 1});
    rcu_leave(arena);
}
