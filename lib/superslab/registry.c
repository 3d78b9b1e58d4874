/* SPDX-License-Identifier: MIT */
#include "registry.h"

#include "../os.h"
#include "descriptor.h"

struct registry registry;

struct slab *registry_find(const void *address) {
    if ((uintptr_t)address >> ADDRESS_BITS != 0)
        return NULL;
    struct entry entry = registry_entry(address);
    /* Acquire; partner: registry_set. */
    return atomic_load_explicit(&entry.leaf->slabs[entry.index], memory_order_acquire);
}

bool registry_prepare(const char *base, size_t length) {
    const unsigned shift = UNIT_SHIFT + LEAF_BITS;
    uintptr_t first = (uintptr_t)base >> shift, last = ((uintptr_t)base + length - 1) >> shift;
    for (uintptr_t i = first; i <= last; i++) {
        uintptr_t none = 0;
        if (atomic_load_explicit(&registry.root[i], memory_order_relaxed) != 0)
            continue;
        struct leaf *leaf = os_map(sizeof *leaf);
        if (leaf == NULL)
            return false;
        /* Release; partners are the loads that depend on it. A leaf starts as zeros, so there is nothing else
         * that has to be seen before. */
        if (!atomic_compare_exchange_strong_explicit(&registry.root[i], &none,
                                                     (uintptr_t)leaf - (uintptr_t)&registry.empty,
                                                     memory_order_release, memory_order_relaxed))
            os_unmap(leaf, sizeof *leaf);
    }
    return true;
}

void registry_set(const char *unit, struct slab *slab) {
    struct entry entry = registry_entry(unit);
    /* Release; partner: registry_find. */
    atomic_store_explicit(&entry.leaf->slabs[entry.index], slab, memory_order_release);
}

void registry_classify(const struct slab *slab, unsigned class) {
    const char *base = unit_address(slab);
    for (unsigned i = 0; i < slab->units; i++) {
        struct entry entry = registry_entry(base + i * UNIT);
        atomic_store_explicit(&entry.leaf->classes[entry.index], (uint8_t) class, memory_order_relaxed);
    }
}

void registry_own(const struct slab *slab, struct arena *arena) {
    const char *base = unit_address(slab);
    for (unsigned i = 0; i < slab->units; i++) {
        struct entry entry = registry_entry(base + i * UNIT);
        atomic_store_explicit(&entry.leaf->owners[entry.index], arena, memory_order_relaxed);
    }
}
