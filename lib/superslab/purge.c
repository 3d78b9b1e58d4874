/* SPDX-License-Identifier: MIT */
#include "purge.h"

#include <errno.h>
#include <sys/single_threaded.h>

#include "../config.h"
#include "../lock.h"
#include "../os.h"
#include "../thread.h"
#include "call.h"
#include "closed.h"
#include "decay.h"
#include "excess.h"
#include "limbo.h"
#include "loose.h"
#include "recent.h"
#include "slice.h"
#include "superslab.h"
#include "units.h"

/* A visit of all slots, spread over half the decay time: what was free at the one before is purged. All of it
 * purge_lock. */
static struct {
    uint32_t next; /* the slot that comes next */
    bool is_under_way;
    uint64_t began;      /* milliseconds */
    uint64_t empty_kept; /* empty SuperSlabs that it has left alone */
} visit;

static _Atomic uint64_t last_tick;     /* nanoseconds */
static _Atomic(struct arena *) ticker; /* who has purged last */
static _Atomic bool is_unfinished;     /* the next slow path goes on */
static uint64_t fruitless;             /* housekeeper only: steps in a row that have given nothing back */

/* Whether it is for the purge to see to a slot: it has free units that are dirty, or all of its units are. */
static bool has_to_purge(struct slot *slot) {
    uint64_t free = atomic_load_explicit(&slot->free, memory_order_relaxed);
    return free == UINT64_MAX || (free & atomic_load_explicit(&slot->dirty, memory_order_relaxed)) != 0;
}

/* Nothing is to be done for a slot for now; unless that has changed meanwhile. */
static void slot_dismiss(uint32_t index) {
    slot_strike(index, LIST_TO_PURGE);
    if (has_to_purge(slot_at(index)))
        slot_list(index, LIST_TO_PURGE);
}

/* What there is to do for one slot that has been purged. Says whether there will be more. */
static bool slot_visit(uint32_t index, uint64_t aged, bool all) {
    struct slot *slot = slot_at(index);
    uint64_t free = atomic_load_explicit(&slot->free, memory_order_relaxed);
    if (free == UINT64_MAX && aged == UINT64_MAX && (all || visit.empty_kept++ >= config.keep_superslabs))
        return !superslab_retire(slot);
    atomic_fetch_or_explicit(&slot->aged, free, memory_order_relaxed);
    return has_to_purge(slot);
}

/* The slots that a visit should have seen by now. */
static uint32_t slots_due(const struct slice *slice) {
    uint64_t span = decay_time() / 2, elapsed = os_clock() - visit.began;
    return slice->all || elapsed >= span ? UINT32_MAX : (uint32_t)(slots_count() * elapsed / span);
}

/* Begins a visit, if it is time for one. */
static bool visit_begin(const struct slice *slice) {
    uint64_t now = os_clock();
    if (!slice->is_endless && (visit.is_under_way || now - visit.began < decay_time() / 2))
        return visit.is_under_way;
    decay_look();
    visit.is_under_way = true;
    visit.began = now;
    visit.next = 0;
    visit.empty_kept = 0;
    return true;
}

/* Goes on with the visit. Under purge_lock, which makes this the only writer of bits of aged to 1. Says
 * whether it has come to the end of what is due. */
static bool slots_purge(const struct slice *slice) {
    if (!visit_begin(slice))
        return true;
    uint32_t end = slots_due(slice);
    for (; slots_next(LIST_TO_PURGE, &visit.next) && visit.next < end; visit.next++) {
        uint64_t aged =
            slice->all ? UINT64_MAX : atomic_load_explicit(&slot_at(visit.next)->aged, memory_order_relaxed);
        if (!slot_purge(visit.next, aged, slice))
            return false;
        if (!slot_visit(visit.next, aged, slice->all))
            slot_dismiss(visit.next);
        if (slice_is_over(slice)) {
            visit.next++;
            return false;
        }
    }
    visit.is_under_way = end != UINT32_MAX;
    return true;
}

/* Whether a slot has something that will go. Empty SuperSlabs are kept until there are too many. What is
 * found to have nothing is not looked at again: a heap that only grows lists all that it makes. */
static bool slots_are_pending(void) {
    uint64_t empty = 0;
    for (uint32_t index = 0; slots_next(LIST_TO_PURGE, &index); index++) {
        struct slot *slot = slot_at(index);
        uint64_t free = atomic_load_explicit(&slot->free, memory_order_relaxed);
        if ((free & atomic_load_explicit(&slot->dirty, memory_order_relaxed)) != 0 ||
            (free == UINT64_MAX && ++empty > config.keep_superslabs))
            return true;
        if (free != UINT64_MAX)
            slot_dismiss(index);
    }
    return false;
}

