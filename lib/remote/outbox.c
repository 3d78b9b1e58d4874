/* SPDX-License-Identifier: MIT */
#include "outbox.h"

#include "../probe.h"
#include "../superslab/rcu.h"
#include "../superslab/registry.h"
#include "../superslab/slab.h"
#include "../superslab/verdict.h"
#include "inbox.h"
#include "queue.h"

static uint16_t offset_of(const struct slab *slab, const struct block *block) {
    return (uint16_t)((size_t)((const char *)block - slab->start) / GRAIN);
}

/* To a slab that somebody else owns, in a read section. */
static void push(struct arena *arena, const struct outbox_group *group) {
    struct slab *slab = group->slab;
    uint16_t second = offset_of(slab, group->count > 1 ? group->first->next : group->first);
    *batch_of(slab, group->first) = (struct batch){second, offset_of(slab, group->last), group->count};
    counter_add(&arena->counters.pushes, 1);
    probe3(push, slab->start, group->count, slab->block_size);
    counter_add(&arena->counters.queued[slab->class], group->count);
    queue_push_mp(slab, group->first);
    /* Between our push and our look at the owner; partners: the fences in slab_claim and release_all. */
    fence_atomic_load();
    inbox_notify(arena, slab);
}

/* Whether a slab that was claimed is worth no second look: an orphan that was claimed for few blocks, and
 * with them stays as full as its list says. */
static bool is_as_before(const struct slab *slab, uint32_t blocks) {
    return slab->place == PLACE_ORPHANS && slab_is_in_bin(slab) && slab->used != 0 && blocks < KEEP_BLOCKS;
}

/* What was claimed is released at once, if nothing else is to be done: so it is claimed for a moment only,
 * and what others push meanwhile need not be drained. */
static void let_go_or_win(struct arena *arena, const struct outbox_group *group, struct released *released) {
    struct slab *slab = group->slab;
    if (!is_as_before(slab, group->count)) {
        won_claim(arena, slab, group->count);
        return;
    }
    claim_count(arena, slab);
    counter_add(&arena->counters.orphans, 1);
    slab_release(slab);
    released->slabs[released->count++] = slab;
    if (released->count == LET_GO_AT_ONCE)
        inbox_call_if_posted(arena, released);
}

/* To a slab of mine: its blocks pin it until then. */
static void put(struct arena *arena, const struct outbox_group *group) {
    struct slab *slab = group->slab;
    counter_add(&arena->counters.used[slab->class], -(int64_t)group->count);
    slab_push_chain(slab, (struct chain){group->first, group->last, group->count});
    queue_drain_owned(arena, slab);
}

/* A slab without owner is claimed, and what is ours takes its blocks at once. In a read section. */
static void send(struct arena *arena, const struct outbox_group *group, struct released *released) {
    struct slab *slab = group->slab;
    struct arena *owner = atomic_load_explicit(&slab->owner, memory_order_relaxed);
    counter_add(&arena->counters.remote_frees, group->count);
    if (owner == OWNER_NONE && slab_claim(slab, arena)) {
        put(arena, group);
        let_go_or_win(arena, group, released);
    } else if (owner == arena) {
        put(arena, group);
        won_add(arena, slab);
    } else
        push(arena, group);
}

#define PLACE_BYTES (OUTBOX_BYTES / OUTBOX_BLOCKS)
static_assert(OUTBOX_LEAST / PLACE_BYTES <= OUTBOX_FEW, "a small outbox has places for a small share");

#define COST(class) (SIZE_CLASS_BYTES(class) < PLACE_BYTES ? PLACE_BYTES : SIZE_CLASS_BYTES(class))
#define EIGHT_COSTS(class)                                                                                   \
    COST(class), COST((class) + 1), COST((class) + 2), COST((class) + 3), COST((class) + 4),                 \
        COST((class) + 5), COST((class) + 6), COST((class) + 7)

