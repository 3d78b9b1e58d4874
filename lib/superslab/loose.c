/* SPDX-License-Identifier: MIT */
#include "loose.h"

#include "../config.h"
#include "../lock.h"
#include "../os.h"
#include "bits.h"
#include "move.h"
#include "region.h"
#include "registry.h"
#include "reservation.h"
#include "space.h"
#include "stretch.h"

/* Gives back loose units, from the first to the last: between them is none in use. What a move has brought is
 * mapped anew if it is free. */
static bool pages_give(struct granule *granule, uint64_t units) {
    unsigned first = (unsigned)__builtin_ctzl(units), end = UNITS - (unsigned)__builtin_clzl(units);
    char *base = granule_address(granule);
    if (granule->state != GRANULE_FREE || granule->move == 0 || !os_renew(base, GRANULE))
        return pages_purge(base + first * UNIT, (end - first) * UNIT);
    bit_set(region_of(granule)->dense, granule->index, false);
    move_set(granule, 0);
    return true;
}

static bool granule_purge(struct granule *granule) {
    uint64_t units = loose_units(granule);
    if (!pages_give(granule, units)) {
        granule_renew(granule);
        return false;
    }
    if (granule->state != GRANULE_FREE) {
        granule_set(granule, granule->state, granule->used, granule->dirty & ~units);
        return true;
    }
    struct region *region = region_of(granule);
    struct granule *head = stretch_around(granule);
    stretch_remove(head);
    granule_set(granule, GRANULE_FREE, 0, 0);
    registry_set(granule_address(granule), NULL);
    stretch_add(region, head->index, head->length);
    return true;
}

static bool is_too_much(void) {
    uint64_t high = granule_figures.high > granule_figures.high_before ? granule_figures.high
                                                                       : granule_figures.high_before;
    return granule_figures.used + granule_figures.loose > high + high / KEEP_SHARE;
}

/* The lock is given up between the granules. */
static void purge_excess(void) {
    bool goes_on = true;
    while (goes_on) {
        lock_take(&regions_lock);
        goes_on = is_too_much() && granule_figures.oldest != NULL && granule_purge(granule_figures.oldest);
        lock_give(&regions_lock);
    }
}

void loose_leave(void) {
    bool is_more = is_too_much();
    lock_give(&regions_lock);
    if (unlikely(is_more))
        purge_excess();
}

static bool is_over(uint32_t since, uint64_t now) {
    return (uint32_t)now - since >= config.decay;
}

static bool loose_decay(bool all) {
    uint64_t now = os_clock();
    size_t bytes = 0;
    bool goes_on = true;
    while (goes_on && (all || bytes < PURGE_AT_ONCE)) {
        lock_take(&regions_lock);
        goes_on = granule_figures.oldest != NULL && (all || is_over(granule_figures.oldest->since, now)) &&
                  granule_purge(granule_figures.oldest);
        lock_give(&regions_lock);
        bytes += GRANULE;
    }
    return !goes_on;
}

static void whole_decay(bool all) {
    uint64_t now = os_clock();
    lock_take(&regions_lock);
    for (struct region *region = stretch_whole(), *next; region != NULL; region = next) {
        next = region->next;
        if ((all || is_over(region->since, now)) && !region_remove(region))
            break;
    }
    granule_figures.high_before = granule_figures.high;
    granule_figures.high = granule_figures.used;
    lock_give(&regions_lock);
}

bool region_decay(bool all) {
    if (!loose_decay(all))
        return false;
    whole_decay(all);
    return true;
}