/* Under purge_lock. Says whether it has come to the end of what is due. */
static bool purge(const struct slice *slice) {
    uint64_t before = purged_bytes();
    bool slots_done = slots_purge(slice);
    recent_flush();
    bool done = region_purge(slice) && slots_done;
    decay_purged(purged_bytes() - before);
    return done;
}

bool purge_is_needed(void) {
    return slots_are_pending() || recent_is_pending() || limbo_is_pending() || region_is_pending();
}

static uint64_t pause(void) {
    uint64_t step = decay_time() / DECAY_STEPS;
    if (fruitless >= 4ul * DECAY_STEPS)
        step = 4 * config.decay; /* the kernel does not take it, as where memory is locked */
    else if (fruitless >= DECAY_STEPS)
        step *= 4;
    return step == 0 ? 1 : step;
}

/* Grows with whatever is achieved. */
static uint64_t progress(void) {
    return purged_bytes() + limbo_freed() + limbo_added();
}

uint64_t purge_step(void) {
    struct slice slice = slice_large(config.decay == 0);
    uint64_t before = progress();
    lock_take(&purge_lock);
    bool done = purge(&slice);
    lock_give(&purge_lock);
    if (!done && progress() != before)
        return 0;
    limbo_empty();
    fruitless = progress() == before ? fruitless + 1 : 0;
    if (purge_is_needed())
        return pause();
    fruitless = 0;
    return PURGE_NOTHING;
}

void purge_excess(void) {
    int error = errno;
    uint32_t index = 0;
    if (thread.state == THREAD_FORKING || !lock_try(&purge_lock))
        return;
    for (unsigned empty = 0; slots_next(LIST_WHOLE, &index); index++) {
        struct slot *slot = slot_at(index);
        if (atomic_load_explicit(&slot->free, memory_order_relaxed) != UINT64_MAX || ++empty <= EMPTY_MOST)
            continue;
        struct slice slice = slice_endless();
        slot_purge(index, UINT64_MAX, &slice);
        superslab_retire(slot);
        break;
    }
    lock_give(&purge_lock);
    errno = error;
}

/* Whether it is time for a slice, and not the turn of another thread. */
static bool is_time(uint64_t now) {
    uint64_t since = now - atomic_load_explicit(&last_tick, memory_order_relaxed);
    if (config.decay == 0)
        return true;
    if (!atomic_load_explicit(&is_unfinished, memory_order_relaxed))
        return since >= config.decay * (1000000 / DECAY_STEPS);
    bool is_mine = atomic_load_explicit(&ticker, memory_order_relaxed) == thread.own;
    return since >= (is_mine && !__libc_single_threaded ? 2 : 1) * (uint64_t)SLICE_SPACE_NS;
}

/* It does little while the housekeeper does the rest. */
static void do_also(void) {
    housekeeper_task task = atomic_load_explicit(&housekeeper_also, memory_order_relaxed);
    if (unlikely(task != NULL) && thread.own != NULL && thread.state != THREAD_FORKING)
        (void)task(false);
}

void purge_tick(void) {
    if (thread.own != NULL)
        excess_leave();
    do_also();
    if (thread.own == NULL || housekeeper_works() || excess_rests() || !is_time(os_fine_clock()) ||
        thread.state == THREAD_FORKING || !lock_try(&purge_lock))
        return;
    int error = errno;
    struct slice slice = config.decay == 0 ? slice_endless() : slice_small(false);
    excess_look();
    bool done = purge(&slice);
    atomic_store_explicit(&is_unfinished, !done, memory_order_relaxed);
    atomic_store_explicit(&ticker, thread.own, memory_order_relaxed);
    atomic_store_explicit(&last_tick, os_fine_clock(), memory_order_relaxed);
    lock_give(&purge_lock);
    limbo_empty();
    errno = error;
}

/* A reader may be in a section that it entered before: it is given some time to leave. */
static void limbo_empty_all(void) {
    for (unsigned i = 0; i < GRACE_TRIES && (limbo_is_pending() || i == 0); i++) {
        if (i > 2)
            os_pause(1);
        limbo_empty();
    }
}

void purge_all(void) {
    int error = errno;
    struct slice slice = slice_endless();
    lock_take(&purge_lock);
    slots_purge(&slice);
    lock_give(&purge_lock);
    limbo_empty_all();
    recent_flush();
    closed_flush();
    lock_take(&purge_lock);
    region_purge(&slice);
    lock_give(&purge_lock);
    errno = error;
}
