/* SPDX-License-Identifier: MIT */
#include "loose.h"

#include "../lock.h"
#include "../os.h"
#include "bits.h"
#include "call.h"
#include "decay.h"
#include "move.h"
#include "registry.h"
#include "reservation.h"
#include "space.h"
#include "stretch.h"

#define FAILURES 64u /* in a row, as where memory is locked: then others are left for the next time */

static uint64_t turned_at; /* regions_lock: when high was looked at last, milliseconds */

/* What is to be purged at once, and of what there is the granule. */
struct part {
    struct granule *granule;
    uint64_t units;
    bool is_renewal; /* by a new mapping */
    bool is_small;   /* in the part of its region that refuses huge pages */
};

/* From the first to the last: between them is none in use. */
static bool part_purge(const struct part *part) {
    unsigned first = (unsigned)__builtin_ctzl(part->units),
             end = UNITS - (unsigned)__builtin_clzl(part->units);
    char *base = granule_address(part->granule);
    if (part->is_renewal && pages_renew(base, GRANULE, part->is_small))
        return true;
    return pages_purge(base + first * UNIT, (end - first) * UNIT);
}

/* Free granules that adjoin are in no stretch while they are purged, so that the lock need not be held. */
static void hide(struct region *region, unsigned first, unsigned end) {
    struct granule *head = stretch_around(&region->granules[first]);
    unsigned stretch_start = head->index, stretch_end = stretch_start + head->length;
    stretch_remove(head);
    for (unsigned i = first; i < end; i++)
        granule_set(&region->granules[i], GRANULE_LIMBO, 0, region->granules[i].dirty);
    if (stretch_start < first)
        stretch_add(region, stretch_start, first - stretch_start);
    if (end < stretch_end)
        stretch_add(region, end, stretch_end - end);
}

/* Back they come; some of their units may have become clean. */
static void show(struct region *region, unsigned first, unsigned end, uint64_t clean) {
    unsigned start = first, length = end - first;
    stretch_join(region, &start, &length);
    for (unsigned i = first; i < end; i++) {
        struct granule *granule = &region->granules[i];
        granule_set(granule, GRANULE_FREE, 0, granule->dirty & ~clean);
        if (granule->dirty == 0)
            registry_set(granule_address(granule), NULL);
    }
    stretch_add(region, start, length);
}

static bool part_purge_free(const struct part *part) {
    struct granule *granule = part->granule;
    struct region *region = region_of(granule);
    uint32_t since = granule->since;
    hide(region, granule->index, granule->index + 1u);
    lock_give(&regions_lock);
    bool done = part_purge(part);
    lock_take(&regions_lock);
    if (done && part->is_renewal) {
        bit_set(region->dense, granule->index, false);
        move_set(granule, 0);
    }
    show(region, granule->index, granule->index + 1u, done ? part->units : 0);
    if (done && granule->dirty != 0)
        granule_age(granule, since); /* there is more of it to purge */
    return done;
}

/* The free and dirty granules around the oldest one go with one system call, if all are the region's own
 * mapping. For who wants all of it, however young and however long it takes. */
static bool around_purge(const struct granule *granule) {
    struct region *region = region_of(granule);
    unsigned first = bit_first(region->dirty, granule->index);
    unsigned end = bit_next(region->dirty, granule->index, false);
    for (unsigned i = first; i < end; i++)
        if (region->granules[i].move != 0)
            return false;
    hide(region, first, end);
    lock_give(&regions_lock);
    bool done = pages_purge(region->base + first * GRANULE, (end - first) * GRANULE);
    lock_take(&regions_lock);
    show(region, first, end, done ? UINT64_MAX : 0);
    return done;
}

/* Purges a part of the oldest granule, or all around it. If the kernel does not let it, the granule becomes
 * the newest, so that the others have their turn. */
