/* SPDX-License-Identifier: MIT */
#include "large.h"

#include "registry.h"
#include "superslab.h"
#include "units.h"

static _Atomic uint64_t live; /* bytes */

uint64_t large_bytes(void) {
    return atomic_load_explicit(&live, memory_order_relaxed);
}

/* Makes the run units long, with bytes of them asked for, in the figures and in its slab. */
static void set_size(struct slab *slab, unsigned units, size_t bytes) {
    atomic_fetch_add_explicit(&live, (units - (size_t)slab->units) * UNIT, memory_order_relaxed);
    touched_add(bytes - slab->carved);
    slab->units = (uint8_t)units;
    slab->block_size = (uint32_t)(units * UNIT);
    slab->carved = (uint32_t)bytes;
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
    slab->start = unit_address(slab);
    slab->units = 0;
    slab->carved = 0;
    slab->capacity = 1;
    set_size(slab, units, size);
    register_units(slab, 1, units, false);
    /* Release; partner: large_give. */
    atomic_store_explicit(&slab->owner, OWNER_LARGE, memory_order_release);
    *zero = taken.zero;
    return slab->start;
}

bool large_give(struct slab *slab) {
    struct arena *owner = OWNER_LARGE;
    if (!atomic_compare_exchange_strong_explicit(&slab->owner, &owner, OWNER_FREE, memory_order_acquire,
                                                 memory_order_relaxed))
        return false;
    atomic_fetch_sub_explicit(&live, slab->units * UNIT, memory_order_relaxed);
    touched_remove(slab->carved);
    register_units(slab, 1, slab->units, true);
    units_give(slab, 0);
    return true;
}

bool large_resize(struct slab *slab, size_t size) {
    unsigned units = units_for(size), before = slab->units;
    if (units > before) {
        if (!units_extend(slab, units))
            return false;
        register_units(slab, before, units, false);
    } else if (units < before) {
        register_units(slab, units, before, true);
        units_give(slab, units);
    }
    set_size(slab, units, size);
    return true;
}
