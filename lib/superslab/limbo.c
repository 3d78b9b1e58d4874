/* SPDX-License-Identifier: MIT */
#include "limbo.h"

#include "../lock.h"
#include "../probe.h"
#include "../thread.h"
#include "call.h"
#include "descriptor.h"
#include "rcu.h"
#include "region.h"

pthread_mutex_t limbo_lock = PTHREAD_MUTEX_INITIALIZER;

static struct superslab *leaving; /* limbo_lock: no grace period yet, or with a slab posted after one */
static struct superslab *left;    /* limbo_lock: one grace period passed, and no slab was posted after it */
static _Atomic bool busy;         /* a thread is in limbo_empty */
static _Atomic bool is_pending;   /* see limbo_is_pending */
static struct superslab *first_round, *second_round; /* that thread only: what its grace period is for */
static _Atomic uint64_t bytes, freed, added, grace_periods;

uint64_t limbo_bytes(void) {
    return atomic_load_explicit(&bytes, memory_order_relaxed);
}

uint64_t limbo_freed(void) {
    return atomic_load_explicit(&freed, memory_order_relaxed);
}

uint64_t limbo_added(void) {
    return atomic_load_explicit(&added, memory_order_relaxed);
}

uint64_t limbo_grace_periods(void) {
    return atomic_load_explicit(&grace_periods, memory_order_relaxed);
}

static void list_add(struct superslab **list, struct superslab *superslab) {
    lock_take(&limbo_lock);
    superslab->next = *list;
    *list = superslab;
    lock_give(&limbo_lock);
}

static struct superslab *list_take(struct superslab **list) {
    lock_take(&limbo_lock);
    struct superslab *taken = *list;
    *list = NULL;
    lock_give(&limbo_lock);
    return taken;
}

void limbo_add(struct superslab *superslab) {
    region_hold(&superslab->granules, superslab->dirty);
    atomic_fetch_add_explicit(&bytes, SUPERSLAB, memory_order_relaxed);
    atomic_fetch_add_explicit(&added, 1, memory_order_relaxed);
    list_add(&leaving, superslab);
    atomic_exchange_explicit(&is_pending, true, memory_order_relaxed); /* as housekeeper_wake wants it */
    housekeeper_wake();
}

bool limbo_is_pending(void) {
    return limbo_bytes() != 0 && atomic_load_explicit(&is_pending, memory_order_relaxed);
}

static bool has_posted_slab(const struct superslab *superslab) {
    for (unsigned i = 0; i < UNITS; i++)
        /* Acquire; partner: the sweeper that clears it. */
        if (atomic_load_explicit(&superslab->slabs[i].posted, memory_order_acquire) == post_mark)
            return true;
    return false;
}

static void leave(struct superslab *superslab) {
    region_give(&superslab->granules);
    descriptor_give(superslab);
    atomic_fetch_sub_explicit(&bytes, SUPERSLAB, memory_order_relaxed);
    atomic_fetch_add_explicit(&freed, 1, memory_order_relaxed);
}

/* Moves SuperSlabs that were taken for this time to a list. */
static void put_back(struct superslab **list, struct superslab **round) {
    for (struct superslab *superslab; (superslab = *round) != NULL;) {
        *round = superslab->next;
        list_add(list, superslab);
    }
}

void limbo_empty(void) {
    if (limbo_bytes() == 0 || thread.state == THREAD_FORKING ||
        atomic_exchange_explicit(&busy, true, memory_order_acquire))
        return;
    atomic_store_explicit(&is_pending, false, memory_order_relaxed);
    first_round = list_take(&leaving);
    second_round = list_take(&left);
    if (first_round == NULL && second_round == NULL) {
        /* What is there is being added at this moment. */
    } else if (!rcu_wait()) {
        /* The next tick tries again. */
        put_back(&leaving, &first_round);
        put_back(&left, &second_round);
        atomic_store_explicit(&is_pending, true, memory_order_relaxed);
    } else {
        uint64_t waiting = limbo_bytes();
        __asm__("" : "+r"(waiting)); /* tracers cannot find a static variable */
        probe1(grace_period, waiting);
        atomic_fetch_add_explicit(&grace_periods, 1, memory_order_relaxed);
        for (struct superslab *superslab; (superslab = second_round) != NULL;) {
            second_round = superslab->next;
            leave(superslab);
        }
        for (struct superslab *superslab; (superslab = first_round) != NULL;) {
            first_round = superslab->next;
            bool is_posted = has_posted_slab(superslab);
            list_add(is_posted ? &leaving : &left, superslab);
            if (!is_posted)
                atomic_store_explicit(&is_pending, true, memory_order_relaxed);
        }
    }
    atomic_store_explicit(&busy, false, memory_order_release);
}

/* Whoever was emptying limbo is gone, and what it had taken starts anew; but for the one that it had in hand.
 */
void limbo_after_fork(void) {
    atomic_store_explicit(&busy, false, memory_order_relaxed);
    atomic_store_explicit(&is_pending, true, memory_order_relaxed);
    put_back(&leaving, &first_round);
    put_back(&leaving, &second_round);
}
