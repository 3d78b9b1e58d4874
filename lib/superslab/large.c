/* SPDX-License-Identifier: MIT */
#include "large.h"

#include "../profile/profiled.h"
#include "excess.h"
#include "registry.h"
#include "space.h"
#include "superslab.h"
#include "units.h"

/* Nobody knows how much of a run is written to: it counts as half of it, so that a process of runs alone is
 * not taken for one that fills huge pages. */
static size_t touched_of(size_t bytes) {
    return bytes / 2;
}

/* Makes the run units long, in its slab and in the figures. */
static void set_size(struct slab *slab, unsigned units) {
    large_add((units - (size_t)slab->run.units) * UNIT);
    touched_add(touched_of(units * UNIT) - touched_of(large_size(slab)));
    slab->run.units = units;
}

static unsigned units_for(size_t size) {
    return (unsigned)((size + UNIT - 1) / UNIT);
}

/* Makes the entries of the run's units from first on point to slab, or each to its own. */
static void register_units(struct slab *slab, unsigned first, unsigned end, bool own) {
    char *base = unit_address(slab);
    for (unsigned i = first; i < end; i++)
        registry_set(base + i * UNIT, own ? slab + i : slab);
}

void *large_take(size_t size, size_t alignment, bool *zero) {
    unsigned units = units_for(size);
    struct taken taken = units_take(units, alignment <= UNIT ? 1 : (unsigned)(alignment / UNIT), false);
    struct slab *slab = taken.slab;
    if (slab == NULL)
        return NULL;
    slab->run.start = unit_address(slab);
    slab->run.units = 0;
    set_size(slab, units);
    register_units(slab, 1, units, false);
    /* Release; partner: large_end. */
    atomic_store_explicit(&slab->owner, OWNER_LARGE, memory_order_release);
    *zero = taken.zero;
    return slab->run.start;
}

void large_profile(struct slab *slab, uint32_t number) {
    slab->run.start = (char *)((uintptr_t)slab->run.start | RUN_PROFILED);
    slab->run.profiled = number;
}

void large_unprofile(struct slab *slab) {
    if (likely(slab->run.start == large_start(slab)))
        return;
    slab->run.start = large_start(slab);
    profiled_end(slab->run.profiled);
}

bool large_end(struct slab *slab) {
    struct arena *owner = OWNER_LARGE;
    if (!atomic_compare_exchange_strong_explicit(&slab->owner, &owner, OWNER_FREE, memory_order_acquire,
                                                 memory_order_relaxed))
        return false;
    large_unprofile(slab);
    return true;
}

void large_release(struct slab *slab) {
    size_t bytes = large_size(slab);
    large_remove(bytes);
    touched_remove(touched_of(bytes));
    register_units(slab, 1, slab->run.units, true);
    units_give(slab, 0, slab->run.units);
    excess_leave();
}

bool large_resize(struct slab *slab, size_t size) {
    unsigned units = units_for(size), before = slab->run.units;
    if (units > before) {
        if (!units_extend(slab, before, units))
            return false;
        register_units(slab, before, units, false);
    } else if (units < before) {
        register_units(slab, units, before, true);
        units_give(slab, units, before);
        excess_leave();
    }
    set_size(slab, units);
    return true;
}
