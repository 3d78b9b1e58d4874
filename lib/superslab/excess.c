/* SPDX-License-Identifier: MIT */
#include "excess.h"

#include <errno.h>

#include "../config.h"
#include "../lock.h"
#include "../os.h"
#include "loose.h"
#include "recent.h"
#include "slice.h"
#include "space.h"
#include "units.h"

static _Atomic uint64_t spare;    /* atomic; bytes: what the bound is widened by; written under purge_lock */
static _Atomic uint64_t rests_to; /* atomic; milliseconds: until then the kernel is not asked again */
static _Atomic uint64_t ended_at; /* atomic; nanoseconds of os_fine_clock: when a slice was over, */
static _Atomic uint64_t left;     /* atomic; bytes: what was free and dirty then, */
static _Atomic(struct arena *) ended_by; /* atomic; and whose it was */

/* All of it purge_lock. */
static struct {
    uint32_t next;        /* the slot that comes next */
    uint64_t early;       /* bytes that went back since the last look */
    uint64_t clean;       /* what clean_taken_bytes was at the last look */
    uint64_t looked_at;   /* milliseconds */
    uint64_t quiet_since; /* likewise: since then no swing was seen */
} excess;

/* What lives now; of runs it is not known how much of them is written to. */
static uint64_t bound(void) {
    uint64_t live = touched_bytes() + large_bytes() / 2 + huge_bytes(), part = live / EXCESS_SHARE;
    return (part > EXCESS_LEAST ? part : EXCESS_LEAST) + atomic_load_explicit(&spare, memory_order_relaxed);
}

bool excess_allows(size_t length) {
    return atomic_load_explicit(&housekeeper_word, memory_order_relaxed) != HOUSEKEEPER_NONE ||
           config.decay > EXCESS_DECAY || idle_bytes() + recent_bytes() + length <= bound();
}

/* Who sets a long decay time wants what is free to stay. */
static bool is_wanted(void) {
    return config.decay != 0 && config.decay <= EXCESS_DECAY;
}

static bool is_over(const struct slice *slice, uint64_t goal) {
    return idle_bytes() <= goal || slice_is_over(slice);
}

/* The slots in turn, so that what was freed last is not always the first to go. */
static void slots_purge_to(const struct slice *slice, uint64_t goal) {
    for (unsigned rounds = 0; rounds < 2; rounds++, excess.next = 0)
        for (; slots_next(LIST_TO_PURGE, &excess.next); excess.next++) {
            if (is_over(slice, goal))
                return;
            slot_purge(excess.next, UINT64_MAX, slice);
        }
}

/* A little more than what is too much, so that it is not so again with the next free. */
static void purge_to(uint64_t goal, struct slice slice) {
    uint64_t before = purged_bytes(), idle = idle_bytes(), most = before + (idle > goal ? idle - goal : 0);
    slice.bytes_end = slice.bytes_end < most ? slice.bytes_end : most;
    loose_purge_first(&slice);
    slots_purge_to(&slice, goal);
    uint64_t purged = purged_bytes() - before;
    excess.early += purged;
    if (purged == 0) /* as where memory is locked */
        atomic_store_explicit(&rests_to, os_clock() + config.decay, memory_order_relaxed);
}

/* As soon as it has been too much for the time between two looks, twice over, or when that time is over. */
void excess_look(void) {
    uint64_t now = os_clock(), since = now - excess.looked_at, clean = clean_taken_bytes();
    uint64_t taken = clean - excess.clean, wider = atomic_load_explicit(&spare, memory_order_relaxed);
    uint64_t regret = excess.early < taken ? excess.early : taken;
    uint64_t span = config.decay / EXCESS_LOOKS;
    if (since < span && regret <= 2 * span * EXCESS_REGRET)
        return;
    if (regret > since * EXCESS_REGRET) {
        wider = wider == 0 ? EXCESS_LEAST : wider < EXCESS_MOST ? 2 * wider : wider;
        excess.quiet_since = now;
    } else if (now - excess.quiet_since >= EXCESS_QUIET * config.decay) {
        wider = since >= EXCESS_QUIET * config.decay ? 0 : wider / 2;
        excess.quiet_since = now;
    }
    atomic_store_explicit(&spare, wider < EXCESS_LEAST ? 0 : wider, memory_order_relaxed);
    excess.early = 0;
    excess.clean = clean;
    excess.looked_at = now;
}

static bool is_too_much(void) {
    return is_wanted() && idle_bytes() > bound() && thread.state != THREAD_FORKING &&
           os_clock() >= atomic_load_explicit(&rests_to, memory_order_relaxed);
}

/* Under purge_lock, which is given. */
static void purge_too_much(struct slice slice) {
    int error = errno;
    excess_look();
    uint64_t most = bound();
    if (idle_bytes() > most)
        purge_to(most - most / 4, slice);
    lock_give(&purge_lock);
    errno = error;
}

bool excess_rests(void) {
    return atomic_load_explicit(&ended_by, memory_order_relaxed) == thread.own &&
           idle_bytes() < atomic_load_explicit(&left, memory_order_relaxed) + EXCESS_MORE &&
           os_fine_clock() - atomic_load_explicit(&ended_at, memory_order_relaxed) < EXCESS_REST_NS;
}

noinline void excess_purge(void) {
    bool is_tidying = thread.own != NULL && thread.own->is_tidying;
    if (is_tidying || !is_too_much() || excess_rests() || !lock_try(&purge_lock))
        return;
    purge_too_much((struct slice){true, false, UINT64_MAX, os_fine_clock() + EXCESS_NS});
    atomic_store_explicit(&ended_by, thread.own, memory_order_relaxed);
    atomic_store_explicit(&left, idle_bytes(), memory_order_relaxed);
    atomic_store_explicit(&ended_at, os_fine_clock(), memory_order_relaxed);
}

void excess_exit(void) {
    if (!is_too_much())
        return;
    lock_take(&purge_lock);
    purge_too_much((struct slice){true, false, purged_bytes() + EXCESS_EXIT, UINT64_MAX});
}
