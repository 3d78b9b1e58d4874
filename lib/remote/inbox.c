/* SPDX-License-Identifier: MIT */
#include "inbox.h"

#include "../probe.h"
#include "../superslab/rcu.h"
#include "../superslab/descriptor.h"
#include "../superslab/slab.h"
#include "queue.h"

static void won_link(struct arena *arena, struct slab *slab, enum slab_won why) {
    slab->won = (uint8_t)why;
    slab->won_next = arena->won;
    arena->won = slab;
}

void won_add(struct arena *arena, struct slab *slab) {
    if (slab->won == WON_NOT)
        won_link(arena, slab, WON_DRAINED);
}

void claim_count(struct arena *arena, const struct slab *slab) {
    counter_add(&arena->counters.claims, 1);
    probe2(claim, slab->start, slab->block_size);
}

void won_claim(struct arena *arena, struct slab *slab, uint32_t blocks) {
    claim_count(arena, slab);
    slab->claimed_for = (uint16_t)blocks;
    won_link(arena, slab, WON_CLAIMED);
}

struct slab *won_take(struct arena *arena) {
    struct slab *slab = arena->won;
    if (slab != NULL)
        arena->won = slab->won_next;
    return slab;
}

static struct slab *slab_of_link(ck_stack_entry_t *link) {
    return (struct slab *)((char *)link - offsetof(struct slab, inbox_link));
}

static void sweep(struct arena *arena, struct arena *of);

static void post(struct arena *arena, struct arena *to, struct slab *slab) {
    /* Acquire and release; partner: the exchange in settle. Seeing the mark here, we know that the sweeper
     * who changes it to 0 looks at the queue after what we pushed. */
    if (atomic_exchange_explicit(&slab->posted, post_mark, memory_order_acq_rel) == post_mark)
        return;
    ck_pr_fence_release(); /* release; partner: the exchange in sweep */
    ck_stack_push_upmc(&to->inbox, &slab->inbox_link);
    counter_add(&arena->counters.posts, 1);
    /* Partners: the fences in release_all and give_up, between the store of owner and the look at posted.
     * Either they see our post and sweep their inbox, or we see that the slab is no longer theirs. */
    fence_atomic_load();
    if (unlikely(atomic_load_explicit(&slab->owner, memory_order_relaxed) != to))
        sweep(arena, to);
}

void inbox_notify(struct arena *arena, struct slab *slab) {
    /* Acquire; partners: slab_make and slab_release. */
    struct arena *owner = atomic_load_explicit(&slab->owner, memory_order_acquire);
    if (owner == OWNER_NONE) {
        /* Else another claims it, and drains it after the claim. */
        if (!slab_claim(slab, arena))
            return;
        won_claim(arena, slab, 0);
        owner = arena;
    } else if (unlikely(arena_is_frozen(owner))) {
        if (!slab_thaw(slab, owner, arena))
            return;
        won_claim(arena, slab, 0);
        owner = arena;
    }
    if (owner == arena) {
        queue_drain_owned(arena, slab);
        won_add(arena, slab);
    } else if (owner > OWNER_HUGE)
        post(arena, owner, slab);
    /* Else the units are free. */
}

void inbox_call_if_posted(struct arena *arena, struct released *released) {
    if (released->count == 0)
        return;
    fence_store_load(); /* partners: the fences in push and post */
    for (unsigned i = 0; i < released->count; i++)
        if (atomic_load_explicit(&released->slabs[i]->posted, memory_order_relaxed) == post_mark)
            arena->called = true;
    released->count = 0;
}

/* One slab of an inbox: from here on it may be posted again, so the queue is looked at afterwards. */
static void settle(struct arena *arena, struct slab *slab) {
    /* Acquire and release; partner: the exchange in post. */
    atomic_exchange_explicit(&slab->posted, 0, memory_order_acq_rel);
    fence_atomic_load();
    if (!queue_is_empty(slab))
        inbox_notify(arena, slab);
}

static void sweep(struct arena *arena, struct arena *of) {
    ck_stack_entry_t *entry = ck_stack_batch_pop_upmc(&of->inbox);
    ck_pr_fence_acquire(); /* acquire; partner: the push in post */
    while (entry != NULL) {
        struct slab *slab = slab_of_link(entry);
        entry = entry->next; /* before posted is cleared: then the link is the next poster's */
        settle(arena, slab);
    }
}

void inbox_post_own(struct arena *arena, struct slab *slab) {
    if (!queue_is_empty(slab))
        post(arena, arena, slab);
}

void inbox_after_fork(struct arena *arena, struct slab *slab) {
    struct arena *owner = atomic_load_explicit(&slab->owner, memory_order_relaxed);
    if (arena_is_frozen(owner) || (owner == OWNER_NONE && !queue_is_empty(slab)))
        inbox_notify(arena, slab);
}

void inbox_sweep(struct arena *arena) {
    if (inbox_is_empty(arena))
        return;
    rcu_enter(arena);
    sweep(arena, arena);
    rcu_leave(arena);
}