const int32_t outbox_costs[CLASSES] = {
    INT32_MAX,       EIGHT_COSTS(1),  EIGHT_COSTS(9),  EIGHT_COSTS(17), EIGHT_COSTS(25),
    EIGHT_COSTS(33), EIGHT_COSTS(41), EIGHT_COSTS(49), EIGHT_COSTS(57), EIGHT_COSTS(65),
};

struct pool outbox_groups = {.size = sizeof(struct outbox_groups)};
static struct pool few = {.size = sizeof(struct outbox) + OUTBOX_FEW * sizeof(void *)};
static struct pool many = {.size = sizeof(struct outbox) + OUTBOX_BLOCKS * sizeof(void *)};

static uint32_t unit_number(const void *address) {
    return (uint32_t)((uintptr_t)address >> UNIT_SHIFT);
}

/* Begins the group of a block's unit, unless that has no blocks: then nobody finds the group again. */
static noinline struct outbox_group *begin(struct outbox_groups *all, struct block *block, uint32_t place,
                                           uint32_t *groups) {
    struct entry entry = registry_entry(block);
    uintptr_t class = atomic_load_explicit(&entry.leaf->classes[entry.index], memory_order_relaxed);
    struct outbox_group *group = &all->groups[*groups];
    *group = (struct outbox_group){.slab = entry_slab(entry),
                                   .last = block,
                                   .leaf = entry.leaf,
                                   .reciprocal = entry.leaf->reciprocals[class],
                                   .phase = entry.leaf->phases[entry.index],
                                   .limit = (uint32_t)entry_limit(entry),
                                   .unit = unit_number(block),
                                   .place = (uint16_t)place};
    if (group->limit != 0) {
        all->number_of[place] = (uint16_t)++ * groups;
        __builtin_prefetch(group->slab, 1);
        __builtin_prefetch(&group->slab->free, 1);
    }
    return group;
}

/* The group of a block's unit, which may be new. */
static struct outbox_group *group_of(struct outbox_groups *all, struct block *block, uint32_t *groups) {
    uint32_t unit = unit_number(block), place = unit % OUTBOX_TABLE;
    for (; all->number_of[place] != 0; place = (place + 1) % OUTBOX_TABLE) {
        struct outbox_group *group = &all->groups[all->number_of[place] - 1];
        if (likely(group->unit == unit))
            return group;
    }
    return begin(all, block, place, groups);
}

/* A block that must not be freed. The group that was begun with it is none. */
static cold void refuse(struct outbox_groups *all, const struct outbox_group *group, const void *block,
                        uint32_t *groups) {
    if (group->limit != 0 && group->count == 0) {
        all->number_of[group->place] = 0;
        --*groups;
    }
    verdict_report("free", block, NULL);
}

/* Touches the blocks for the first time: entry_position and block_mark, taken apart. Often one is of the same
 * unit as the one before. What is freed for the second time is marked already; what is no block stays where
 * it is. */
static uint32_t group(struct outbox_groups *all, void *const *blocks, uint32_t count) {
    uint32_t groups = 0;
    struct block *before = NULL;
    struct outbox_group none = {.limit = 0}, *of = &none;
    for (uint32_t i = 0; i < count; i++) {
        struct block *block = blocks[i];
        if (!unit_is_same(block, before))
            of = group_of(all, block, &groups);
        uintptr_t mark = (uintptr_t)block + (uintptr_t)of->leaf;
        uint64_t offset = (uintptr_t)block + of->phase;
        if (unlikely(offset * of->reciprocal >= of->limit) || unlikely(block->mark == mark)) {
            refuse(all, of, block, &groups);
            before = NULL;
            continue;
        }
        *block = (struct block){of->first, mark};
        of->first = block;
        of->count++;
        before = block;
    }
    return groups;
}

/* Returns how many slabs they were of. */
static uint32_t send_grouped(struct arena *arena, struct outbox_groups *all, uint32_t count) {
    uint32_t groups = group(all, arena->outbox->blocks, count);
    struct released released;
    released.count = 0;
    rcu_enter(arena);
    for (uint32_t i = 0; i < groups; i++) {
        all->number_of[all->groups[i].place] = 0;
        send(arena, &all->groups[i], &released);
    }
    inbox_call_if_posted(arena, &released);
    rcu_leave(arena);
    return groups;
}

