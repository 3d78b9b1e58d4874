/* SPDX-License-Identifier: MIT */
#include "granule.h"

#include "../os.h"
#include "bits.h"
#include "call.h"
#include "space.h"

pthread_mutex_t regions_lock = PTHREAD_MUTEX_INITIALIZER;

struct granule_figures granule_figures;

/* Most often it is all, none, the first ones or the last ones. */
static uint64_t units_in(uint64_t units) {
    if ((units & (units + 1)) == 0)
        return units == UINT64_MAX ? UNITS : (uint64_t)__builtin_ctzl(~units);
    if ((~units & (~units + 1)) == 0)
        return UNITS - (uint64_t)__builtin_ctzl(units);
    return (uint64_t)__builtin_popcountl(units);
}

static void loose_add(struct granule *granule) {
    granule->since = (uint32_t)os_clock();
    granule->older = granule_figures.newest;
    granule->newer = NULL;
    *(granule_figures.newest != NULL ? &granule_figures.newest->newer : &granule_figures.oldest) = granule;
    granule_figures.newest = granule;
    granule->is_loose = true;
    housekeeper_wake();
}

static void loose_remove(struct granule *granule) {
    *(granule->older != NULL ? &granule->older->newer : &granule_figures.oldest) = granule->newer;
    *(granule->newer != NULL ? &granule->newer->older : &granule_figures.newest) = granule->older;
    granule->is_loose = false;
}

void granule_renew(struct granule *granule) {
    loose_remove(granule);
    loose_add(granule);
}

void granule_age(struct granule *granule, uint32_t since) {
    loose_remove(granule);
    granule->since = since;
    granule->older = NULL;
    granule->newer = granule_figures.oldest;
    *(granule->newer != NULL ? &granule->newer->older : &granule_figures.newest) = granule;
    granule_figures.oldest = granule;
    granule->is_loose = true;
}

void granule_set(struct granule *granule, enum granule_state to, uint64_t used, uint64_t dirty) {
    struct region *region = region_of(granule);
    bool was_counted = is_counted(granule), was_free = granule->state == GRANULE_FREE;
    uint64_t before = units_in(loose_units(granule));
    granule_figures.used += units_in(used) - units_in(granule->used);
    if (granule_figures.used > granule_figures.high)
        granule_figures.high = granule_figures.used;
    granule->state = (uint8_t)to;
    granule->used = used;
    granule->dirty = dirty;
    uint64_t after = units_in(loose_units(granule));
    granule_figures.loose += after - before;
    if (after != before)
        idle_add(after - before);
    if (granule->is_loose != (after != 0))
        (granule->is_loose ? loose_remove : loose_add)(granule);
    if (was_free != (to == GRANULE_FREE)) {
        unsigned step = was_free ? -1u : 1u;
        region->left += step;
        granule_figures.left += (uint64_t)(int)step;
        bit_set(region->free, granule->index, to == GRANULE_FREE);
    }
    bit_set(region->dirty, granule->index, to == GRANULE_FREE && dirty != 0);
    if (was_counted && !is_counted(granule))
        space_give(GRANULE);
}