static bool oldest_purge(const struct slice *slice) {
    struct granule *granule = granule_figures.oldest;
    if (slice->all && slice->is_endless && granule->state == GRANULE_FREE && around_purge(granule))
        return true;
    uint64_t units = loose_units(granule), few = slice_part(units);
    bool is_free = granule->state == GRANULE_FREE;
    struct part part = {granule, few, is_free && granule->move != 0 && few == units,
                        granule->index >= region_of(granule)->small};
    if (is_free)
        return part_purge_free(&part);
    bool done = part_purge(&part);
    if (done)
        granule_set(granule, granule->state, granule->used, granule->dirty & ~few);
    else
        granule_renew(granule);
    return done;
}

static bool is_too_much(void) {
    uint64_t high = granule_figures.high > granule_figures.high_before ? granule_figures.high
                                                                       : granule_figures.high_before;
    return granule_figures.used + granule_figures.loose > high + high / KEEP_SHARE;
}

static uint64_t age(uint32_t since) {
    return (uint32_t)os_clock() - since;
}

/* By and by from half the decay time on: so many units of what is loose. */
static bool is_due(uint64_t *early) {
    if (granule_figures.oldest == NULL)
        return false;
    uint64_t old = age(granule_figures.oldest->since), time = decay_time();
    if (old >= time || is_too_much())
        return true;
    bool is_early = old >= time / 2 && *early > 0;
    *early -= is_early;
    return is_early;
}

/* Under purge_lock, which lets a fork wait until no granule is hidden. */
static bool loose_purge(const struct slice *slice) {
    lock_take(&regions_lock);
    uint64_t early = granule_figures.loose / SLICE_UNITS / (DECAY_STEPS / 2) + 1;
    unsigned failures = 0;
    bool is_over = slice_is_over(slice);
    while (!is_over && failures < FAILURES &&
           (slice->all ? granule_figures.oldest != NULL : is_due(&early))) {
        failures = oldest_purge(slice) ? 0 : failures + 1;
        lock_give(&regions_lock);
        is_over = slice_is_over(slice);
        lock_take(&regions_lock);
    }
    lock_give(&regions_lock);
    return !is_over;
}

void loose_purge_first(const struct slice *slice) {
    lock_take(&regions_lock);
    for (unsigned failures = 0;
         failures < FAILURES && granule_figures.oldest != NULL && !slice_is_over(slice);)
        failures = oldest_purge(slice) ? 0 : failures + 1;
    lock_give(&regions_lock);
}

static void too_much_purge(void) {
    if (thread.state == THREAD_FORKING || !lock_try(&purge_lock))
        return;
    struct slice slice = slice_small(false);
    lock_take(&regions_lock);
    while (is_too_much() && granule_figures.oldest != NULL && !slice_is_over(&slice) &&
           oldest_purge(&slice)) {
    }
    lock_give(&regions_lock);
    lock_give(&purge_lock);
}

void loose_leave(void) {
    bool is_more = is_too_much();
    lock_give(&regions_lock);
    if (unlikely(is_more) && !housekeeper_call())
        too_much_purge();
}

/* One that is unmapped is nobody's, so that the lock need not be held meanwhile. */
static void whole_decay(bool all) {
    bool goes_on = true;
    lock_take(&regions_lock);
    for (struct region *region; goes_on && (region = stretch_whole_oldest()) != NULL;) {
        if (!all && age(region->since) < decay_time())
            break;
        region_hide(region);
        lock_give(&regions_lock);
        goes_on = region_unmap(region);
        lock_take(&regions_lock);
        if (!goes_on)
            region_show(region);
    }
    lock_give(&regions_lock);
}

/* Twice in each decay time the most that was used begins anew. */
static void high_turn(bool all) {
    uint64_t now = os_clock();
    lock_take(&regions_lock);
    uint64_t time = decay_time(), since = now - turned_at;
    if (all || since >= time / 2) {
        granule_figures.high_before = since < time ? granule_figures.high : granule_figures.used;
        granule_figures.high = granule_figures.used;
        turned_at = now;
    }
    lock_give(&regions_lock);
}

bool region_purge(const struct slice *slice) {
    if (!loose_purge(slice))
        return false;
    whole_decay(slice->all);
    high_turn(slice->all);
    return true;
}

bool region_is_pending(void) {
    lock_take(&regions_lock);
    bool is_pending = granule_figures.oldest != NULL || stretch_whole() != NULL;
    lock_give(&regions_lock);
    return is_pending;
}
