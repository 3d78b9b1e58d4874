/* SPDX-License-Identifier: MIT */
#include "region.h"

#include "../lock.h"
#include "../os.h"
#include "bits.h"
#include "loose.h"
#include "reservation.h"
#include "space.h"
#include "stretch.h"

#define ALL_UNITS UINT64_MAX

/* The units that the i-th of the granules for length bytes has in use. */
static uint64_t units_of(size_t length, unsigned i) {
    size_t left = (length - i * GRANULE + UNIT - 1) / UNIT;
    return left >= UNITS ? ALL_UNITS : (1ul << left) - 1;
}

/* Takes granules out of the stretch that they are in. false if the limit is reached. */
static bool granules_carve(const struct granules *granules, size_t length, bool is_huge, uint64_t *dirty) {
    struct region *region = granules->region;
    struct granule *head = stretch_around(&region->granules[granules->first]);
    unsigned clean = 0, fresh = 0, start = head->index, end = granules->first + granules->count;
    unsigned stretch_end = start + head->length;
    for (unsigned i = granules->first; i < end; i++)
        clean += !is_counted(&region->granules[i]);
    if (!space_take(clean * GRANULE))
        return false;
    stretch_remove(head);
    for (unsigned i = granules->first; i < end; i++) {
        struct granule *granule = &region->granules[i];
        uint64_t used = units_of(length, i - granules->first);
        *dirty |= granule->dirty & used;
        fresh += (unsigned)__builtin_popcountl(used & ~granule->dirty);
        granule_set(granule, GRANULE_USED, used, granule->dirty | used);
    }
    if (start < granules->first)
        stretch_add(region, start, granules->first - start);
    if (end < stretch_end)
        stretch_add(region, end, stretch_end - end);
    if (is_huge) /* of a SuperSlab the units count when they are taken */
        clean_taken_add(fresh * UNIT);
    return true;
}

/* What huge blocks leave when no further region can be mapped. */
static uint64_t reserve(void) {
    uint64_t share = reservations.granules / RESERVE_SHARE;
    return share < RESERVE_MOST ? share : RESERVE_MOST;
}

/* A stretch of length granules at least, of which so many are to be taken. */
static struct granule *find_or_add(unsigned length, unsigned count, bool is_huge) {
    struct granule *head = stretch_find(length);
    if (head != NULL && (!is_huge || granule_figures.left >= count + reserve()))
        return head;
    return region_add(length) ? stretch_find(length) : NULL;
}

static unsigned dirty_in(const struct region *region, unsigned first, unsigned count) {
    unsigned dirty = 0;
    for (unsigned i = first; (i = bit_next(region->dirty, i, true)) < first + count; i++)
        dirty++;
    return dirty;
}

/* Where in a stretch: at the end of it that has more dirty granules, in the middle only if it has all of
 * them. Else SuperSlabs go to its end and huge blocks, which may grow, to its beginning. */
static unsigned choose(const struct granule *head, unsigned count, bool is_huge) {
    const struct region *region = region_of(head);
    unsigned last = head->index + head->length - count;
    if (last == head->index)
        return last;
    unsigned below = dirty_in(region, head->index, count), above = dirty_in(region, last, count);
    if (below != above)
        return below > above ? head->index : last;
    unsigned dirty = bit_next(region->dirty, head->index, true);
    if (below == 0 && dirty < last)
        return dirty;
    return is_huge ? head->index : last;
}

static unsigned align(const struct granule *head, size_t alignment) {
    uintptr_t address = (uintptr_t)granule_address(head);
    return head->index + (unsigned)((-address & (alignment - 1)) / GRANULE);
}

static bool take(size_t length, size_t alignment, bool is_huge, struct granules *granules, uint64_t *dirty) {
    unsigned count = granules_for(length),
             slack = alignment > GRANULE ? (unsigned)(alignment / GRANULE) - 1 : 0;
    *dirty = 0;
    lock_take(&regions_lock);
    struct granule *head =
        count + slack > REGION_GRANULES ? NULL : find_or_add(count + slack, count, is_huge);
    bool taken = head != NULL;
    if (taken) {
        unsigned first = slack == 0 ? choose(head, count, is_huge) : align(head, alignment);
        *granules = (struct granules){region_of(head), first, count};
        taken = granules_carve(granules, length, is_huge, dirty);
    }
    loose_leave();
    return taken;
}

