/* SPDX-License-Identifier: MIT */
#include "limbo.h"

#include "../lock.h"
#include "../os.h"
#include "../report.h"
#include "rcu.h"
#include "superslab.h"

pthread_mutex_t limbo_lock = PTHREAD_MUTEX_INITIALIZER;

static struct extent *leaving; /* limbo_lock: no grace period yet, or with a slab posted after one */
static struct extent *left;    /* limbo_lock: one grace period passed, and no slab was posted after it */
static _Atomic bool busy;      /* a thread is in limbo_empty */
static _Atomic bool closed;    /* grace periods are impossible */
static _Atomic uint64_t bytes, unmapped, added, grace_periods;

bool limbo_is_closed(void) {
    return atomic_load_explicit(&closed, memory_order_relaxed);
}

uint64_t limbo_bytes(void) {
    return atomic_load_explicit(&bytes, memory_order_relaxed);
}

uint64_t limbo_unmapped(void) {
    return atomic_load_explicit(&unmapped, memory_order_relaxed);
}

uint64_t limbo_added(void) {
    return atomic_load_explicit(&added, memory_order_relaxed);
}

uint64_t limbo_grace_periods(void) {
    return atomic_load_explicit(&grace_periods, memory_order_relaxed);
}

void limbo_after_fork(void) {
    atomic_store_explicit(&busy, false, memory_order_relaxed);
    for (struct extent *extent = leaving; extent != NULL; extent = extent->next)
        for (unsigned i = 0; i < UNITS; i++)
            atomic_store_explicit(&((struct superslab *)extent)->slabs[i].posted, 0, memory_order_relaxed);
}

static void list_add(struct extent **list, struct extent *extent) {
    lock_take(&limbo_lock);
    extent->next = *list;
    *list = extent;
    lock_give(&limbo_lock);
}

static struct extent *list_take(struct extent **list) {
    lock_take(&limbo_lock);
    struct extent *taken = *list;
    *list = NULL;
    lock_give(&limbo_lock);
    return taken;
}

void limbo_add(struct extent *extent) {
    atomic_fetch_add_explicit(&bytes, extent->length, memory_order_relaxed);
    atomic_fetch_add_explicit(&added, 1, memory_order_relaxed);
    list_add(&leaving, extent);
}

static bool has_posted_slab(const struct extent *extent) {
    const struct superslab *superslab = (const struct superslab *)extent;
    for (unsigned i = 0; i < UNITS; i++)
        /* Acquire; partner: the sweeper that clears it. */
        if (atomic_load_explicit(&superslab->slabs[i].posted, memory_order_acquire) != 0)
            return true;
    return false;
}

/* Unmapping can fail when the kernel has no room to split a mapping; then the extent waits on. */
static void superslab_unmap(struct extent *extent) {
    if (!os_unmap(extent->base, extent->length)) {
        list_add(&left, extent);
        return;
    }
    space_give(extent->length);
    atomic_fetch_sub_explicit(&bytes, extent->length, memory_order_relaxed);
    atomic_fetch_add_explicit(&unmapped, 1, memory_order_relaxed);
    superslab_recycle((struct superslab *)extent);
}

static void put_back(struct extent **list, struct extent *extents) {
    while (extents != NULL) {
        struct extent *extent = extents;
        extents = extent->next;
        list_add(list, extent);
    }
}

void limbo_empty(void) {
    if (limbo_bytes() == 0 || limbo_is_closed() || rcu_is_reading() || thread.forking ||
        atomic_exchange_explicit(&busy, true, memory_order_acquire))
        return;
    struct extent *first_round = list_take(&leaving), *second_round = list_take(&left);
    if (first_round == NULL && second_round == NULL) {
        /* What is there is being added at this moment. */
    } else if (!rcu_wait()) {
        atomic_store_explicit(&closed, true, memory_order_relaxed);
        report_notice("membarrier no longer works in this process: address space is kept from now on");
        put_back(&leaving, first_round);
        put_back(&left, second_round);
    } else {
        atomic_fetch_add_explicit(&grace_periods, 1, memory_order_relaxed);
        while (second_round != NULL) {
            struct extent *extent = second_round;
            second_round = extent->next;
            superslab_unmap(extent);
        }
        while (first_round != NULL) {
            struct extent *extent = first_round;
            first_round = extent->next;
            list_add(has_posted_slab(extent) ? &leaving : &left, extent);
        }
    }
    atomic_store_explicit(&busy, false, memory_order_release);
}
