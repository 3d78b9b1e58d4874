/* SPDX-License-Identifier: MIT */
#include "queue.h"

#include "../config.h"
#include "../probe.h"
#include "../report.h"
#include "../superslab/filling.h"
#include "../superslab/registry.h"
#include "../superslab/slab.h"
#include "../superslab/verdict.h"

struct arena lost_arena = {.state = ARENA_FROZEN};
bool some_are_frozen;

bool slab_claim(struct slab *slab, struct arena *arena) {
    struct arena *none = OWNER_NONE;
    /* Acquire; partner: slab_release. */
    if (!atomic_compare_exchange_strong_explicit(&slab->owner, &none, arena, memory_order_acquire,
                                                 memory_order_relaxed))
        return false;
    /* Between the claim and the look at the queue; partner: the fence in push. Either we find the batch, or
     * its pusher, who fails to claim, finds us. */
    fence_atomic_load();
    return true;
}

/* The threads of a parent go on while the kernel copies it, but the child sees all that one of them stored
 * before some moment, and nothing that it stored after that. So if the list and the counters agree, that
 * moment was in no edit, or blocks that it was about to take or to give are in neither: they count as used
 * for ever. It is claimed first, for nobody else may edit it while we look. */
bool slab_thaw(struct slab *slab, struct arena *frozen, struct arena *arena) {
    if (frozen == &lost_arena ||
        !atomic_compare_exchange_strong_explicit(&slab->owner, &frozen, arena, memory_order_acquire,
                                                 memory_order_relaxed))
        return false;
    fence_atomic_load(); /* as in slab_claim */
    if (!slab_is_whole(slab)) {
        atomic_store_explicit(&slab->owner, &lost_arena, memory_order_release);
        arena->called = true; /* it may have been posted to us meanwhile */
        return false;
    }
    registry_own(slab, NULL);
    registry_classify(slab, slab->class); /* it may have been new */
    registry_carve(slab, slab->carved);
    slab->won = WON_NOT;
    if (slab->place != PLACE_ORPHANS)
        slab->place = PLACE_NONE; /* the lists that it was in are nobody's */
    return true;
}

void slab_release(struct slab *slab) {
    /* Release; partner: slab_claim. */
    atomic_store_explicit(&slab->owner, OWNER_NONE, memory_order_release);
}

static struct block *block_at(const struct slab *slab, uint16_t grains) {
    return (struct block *)(slab->start + (size_t)grains * GRAIN);
}

/* A batch travels with its list in offsets; put the pointers back and splice. */
static void splice(struct slab *slab, struct block *first, struct batch batch) {
    struct block *last = block_at(slab, batch.last);
    first->next = block_at(slab, batch.second);
    first->mark = block_mark(registry_entry(first), first);
    if (unlikely(config.guard >= 2))
        filling_mend(first, slab->block_size);
    last->next = slab->free;
    slab->free = first;
    slab_set_used(slab, slab->used - batch.count);
}

/* Whether a block's link may lead to a carved block of the slab, as far as its address tells. */
static bool link_fits(const struct slab *slab, const struct block *block) {
    return (uintptr_t)block - (uintptr_t)slab->start < slab->units * UNIT &&
           entry_position(registry_entry(slab->start), slab->class, block) <
               entry_limit(registry_entry(slab->start));
}

/* The first block of a batch of the smallest blocks has no mark: who frees it again writes one over the
 * batch. If the process goes on, what was pushed before is lost. */
static bool is_freed_again(const struct slab *slab, const struct block *first) {
    if (slab->block_size > sizeof(struct block) || first->mark != block_mark(registry_entry(first), first))
        return false;
    verdict_report("free", first, NULL);
    return true;
}

/* A batch that has been written to is not followed. */
static void check_batch(const struct arena *arena, const struct slab *slab, const struct block *first,
                        struct batch batch) {
    if (batch.count == 0 || batch.count > slab->used)
        report_invariant("a batch holds blocks that are in use", first, slab, arena);
    struct entry entry = registry_entry(first);
    uint64_t limit = entry_limit(entry);
    if (entry_position(entry, slab->class, first) >= limit ||
        entry_position(entry, slab->class, block_at(slab, batch.second)) >= limit ||
        entry_position(entry, slab->class, block_at(slab, batch.last)) >= limit)
        report_invariant("a batch holds blocks of its slab", first, slab, arena);
    if (first->next != NULL && !link_fits(slab, first->next))
        report_invariant("a batch is linked to batches of its slab", first, slab, arena);
}

uint32_t queue_drain_owned(struct arena *arena, struct slab *slab) {
    uint32_t drained = 0;
    if (queue_is_empty(slab))
        return 0;
    if (atomic_load_explicit(&slab->owner, memory_order_relaxed) != arena)
        report_invariant("a remote queue is drained by the slab's owner only", slab, slab, arena);
    ck_stack_entry_t *entry = ck_stack_batch_pop_upmc(&slab->queue);
    ck_pr_fence_acquire(); /* acquire; partner: queue_push_mp */
    for (unsigned batches = 0; entry != NULL; batches++) {
        if (batches == FETCH_BATCHES)
            slab_fetch(slab); /* each would have to wait for the one before */
        struct block *first = (struct block *)entry;
        struct batch batch = *batch_of(slab, first);
        if (unlikely(is_freed_again(slab, first)))
            break;
        check_batch(arena, slab, first, batch);
        entry = entry->next;
        splice(slab, first, batch);
        drained += batch.count;
    }
    counter_add(&arena->counters.drains, 1);
    probe3(drain, slab->start, drained, slab->block_size);
    counter_add(&arena->counters.used[slab->class], -(int64_t)drained);
    counter_add(&arena->counters.queued[slab->class], -(int64_t)drained);
    return drained;
}
