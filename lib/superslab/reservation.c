/* SPDX-License-Identifier: MIT */
#include "reservation.h"

#include "../config.h"
#include "../os.h"
#include "bits.h"
#include "pool.h"
#include "registry.h"
#include "stretch.h"

#define SMALL 8u /* granules: of a process that gets no huge pages even where everybody does */

static struct pool pool = {.size = sizeof(struct region)};

struct reservations reservations;
static _Atomic bool is_scarce;

bool space_is_scarce(void) {
    return atomic_load_explicit(&is_scarce, memory_order_relaxed);
}

/* What the process may have, bytes. The kernel is asked once, when there is something already, and not by
 * short programs. */
static uint64_t space_limit(void) {
    static uint64_t limit;
    if (limit == 0 && reservations.granules > 1)
        limit = os_space_limit();
    uint64_t option = config.limit == 0 ? UINT64_MAX : (uint64_t)config.limit << 20;
    return limit == 0 || option < limit ? option : limit;
}

/* A part of what there is already. Where that is not to be had, less is tried. */
static unsigned step_size(void) {
    uint64_t step = reservations.granules / STEP_SHARE;
    return step == 0 ? 1 : step < REGION_GRANULES ? (unsigned)step : REGION_GRANULES;
}

static char *region_start(const struct region *region) {
    return region->base + region->first * GRANULE;
}

/* Makes the granules below the region's first ones its own: they are reserved. */
static void region_grow(struct region *region, unsigned count) {
    unsigned first = region->first - count, length = count, start = first;
    stretch_join(region, &start, &length);
    for (unsigned i = first; i < first + count; i++) {
        region->granules[i] = (struct granule){.index = (uint16_t)i};
        bit_set(region->free, i, true);
    }
    region->first = first;
    region->left += count;
    granule_figures.left += count;
    reservations.granules += count;
    stretch_add(region, start, length);
}

static void list_add(struct region *region) {
    region->listed = reservations.all;
    reservations.all = region;
    reservations.regions++;
}

static void list_remove(const struct region *region) {
    struct region **link = &reservations.all;
    while (*link != region)
        link = &(*link)->listed;
    *link = region->listed;
    reservations.regions--;
}

/* A region that ends at an address, without granules. */
static struct region *region_make(char *end) {
    struct region *region = pool_take(&pool);
    if (region == NULL)
        return NULL;
    region->base = end - REGION_GRANULES * GRANULE;
    region->first = region->small = REGION_GRANULES;
    region->left = 0;
    for (unsigned i = 0; i < REGION_WORDS; i++)
        region->free[i] = region->dirty[i] = region->dense[i] = 0;
    list_add(region);
    return region;
}

void region_hide(struct region *region) {
    unsigned count = REGION_GRANULES - region->first;
    stretch_remove(&region->granules[region->first]);
    reservations.granules -= count;
    granule_figures.left -= count;
    list_remove(region);
    if (reservations.youngest == region)
        reservations.youngest = NULL;
}

void region_show(struct region *region) {
    unsigned count = REGION_GRANULES - region->first;
    reservations.granules += count;
    granule_figures.left += count;
    list_add(region);
    stretch_add(region, region->first, count);
}

bool region_unmap(struct region *region) {
    if (!os_unmap(region_start(region), (REGION_GRANULES - region->first) * GRANULE))
        return false;
    pool_give(&pool, region);
    return true;
}

static bool region_remove(struct region *region) {
    region_hide(region);
    if (region_unmap(region))
        return true;
    region_show(region);
    return false;
}

/* Address space for count granules: right below the youngest region, if it is free, so that the two are one.
 */
static char *granules_map(unsigned count) {
    if (reservations.youngest != NULL && reservations.youngest->first >= count) {
        char *base = region_start(reservations.youngest) - count * GRANULE;
        if (os_map_at(base, count * GRANULE))
            return base;
    }
    return os_reserve(count * GRANULE, GRANULE);
}

/* A small process must not swell even where the kernel gives huge pages to everybody. */
static bool is_small(void) {
    return !config.huge_pages || reservations.granules < SMALL;
}

static char *granules_reserve(unsigned count) {
    char *base = granules_map(count);
    if (base != NULL && !registry_prepare(base, count * GRANULE)) {
        os_unmap(base, count * GRANULE);
        return NULL;
    }
    if (base != NULL && is_small())
        os_advise_huge_pages(base, count * GRANULE, false);
    return base;
}

/* Granules that have just been reserved. If they adjoin the youngest region, their stretch is one with what
 * is free there. */
static bool region_take_in(char *base, unsigned count) {
    struct region *region = reservations.youngest;
    if (region == NULL || region_start(region) != base + count * GRANULE || region->first < count)
        region = region_make(base + count * GRANULE);
    if (region == NULL) {
        os_unmap(base, count * GRANULE);
        return false;
    }
    reservations.youngest = region;
    region->small = is_small() ? region->first - count : region->small;
    region_grow(region, count);
    return true;
}

/* As many granules as can be had, least or more. */
static bool reserve(unsigned least, bool *is_first) {
    for (unsigned count = step_size();; count /= 2) {
        count = count < least ? least : count;
        char *base = granules_reserve(count);
        if (base != NULL)
            return region_take_in(base, count);
        *is_first = false;
        if (count == least)
            return false;
    }
}

bool region_add(unsigned least) {
    while (stretch_whole() != NULL && region_remove(stretch_whole())) {
    }
    bool is_first = true, added = reserve(least, &is_first);
    bool is_much = reservations.granules * GRANULE >= space_limit() / SCARCE_SHARE;
    atomic_store_explicit(&is_scarce, is_much || !is_first, memory_order_relaxed);
    return added;
}