/* Returns how many slabs the blocks were of, as far as that is known. */
static uint32_t flush(struct arena *arena) {
    uint32_t count = arena->outbox_count;
    if (count == 0)
        return 0;
    arena->outbox_count = 0;
    outbox_set_room(arena, arena->outbox_size);
    struct outbox_groups *all = pool_take(&outbox_groups);
    if (all != NULL) {
        uint32_t groups = send_grouped(arena, all, count);
        pool_give(&outbox_groups, all);
        return groups;
    }
    for (uint32_t i = 0; i < count; i++)
        outbox_push_one(arena, arena->outbox->blocks[i]);
    return count;
}

void outbox_flush(struct arena *arena) {
    flush(arena);
}

/* Sees to an outbox with so many places; without memory, what there is remains. */
static void widen(struct arena *arena, uint32_t places) {
    struct outbox *before = arena->outbox;
    if (before != NULL && before->places >= places)
        return;
    bool is_few = places <= OUTBOX_FEW;
    struct outbox *outbox = pool_take(is_few ? &few : &many);
    if (outbox == NULL)
        return;
    outbox->places = is_few ? OUTBOX_FEW : OUTBOX_BLOCKS;
    arena->outbox = outbox;
    if (before != NULL)
        pool_give(&few, before);
}

static uint32_t size_for(uint64_t share) {
    uint64_t size = share / OUTBOX_SHARE;
    return size > OUTBOX_BYTES ? OUTBOX_BYTES : size < OUTBOX_LEAST ? OUTBOX_LEAST : (uint32_t)size;
}

/* Of a thread that only frees, and may sleep after any free: what its outbox keeps from others are slabs, so
 * it is as large as OUTBOX_FEW of them fill it, going by what was pushed last. */
static uint32_t size_to_shrink(uint32_t pushed, uint32_t slabs, uint32_t most) {
    uint32_t size = slabs > OUTBOX_FEW / 2 ? (uint32_t)((uint64_t)pushed * OUTBOX_FEW / slabs) : 2 * pushed;
    return size < OUTBOX_LEAST ? OUTBOX_LEAST : size < most ? size : most;
}

bool outbox_make_room(struct arena *arena, uint64_t share) {
    uint32_t size = size_for(share), pushed = (uint32_t)outbox_bytes(arena), slabs = flush(arena);
    if (arena->is_shrinking)
        size = size_to_shrink(pushed, slabs, size);
    widen(arena, size / PLACE_BYTES);
    if (arena->outbox == NULL)
        return false;
    uint32_t most = arena->outbox->places * PLACE_BYTES;
    __atomic_store_n(&arena->outbox_size, (int32_t)(size < most ? size : most), __ATOMIC_RELAXED);
    outbox_set_room(arena, arena->outbox_size);
    return true;
}

void outbox_push_one(struct arena *arena, void *address) {
    struct entry entry = registry_entry(address);
    struct slab *slab = entry_slab(entry);
    struct block *block = address;
    if (unlikely(!block_is_live(entry, slab->class, block))) {
        verdict_report("free", block, NULL);
        return;
    }
    block->mark = block_mark(entry, block);
    struct outbox_group group = {.slab = slab, .first = block, .last = block, .count = 1};
    struct released released;
    released.count = 0;
    rcu_enter(arena);
    send(arena, &group, &released);
    inbox_call_if_posted(arena, &released);
    rcu_leave(arena);
}

void outbox_add_anyway(struct arena *arena, uintptr_t class, void *block, uint64_t share) {
    bool fits = outbox_costs[class] <= (int32_t)(arena->is_shrinking ? OUTBOX_LEAST : size_for(share));
    if (!fits || !outbox_make_room(arena, share) || !outbox_add(arena, class, block))
        outbox_push_one(arena, block);
}
