/* SPDX-License-Identifier: MIT */
#include "purge.h"

#include <errno.h>

#include "../config.h"
#include "../lock.h"
#include "../os.h"
#include "../thread.h"
#include "huge.h"
#include "limbo.h"
#include "superslab.h"
#include "units.h"

pthread_mutex_t purge_lock = PTHREAD_MUTEX_INITIALIZER;

static _Atomic uint64_t last_tick; /* milliseconds */
static _Atomic uint64_t purged;

uint64_t purged_bytes(void) {
    return atomic_load_explicit(&purged, memory_order_relaxed);
}

static bool pages_purge(char *base, size_t length) {
    if (!os_purge(base, length))
        return false;
    atomic_fetch_add_explicit(&purged, length, memory_order_relaxed);
    return true;
}

void purge_extent(const struct extent *extent) {
    pages_purge(extent->base, extent->length);
}

/* Purges units that the caller has taken, each run of adjoining ones with one system call. */
static uint64_t units_purge(const struct superslab *superslab, uint64_t units) {
    uint64_t clean = 0;
    for (uint64_t rest = units; rest != 0;) {
        unsigned first = (unsigned)__builtin_ctzl(rest);
        uint64_t from_first = ~(rest >> first);
        unsigned length = from_first == 0 ? UNITS - first : (unsigned)__builtin_ctzl(from_first);
        uint64_t run = (length == UNITS ? UINT64_MAX : (1ul << length) - 1) << first;
        if (pages_purge(superslab->extent.base + first * UNIT, length * UNIT))
            clean |= run;
        rest &= ~run;
    }
    return clean;
}

/* The units are taken while they are purged, so that nobody is given one in between. */
static void slot_purge(struct slot *slot, uint64_t wanted) {
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
}

/* Visits the slots from where the last visit ended, until enough has been given back for one time. Under
 * purge_lock, which makes this the only writer of bits of aged to 1. Says whether it has come to the end. */
static bool slots_purge(bool all) {
    static uint32_t next;
    static uint64_t empty_kept;
    uint64_t start = purged_bytes();
    if (all || next == 0)
        next = 0, empty_kept = 0;
    for (uint32_t count = slots_count(); next < count; next++) {
        if (!all && purged_bytes() - start > PURGE_AT_ONCE)
            return false;
        struct slot *slot = slot_at(next);
        uint64_t aged = all ? UINT64_MAX : atomic_load_explicit(&slot->aged, memory_order_relaxed);
        slot_purge(slot, aged);
        uint64_t free = atomic_load_explicit(&slot->free, memory_order_relaxed);
        if (free == UINT64_MAX && aged == UINT64_MAX && (all || empty_kept++ >= config.keep_superslabs))
            superslab_retire(slot);
        else
            atomic_fetch_or_explicit(&slot->aged, free, memory_order_relaxed);
    }
    next = 0;
    return true;
}

/* Says whether all that was to be purged is. */
static bool purge(bool all) {
    int error = errno;
    bool done = true;
    if (all)
        lock_take(&purge_lock);
    if (all || pthread_mutex_trylock(&purge_lock) == 0) {
        done = slots_purge(all);
        lock_give(&purge_lock);
    }
    if (done) {
        huge_expire(all);
        limbo_empty();
    }
    errno = error;
    return done;
}

void purge_tick(void) {
    uint64_t now = os_clock(), last = atomic_load_explicit(&last_tick, memory_order_relaxed);
    if (now - last < config.decay / 2 || thread.own == NULL)
        return;
    /* Who has not come to the end is followed by the next slow path. */
    if (atomic_compare_exchange_strong_explicit(&last_tick, &last, now, memory_order_relaxed,
                                                memory_order_relaxed) &&
        !purge(config.decay == 0))
        atomic_store_explicit(&last_tick, last, memory_order_relaxed);
}

void purge_all(void) {
    purge(true);
    limbo_empty();
}
