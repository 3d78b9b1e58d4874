/* SPDX-License-Identifier: MIT */
#include "guard.h"

#include "../config.h"
#include "../remote/outbox.h"
#include "../report.h"
#include "../superslab/filling.h"
#include "../superslab/registry.h"
#include "../superslab/size_class.h"
#include "../superslab/slab.h"
#include "../superslab/verdict.h"
#include "../thread.h"
#include "cuts.h"
#include "runs.h"

static void check_slab(const struct arena *arena, const struct slab *slab) {
    if (atomic_load_explicit(&slab->owner, memory_order_relaxed) != arena)
        report_invariant("an arena's lists hold slabs that it owns", slab, slab, arena);
    if (slab->place != (slab_has_blocks(slab) ? PLACE_AVAILABLE : PLACE_FULL))
        report_invariant("a slab is available if and only if it has blocks", slab, slab, arena);
    struct entry entry = registry_entry(slab->start);
    if (entry_slab(entry) != slab)
        report_invariant("the registry finds the slab of a block", slab->start, slab, arena);
    if (atomic_load_explicit(&entry.leaf->owners[entry.index], memory_order_relaxed) != arena)
        report_invariant("the registry names the owner of a slab", slab->start, slab, arena);
    slab_check(slab);
}

static uint32_t check_available(const struct arena *arena, const struct slab_list *list) {
    const struct slab *prev = NULL;
    uint32_t count = 0;
    for (const struct slab *slab = list->first; slab != NULL; prev = slab, slab = slab->next, count++) {
        if (slab->prev != prev)
            report_invariant("a list's links agree", slab, slab, arena);
        if (slab->place != PLACE_AVAILABLE)
            report_invariant("a slab is in the list that it says", slab, slab, arena);
    }
    if (list->last != prev)
        report_invariant("a list's links agree", list->last, prev, arena);
    return count;
}

/* All that it owns; returns how many of them are available. One slab may be larger than the share, which is
 * that of when it was looked up last. */
static uint32_t check_owned(const struct arena *arena) {
    const struct slab *older = NULL;
    uint64_t bytes = 0;
    uint32_t available = 0;
    for (const struct slab *slab = arena->oldest; slab != NULL; older = slab, slab = slab->younger) {
        if (slab->older != older)
            report_invariant("a list's links agree", slab, slab, arena);
        check_slab(arena, slab);
        bytes += slab->units * UNIT;
        available += slab->place == PLACE_AVAILABLE;
    }
    if (arena->youngest != older)
        report_invariant("a list's links agree", arena->youngest, older, arena);
    if (arena->owned != bytes)
        report_invariant("an arena counts what it owns", &arena->owned, NULL, arena);
    if (bytes > arena->share && arena->oldest != arena->youngest)
        report_invariant("an arena owns no more than its share", &arena->owned, NULL, arena);
    return available;
}

/* The lists of a class, and the blocks in them. */
struct cached {
    const struct arena *arena;
    unsigned class;
    uint32_t count;
};

static void check_list(void *context, const struct block *block) {
    struct cached *cached = context;
    uint32_t most = cached->arena->stock->held[cached->class];
    for (; block != NULL && cached->count <= most; block = block->next, cached->count++) {
        const struct slab *slab = registry_find(block);
        if (slab == NULL || slab->class != cached->class || !slab_holds_block(slab, block))
            report_invariant("a cache holds blocks of its class", block, slab, cached->arena);
    }
}

static void check_caches(const struct arena *arena) {
    uint64_t quotas = 0;
    for (unsigned class = 1; class < CLASSES; class ++) {
        uint64_t quota = (uint64_t)thread.room[class].quota;
        struct cached cached = {.arena = arena, .class = class};
        cuts_visit(class, check_list, &cached);
        if (cached.count > arena->stock->held[class] || arena->stock->held[class] > HELD_MOST * quota)
            report_invariant("a cache holds so many times its quota at most", &thread.cache[class], NULL,
                             arena);
        quotas += quota * size_class_bytes(class);
    }
    if (quotas != arena->quotas)
        report_invariant("an arena counts its quotas", &arena->quotas, NULL, arena);
    if (quotas > SHARE_MOST / CACHE_SHARE + CACHE_LEAST)
        report_invariant("the quotas are a part of an arena's share", &arena->quotas, NULL, arena);
}

/* What is no block there is a mistake of the program's, which may go on. */
static void check_outbox(const struct arena *arena) {
    int32_t room = (int32_t)OUTBOX_BYTES;
    for (uint32_t i = 0; i < arena->outbox_count; i++) {
        const struct block *block = arena->outbox->blocks[i];
        const struct slab *slab = registry_find(block);
        if (slab == NULL || !slab_holds_block(slab, block))
            verdict_report("free", block, NULL);
        else
            room -= outbox_costs[slab->class];
    }
    if (arena->outbox_room < 0 || arena->outbox_room > room)
        report_invariant("an outbox has room for what is in it", &arena->outbox_room, NULL, arena);
}

/* A block need not be freed to be looked at. */
static void look_beyond(const struct slab *slab) {
    for (uint32_t i = 0; i < slab->carved; i++) {
        const char *block = slab->start + (size_t)i * slab->block_size;
        if (!filling_holds(block, slab->block_size))
            verdict_damage("check", block, WRITTEN_BEYOND, NULL);
    }
}

void guard_check_one(const struct arena *arena) {
    if (arena->youngest == NULL)
        return;
    check_slab(arena, arena->youngest);
    look_beyond(arena->youngest);
}

void guard_finish(const struct arena *arena) {
    for (const struct slab *slab = arena->oldest; slab != NULL; slab = slab->younger)
        look_beyond(slab);
}

void guard_check(const struct arena *arena) {
    uint32_t available = 0;
    for (unsigned class = 1; class < CLASSES; class ++)
        available += check_available(arena, &arena->stock->available[class]);
    if (available != check_owned(arena))
        report_invariant("an arena owns the slabs in its lists", &arena->oldest, NULL, arena);
    if (arena == thread.arena)
        check_caches(arena);
    uint64_t runs_most = config.guard >= 2 ? (config.quarantine << 10) + LARGE_MAX : RUNS_MOST;
    if (runs_kept(arena) > runs_most)
        report_invariant("an arena keeps few runs", &arena->runs, NULL, arena);
    check_outbox(arena);
}
