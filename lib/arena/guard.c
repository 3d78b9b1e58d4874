/* SPDX-License-Identifier: MIT */
#include "guard.h"

#include "../config.h"
#include "../report.h"
#include "../superslab/registry.h"
#include "../superslab/slab.h"
#include "../thread.h"

static const char freed_twice[] = "already freed. Look for two owners of this block.";

static void free_list_walk(const char *call, const struct slab *slab, const struct block *block) {
    for (const struct block *free = slab->free; free != NULL; free = free->next)
        if (free == block)
            report_block(call, block, slab, freed_twice);
}

void guard_block(const char *call, const struct arena *arena, const struct slab *slab,
                 const struct block *block) {
    if (!slab_holds_block(slab, block))
        report_block(call, block, slab, "inside a block, not its start. Free what malloc returned.");
    if (arena == NULL)
        return;
    if ((size_t)((const char *)block - slab->start) / slab->block_size >= slab->carved)
        report_block(call, block, slab, "never allocated. Free what malloc returned.");
    if (slab->used == 0 || slab->free == block)
        report_block(call, block, slab, freed_twice);
    if (config.guard >= 2)
        free_list_walk(call, slab, block);
}

static void check_slab(const struct arena *arena, const struct slab *slab, enum slab_place place) {
    if (atomic_load_explicit(&slab->owner, memory_order_relaxed) != arena)
        report_invariant("an arena's lists hold slabs that it owns", slab, slab, arena);
    if (slab->place != place)
        report_invariant("a slab is in the list that it says", slab, slab, arena);
    if (slab_has_blocks(slab) != (place == PLACE_AVAILABLE))
        report_invariant("a slab is available if and only if it has blocks", slab, slab, arena);
    struct entry entry = registry_entry(slab->start);
    if (entry_slab(entry) != slab)
        report_invariant("the registry finds the slab of a block", slab->start, slab, arena);
    if (atomic_load_explicit(&entry.leaf->owners[entry.index], memory_order_relaxed) != arena)
        report_invariant("the registry names the owner of a slab", slab->start, slab, arena);
    slab_check(slab);
}

static uint32_t check_list(const struct arena *arena, const struct slab_list *list, enum slab_place place) {
    const struct slab *prev = NULL;
    uint32_t count = 0;
    for (const struct slab *slab = list->first; slab != NULL; prev = slab, slab = slab->next, count++) {
        if (slab->prev != prev)
            report_invariant("a list's links agree", slab, slab, arena);
        check_slab(arena, slab, place);
    }
    if (list->last != prev)
        report_invariant("a list's links agree", list->last, prev, arena);
    return count;
}

static void check_cache(const struct arena *arena, unsigned class, const struct block *block) {
    for (; block != NULL; block = block->next) {
        const struct slab *slab = registry_find(block);
        if (slab == NULL || atomic_load_explicit(&slab->owner, memory_order_relaxed) != arena ||
            slab->class != class || !slab_holds_block(slab, block))
            report_invariant("a cache holds blocks of its class and of its arena's slabs", block, slab,
                             arena);
    }
}

static void check_outbox(const struct arena *arena) {
    for (unsigned i = 0; i < OUTBOX_SLOTS; i++) {
        const struct outbox_slot *slot = &arena->outbox[i];
        if ((slot->slab != NULL) != (arena->outbox_used >> i & 1))
            report_invariant("outbox_used tells which slots are in use", slot, slot->slab, arena);
        if (slot->slab == NULL)
            continue;
        uint32_t count = 0;
        const struct block *last = NULL;
        for (const struct block *block = slot->first; block != NULL; last = block, block = block->next) {
            if (!slab_holds_block(slot->slab, block) || ++count > slot->most - slot->room)
                report_invariant("an outbox slot holds blocks of its slab", block, slot->slab, arena);
        }
        if (count != slot->most - slot->room || last != slot->last)
            report_invariant("an outbox slot's count is that of its blocks", slot, slot->slab, arena);
    }
}

void guard_check(const struct arena *arena) {
    uint32_t slabs = 0;
    for (unsigned class = 1; class < CLASSES; class ++) {
        slabs += check_list(arena, &arena->available[class], PLACE_AVAILABLE);
        slabs += check_list(arena, &arena->full[class], PLACE_FULL);
        if (arena == thread.arena) {
            check_cache(arena, class, thread.cache[class]);
            check_cache(arena, class, thread.spare[class]);
        }
    }
    if (slabs != arena->slabs)
        report_invariant("an arena counts its slabs", &arena->slabs, NULL, arena);
    check_outbox(arena);
}
