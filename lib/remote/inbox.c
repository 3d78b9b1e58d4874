/* SPDX-License-Identifier: MIT */
#include "inbox.h"

#include "../superslab/rcu.h"
#include "queue.h"

static void won_add(struct arena *arena, struct slab *slab) {
    if (slab->won)
        return;
    slab->won = true;
    slab->won_next = arena->won;
    arena->won = slab;
}

struct slab *won_take(struct arena *arena) {
    struct slab *slab = arena->won;
    if (slab != NULL) {
        arena->won = slab->won_next;
        slab->won = false;
    }
    return slab;
}

static struct slab *slab_of_link(ck_stack_entry_t *link) {
    return (struct slab *)((char *)link - offsetof(struct slab, inbox_link));
}

static void sweep(struct arena *arena, struct arena *of);

static bool has_exited(const struct arena *arena) {
    return atomic_load_explicit(&arena->state, memory_order_relaxed) == ARENA_EXITED;
}

static void post(struct arena *arena, struct arena *to, struct slab *slab) {
    /* We have seen the slab in the hands of an arena that has exited: it still has to release it, and looks
     * at the queue after that. */
    if (unlikely(has_exited(to)))
        return;
    /* Acquire and release; partner: the exchange in settle. Seeing 1 here, we know that the sweeper who
     * changes it to 0 looks at the queue after what we pushed. */
    if (atomic_exchange_explicit(&slab->posted, 1, memory_order_acq_rel) != 0)
        return;
    ck_pr_fence_release(); /* release; partner: the exchange in sweep */
    ck_stack_push_upmc(&to->inbox, &slab->inbox_link);
    counter_add(&arena->counters.posts, 1);
    /* Partner: slabs_release_all, which stores the state, fences, and sweeps a last time. Either that sweep
     * finds the slab, or we see that the arena has exited. */
    fence_atomic_load();
    if (unlikely(has_exited(to)))
        sweep(arena, to);
}

void inbox_notify(struct arena *arena, struct slab *slab) {
    /* Acquire; partners: slab_make and slab_release. */
    struct arena *owner = atomic_load_explicit(&slab->owner, memory_order_acquire);
    if (owner == OWNER_NONE) {
        /* Else another claims it, and drains it after the claim. */
        if (!slab_claim(slab, arena))
            return;
        counter_add(&arena->counters.claims, 1);
        owner = arena;
    }
    if (owner == arena) {
        queue_drain_owned(arena, slab);
        won_add(arena, slab);
    } else if (owner > OWNER_HUGE)
        post(arena, owner, slab);
    /* Else the units are free. */
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

void inbox_after_fork(struct arena *arena, struct slab *slab) {
    /* Written only where it changes: the child shares its memory with the parent until it writes. */
    if (atomic_load_explicit(&slab->posted, memory_order_relaxed) != 0)
        atomic_store_explicit(&slab->posted, 0, memory_order_relaxed);
    if (!queue_is_empty(slab))
        inbox_notify(arena, slab);
}

void inbox_sweep(struct arena *arena, struct arena *of) {
    if (inbox_is_empty(of))
        return;
    rcu_enter(arena);
    sweep(arena, of);
    rcu_leave(arena);
}
