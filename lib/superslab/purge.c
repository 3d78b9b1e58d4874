/* SPDX-License-Identifier: MIT */
#include "purge.h"

#include <errno.h>

#include "../config.h"
#include "../lock.h"
#include "../os.h"
#include "../thread.h"
#include "limbo.h"
#include "region.h"
#include "superslab.h"

pthread_mutex_t purge_lock = PTHREAD_MUTEX_INITIALIZER;

/* A visit of all slots, slice by slice. All of it purge_lock. */
static struct {
    uint32_t next;       /* the slot that comes next */
    uint64_t empty_kept; /* empty SuperSlabs that it has left alone */
} visit;

static _Atomic uint64_t last_tick; /* milliseconds */
static _Atomic bool is_unfinished; /* the next slow path goes on with the visit */

/* Whether it is for the purge to see to a slot: it has free units that are dirty, or all of its units are. */
static bool has_to_purge(struct slot *slot) {
    uint64_t free = atomic_load_explicit(&slot->free, memory_order_relaxed);
    return free == UINT64_MAX || (free & atomic_load_explicit(&slot->dirty, memory_order_relaxed)) != 0;
}

/* Purges units that the caller has taken, each run of adjoining ones with one system call. */
static uint64_t units_purge(const struct superslab *superslab, uint64_t units) {
    uint64_t clean = 0;
    for (uint64_t rest = units; rest != 0;) {
        unsigned first = (unsigned)__builtin_ctzl(rest);
        uint64_t from_first = ~(rest >> first);
        unsigned length = from_first == 0 ? UNITS - first : (unsigned)__builtin_ctzl(from_first);
        uint64_t run = (length == UNITS ? UINT64_MAX : (1ul << length) - 1) << first;
        if (pages_purge(superslab->base + first * UNIT, length * UNIT))
            clean |= run;
        rest &= ~run;
    }
    return clean;
}

/* The units are taken while they are purged, so that nobody is given one in between. */
static void slot_purge(uint32_t index, uint64_t wanted) {
    struct slot *slot = slot_at(index);
    uint64_t free = atomic_load_explicit(&slot->free, memory_order_relaxed), units;
    do {
        units = free & wanted & atomic_load_explicit(&slot->dirty, memory_order_relaxed);
        if (units == 0)
            return;
        /* Acquire; partner: units_give. */
    } while (!atomic_compare_exchange_weak_explicit(&slot->free, &free, free & ~units, memory_order_acquire,
                                                    memory_order_relaxed));
    const struct superslab *superslab = atomic_load_explicit(&slot->superslab, memory_order_relaxed);
    atomic_fetch_and_explicit(&slot->dirty, ~units_purge(superslab, units), memory_order_relaxed);
    /* Release; partner: units_take. */
    atomic_fetch_or_explicit(&slot->free, units, memory_order_release);
    units_offer(index);
}

/* What there is to do for one slot. Says whether there will be more. */
static bool slot_visit(uint32_t index, bool all) {
    struct slot *slot = slot_at(index);
    uint64_t aged = all ? UINT64_MAX : atomic_load_explicit(&slot->aged, memory_order_relaxed);
    slot_purge(index, aged);
    uint64_t free = atomic_load_explicit(&slot->free, memory_order_relaxed);
    if (free == UINT64_MAX && aged == UINT64_MAX && (all || visit.empty_kept++ >= config.keep_superslabs))
        return !superslab_retire(slot);
    atomic_fetch_or_explicit(&slot->aged, free, memory_order_relaxed);
    return has_to_purge(slot);
}

/* Goes on with the visit until enough has been given back for one time. Under purge_lock, which makes this
 * the only writer of bits of aged to 1. Says whether it has come to the end. */
static bool slots_purge(bool all) {
    uint64_t start = purged_bytes();
    if (all || visit.next == 0)
        visit.next = 0, visit.empty_kept = 0;
    for (; slots_next(LIST_TO_PURGE, &visit.next); visit.next++) {
        if (!all && purged_bytes() - start > PURGE_AT_ONCE)
            return false;
        if (slot_visit(visit.next, all))
            continue;
        slot_strike(visit.next, LIST_TO_PURGE);
        if (has_to_purge(slot_at(visit.next)))
            slot_list(visit.next, LIST_TO_PURGE);
    }
    visit.next = 0;
    return true;
}

static void purge(bool all) {
    int error = errno;
    bool done = true;
    if (all)
        lock_take(&purge_lock);
    if (all || pthread_mutex_trylock(&purge_lock) == 0) {
        done = slots_purge(all);
        lock_give(&purge_lock);
    }
    if (done) {
        limbo_empty();
        done = region_decay(all);
    }
    atomic_store_explicit(&is_unfinished, !done, memory_order_relaxed);
    errno = error;
}

void purge_excess(void) {
    int error = errno;
    uint32_t index = 0;
    if (pthread_mutex_trylock(&purge_lock) != 0)
        return;
    for (unsigned empty = 0; slots_next(LIST_WHOLE, &index); index++) {
        struct slot *slot = slot_at(index);
        if (atomic_load_explicit(&slot->free, memory_order_relaxed) != UINT64_MAX || ++empty <= EMPTY_MOST)
            continue;
        slot_purge(index, UINT64_MAX);
        superslab_retire(slot);
        break;
    }
    lock_give(&purge_lock);
    errno = error;
}

void purge_tick(void) {
    uint64_t now = os_clock(), last = atomic_load_explicit(&last_tick, memory_order_relaxed);
    if ((now - last < config.decay / 2 && !atomic_load_explicit(&is_unfinished, memory_order_relaxed)) ||
        thread.own == NULL)
        return;
    if (atomic_compare_exchange_strong_explicit(&last_tick, &last, now, memory_order_relaxed,
                                                memory_order_relaxed))
        purge(config.decay == 0);
}

void purge_all(void) {
    purge(true);
    limbo_empty();
    region_decay(true);
}