bool region_take(size_t length, size_t alignment, struct granules *granules, uint64_t *dirty) {
    return take(length, alignment, true, granules, dirty);
}

bool region_take_one(struct granules *granules, uint64_t *dirty) {
    return take(GRANULE, GRANULE, false, granules, dirty);
}

bool region_extend(struct granules *granules, size_t length) {
    struct region *region = granules->region;
    unsigned end = granules->first + granules->count, more = granules_for(length) - granules->count;
    struct granules behind = {region, end, more};
    uint64_t dirty = 0;
    lock_take(&regions_lock);
    bool extended =
        more == 0 || (end + more <= REGION_GRANULES && bit_next(region->free, end, false) >= end + more &&
                      granules_carve(&behind, length - granules->count * GRANULE, true, &dirty));
    if (extended) {
        struct granule *last = &region->granules[end - 1];
        uint64_t used = units_of(length, granules->count - 1);
        granule_set(last, GRANULE_USED, used, last->dirty | used);
        granules->count += more;
    }
    lock_give(&regions_lock);
    return extended;
}

/* Under regions_lock: frees granules, with the dirty units that they have. */
static void granules_free(struct region *region, unsigned first, unsigned count) {
    unsigned start = first, length = count;
    stretch_join(region, &start, &length);
    for (unsigned i = first; i < first + count; i++)
        granule_set(&region->granules[i], GRANULE_FREE, 0, region->granules[i].dirty);
    stretch_add(region, start, length);
}

void region_shorten(struct granules *granules, size_t length) {
    unsigned count = granules_for(length);
    struct granule *last = &granules->region->granules[granules->first + count - 1];
    lock_take(&regions_lock);
    if (count < granules->count)
        granules_free(granules->region, granules->first + count, granules->count - count);
    granule_set(last, GRANULE_USED, units_of(length, count - 1), last->dirty);
    granules->count = count;
    loose_leave();
}

void region_give(const struct granules *granules) {
    lock_take(&regions_lock);
    granules_free(granules->region, granules->first, granules->count);
    loose_leave();
}

bool region_renew(const struct granules *granules, size_t length) {
    const struct region *region = granules->region;
    lock_take(&regions_lock);
    bool is_small = granules->first + granules->count > region->small;
    lock_give(&regions_lock);
    return pages_renew(granules_address(granules), length, is_small);
}

void region_hold(const struct granules *granules, uint64_t dirty) {
    lock_take(&regions_lock);
    granule_set(&granules->region->granules[granules->first], GRANULE_LIMBO, 0, dirty);
    lock_give(&regions_lock);
}

static uint64_t read_under_lock(const uint64_t *figure) {
    lock_take(&regions_lock);
    uint64_t value = *figure;
    lock_give(&regions_lock);
    return value;
}

uint64_t region_used_bytes(void) {
    return read_under_lock(&granule_figures.used) * UNIT;
}

uint64_t region_loose_bytes(void) {
    return read_under_lock(&granule_figures.loose) * UNIT;
}

uint64_t region_reserved_bytes(void) {
    return read_under_lock(&reservations.granules) * GRANULE;
}

uint64_t regions_now(void) {
    return read_under_lock(&reservations.regions);
}

static void view_take(struct region_view *view, const struct region *region) {
    view->base = region->base;
    view->first = region->first;
    for (unsigned i = region->first; i < REGION_GRANULES; i++) {
        const struct granule *granule = &region->granules[i];
        view->granules[i].dirty = granule->dirty;
        view->granules[i].used = granule->used;
        view->granules[i].state = granule->state;
    }
}

bool region_next(const char *above, struct region_view *view) {
    const struct region *next = NULL;
    lock_take(&regions_lock);
    for (const struct region *region = reservations.all; region != NULL; region = region->listed)
        if (region->base > above && (next == NULL || region->base < next->base))
            next = region;
    if (next != NULL)
        view_take(view, next);
    lock_give(&regions_lock);
    return next != NULL;
}

bool region_contains(const char *address) {
    bool contains = false;
    lock_take(&regions_lock);
    for (const struct region *region = reservations.all; region != NULL; region = region->listed)
        contains |= (size_t)(address - region->base) < REGION_GRANULES * GRANULE &&
                    (size_t)(address - region->base) >= region->first * GRANULE;
    lock_give(&regions_lock);
    return contains;
}
