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

/* Slabs that have been released in a read section, and not been looked at since. */
struct released {
    struct slab *slabs[LET_GO_AT_ONCE];
    unsigned count;
};

static void look(struct arena *arena, struct released *released) {
    inbox_call_if_posted(arena, released->slabs, released->count);
    released->count = 0;
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
    counter_add(&arena->counters.claims, 1);
    counter_add(&arena->counters.orphans, 1);
    probe2(claim, slab->start, slab->block_size);
    slab_release(slab);
    released->slabs[released->count++] = slab;
    if (released->count == LET_GO_AT_ONCE)
        look(arena, released);
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

/* Where the table has a slab, or may have it. */
static uint16_t place_of(const struct outbox_groups *all, const struct slab *slab) {
    uint16_t place = (uintptr_t)slab / sizeof *slab % OUTBOX_TABLE;
    while (all->number_of[place] != 0 && all->groups[all->number_of[place] - 1].slab != slab)
        place = (place + 1) % OUTBOX_TABLE;
    return place;
}

/* The group of a slab, which may be new. */
static struct outbox_group *group_of(struct outbox_groups *all, struct block *block, uint32_t *groups) {
    struct slab *slab = entry_slab(registry_entry(block));
    uint16_t place = place_of(all, slab);
    if (all->number_of[place] == 0) {
        all->groups[*groups] = (struct outbox_group){.slab = slab, .last = block, .place = place};
        all->number_of[place] = (uint16_t)++ * groups;
        __builtin_prefetch(slab, 1);
        __builtin_prefetch(&slab->free, 1);
    }
    return &all->groups[all->number_of[place] - 1];
}

/* What a flush knows of the unit of the blocks that it looks at: entry_position and block_mark, taken apart.
 */
struct unit {
    struct outbox_group *group;
    const struct leaf *leaf;
    uint64_t limit, reciprocal, phase;
};

static noinline struct unit unit_of(struct outbox_groups *all, struct block *block, uint32_t *groups) {
    struct entry entry = registry_entry(block);
    uintptr_t class = atomic_load_explicit(&entry.leaf->classes[entry.index], memory_order_relaxed);
    struct unit unit = {.group = all->groups, .leaf = entry.leaf, .limit = entry_limit(entry)};
    unit.reciprocal = entry.leaf->reciprocals[class];
    unit.phase = entry.leaf->phases[entry.index];
    if (unit.limit != 0)
        unit.group = group_of(all, block, groups);
    return unit;
}

/* A block that must not be freed. The group that was begun with it is none. */
static cold void refuse(struct outbox_groups *all, const struct unit *unit, const void *block,
                        uint32_t *groups) {
    if (unit->limit != 0 && unit->group->count == 0) {
        all->number_of[unit->group->place] = 0;
        --*groups;
    }
    verdict_report("free", block, NULL);
}

/* Touches the blocks for the first time. Often one is of the same slab as the one before. What is freed for
 * the second time is marked already; what is no block stays where it is. */
static uint32_t group(struct outbox_groups *all, void *const *blocks, uint32_t count) {
    uint32_t groups = 0;
    struct block *before = NULL;
    struct unit unit = {.group = all->groups};
    for (uint32_t i = 0; i < count; i++) {
        struct block *block = blocks[i];
        if (!unit_is_same(block, before))
            unit = unit_of(all, block, &groups);
        uintptr_t mark = (uintptr_t)block + (uintptr_t)unit.leaf;
        uint64_t offset = (uintptr_t)block + unit.phase;
        if (unlikely(offset * unit.reciprocal >= unit.limit) || unlikely(block->mark == mark)) {
            refuse(all, &unit, block, &groups);
            before = NULL;
            continue;
        }
        *block = (struct block){unit.group->first, mark};
        unit.group->first = block;
        unit.group->count++;
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
    look(arena, &released);
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
    look(arena, &released);
    rcu_leave(arena);
}

void outbox_add_anyway(struct arena *arena, uintptr_t class, void *block, uint64_t share) {
    bool fits = outbox_costs[class] <= (int32_t)(arena->is_shrinking ? OUTBOX_LEAST : size_for(share));
    if (!fits || !outbox_make_room(arena, share) || !outbox_add(arena, class, block))
        outbox_push_one(arena, block);
}
