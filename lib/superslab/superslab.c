/* SPDX-License-Identifier: MIT */
#include "superslab.h"

#include "../lock.h"
#include "../os.h"
#include "../probe.h"
#include "huge_page.h"
#include "limbo.h"
#include "match.h"
#include "recent.h"
#include "region.h"
#include "registry.h"

#define PART_MOST (UNITS / 4) /* units of a part of a SuperSlab */

pthread_mutex_t superslabs_lock = PTHREAD_MUTEX_INITIALIZER;

static _Atomic uint64_t present; /* SuperSlabs registered now */
static _Atomic uint64_t most;    /* the most that ever were */
static _Atomic uint64_t made;    /* SuperSlabs ever made */

uint64_t superslabs_most(void) {
    return atomic_load_explicit(&most, memory_order_relaxed);
}

static void count_one(void) {
    uint64_t now = 1 + atomic_fetch_add_explicit(&present, 1, memory_order_relaxed);
    uint64_t before = superslabs_most();
    while (before < now && !atomic_compare_exchange_weak_explicit(&most, &before, now, memory_order_relaxed,
                                                                  memory_order_relaxed)) {
        /* before is the new one. */
    }
}

uint64_t superslabs_now(void) {
    return atomic_load_explicit(&present, memory_order_relaxed);
}

uint64_t superslabs_made(void) {
    return atomic_load_explicit(&made, memory_order_relaxed);
}

/* What is in use and not touched may swell, and so may the half of a new SuperSlab that is not used at once.
 * A small process never qualifies: it must not swell even where the kernel gives huge pages to everybody. */
static void advise(struct superslab *superslab) {
    uint64_t used = touched_bytes(), mapped = superslabs_now() * SUPERSLAB;
    uint64_t sparse = mapped > used ? mapped - used : 0;
    bool wanted = huge_page_is_wanted(sparse + SUPERSLAB / 2, used);
    superslab->is_dense = region_advise(&superslab->granules, wanted) && wanted;
    if (superslab->is_dense)
        huge_page_try(superslab->base);
}

/* Address space for a part of a SuperSlab with a run of least units; which units there are. Its units have
 * the indices that they would have in the whole one, so their alignment is as it seems. */
static uint64_t part_take(struct superslab *superslab, unsigned least) {
    for (unsigned units = PART_MOST; units >= least; units /= 2) {
        size_t length = units * UNIT;
        if (!space_take(length))
            continue;
        char *part = os_map_aligned(length, length);
        if (part != NULL && registry_prepare(part, length)) {
            uintptr_t first = (uintptr_t)part % SUPERSLAB / UNIT;
            superslab->base = part - first * UNIT;
            return ((1ul << units) - 1) << first;
        }
        if (part != NULL)
            os_unmap(part, length);
        space_give(length);
    }
    return 0;
}

/* Says which units there are. */
static uint64_t place_take(struct superslab *superslab, unsigned least, uint64_t *dirty) {
    recent_flush();
    if (region_take_one(&superslab->granules, dirty)) {
        superslab->base = granules_address(&superslab->granules);
        advise(superslab);
        return UINT64_MAX;
    }
    superslab->granules = (struct granules){.region = NULL};
    superslab->is_dense = false;
    return part_take(superslab, least);
}

static void describe(struct superslab *superslab, uint64_t units, uint32_t slot) {
    superslab->slot = slot;
    for (unsigned i = 0; i < UNITS; i++) {
        struct slab *slab = &superslab->slabs[i];
        slab->unit = (uint8_t)i;
        atomic_store_explicit(&slab->owner, OWNER_FREE, memory_order_relaxed);
        if ((units >> i & 1) != 0)
            registry_set(superslab->base + i * UNIT, slab);
    }
}

static void publish(struct superslab *superslab, struct slot *slot, uint64_t units, uint64_t dirty) {
    atomic_store_explicit(&slot->dirty, dirty, memory_order_relaxed);
    for (unsigned i = 0; i < UNITS; i++)
        atomic_store_explicit(&slot->touched[i], UNIT_PAGES, memory_order_relaxed);
    atomic_store_explicit(&slot->aged, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->superslab, superslab, memory_order_relaxed);
    idle_add((uint64_t)__builtin_popcountl(dirty & units));
    /* Release; partner: take_from. */
    atomic_store_explicit(&slot->free, units, memory_order_release);
    units_offer(superslab->slot);
    count_one();
    atomic_fetch_add_explicit(&made, 1, memory_order_relaxed);
    probe1(superslab_made, superslab->base);
}

/* Under superslabs_lock. */
static bool make(unsigned least) {
    uint32_t index;
    struct slot *slot = slot_take(&index);
    if (slot == NULL)
        return false;
    struct superslab *superslab = descriptor_take();
    uint64_t dirty = 0, units = superslab == NULL ? 0 : place_take(superslab, least, &dirty);
    if (units != 0) {
        describe(superslab, units, index);
        publish(superslab, slot, units, dirty);
        return true;
    }
    slot_give(index);
    if (superslab != NULL)
        descriptor_give(superslab);
    return false;
}

bool superslab_make(unsigned least) {
    uint64_t before = superslabs_made();
    lock_take(&superslabs_lock);
    bool done = superslabs_made() != before || make(least);
    lock_give(&superslabs_lock);
    return done;
}

struct taken unit_take(unsigned class) {
    for (;;) {
        struct taken taken = match_take(class);
        if (taken.slab != NULL || !superslab_make(1))
            return taken;
    }
}

struct taken units_take(unsigned length, unsigned alignment, bool low) {
    for (;;) {
        struct taken taken = units_take_existing(length, alignment, low);
        if (taken.slab != NULL || !superslab_make(length > alignment ? length : alignment))
            return taken;
    }
}

bool superslab_retire(struct slot *slot) {
    uint64_t all = UINT64_MAX;
    /* Acquire; partner: units_give. From here on nobody can take a unit. */
    if (!atomic_compare_exchange_strong_explicit(&slot->free, &all, 0, memory_order_acquire,
                                                 memory_order_relaxed))
        return false;
    struct superslab *superslab = atomic_load_explicit(&slot->superslab, memory_order_relaxed);
    superslab->dirty = atomic_load_explicit(&slot->dirty, memory_order_relaxed);
    idle_remove((uint64_t)__builtin_popcountl(superslab->dirty));
    for (unsigned i = 0; i < UNITS; i++)
        registry_set(superslab->base + i * UNIT, NULL);
    atomic_fetch_sub_explicit(&present, 1, memory_order_relaxed);
    atomic_store_explicit(&slot->superslab, NULL, memory_order_relaxed);
    uint32_t index = superslab->slot;
    probe1(superslab_retired, superslab->base);
    limbo_add(superslab);
    lock_take(&superslabs_lock);
    slot_give(index);
    lock_give(&superslabs_lock);
    return true;
}
