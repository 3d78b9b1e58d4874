/* SPDX-License-Identifier: MIT */
#include "registry.h"

#include "../os.h"

struct slab slab_nowhere = {.owner = OWNER_NOWHERE};
const struct leaf registry_empty;
_Atomic uintptr_t registry_root[1ul << ROOT_BITS];

static uintptr_t root_index(uintptr_t address) {
    return address >> (UNIT_SHIFT + LEAF_BITS);
}

static struct leaf *leaf_of(uintptr_t address, memory_order order) {
    return (struct leaf *)((uintptr_t)&registry_empty +
                           atomic_load_explicit(&registry_root[root_index(address)], order));
}

static uintptr_t leaf_index(uintptr_t address) {
    return (address >> UNIT_SHIFT) & ((1ul << LEAF_BITS) - 1);
}

struct slab *registry_find(const void *address) {
    uintptr_t number = (uintptr_t)address;
    if (number >> ADDRESS_BITS != 0)
        return &slab_nowhere;
    /* Acquire; partners: the releases of registry_prepare and registry_set. */
    const struct leaf *leaf = leaf_of(number, memory_order_acquire);
    return (struct slab *)((uintptr_t)&slab_nowhere +
                           atomic_load_explicit(&leaf->entries[leaf_index(number)], memory_order_acquire));
}

bool registry_prepare(const char *base, size_t length) {
    uintptr_t first = (uintptr_t)base;
    for (uintptr_t i = root_index(first); i <= root_index(first + length - 1); i++) {
        uintptr_t none = 0;
        if (atomic_load_explicit(&registry_root[i], memory_order_relaxed) != 0)
            continue;
        struct leaf *leaf = os_map(sizeof *leaf);
        if (leaf == NULL)
            return false;
        /* Release; partner: registry_find. */
        if (!atomic_compare_exchange_strong_explicit(&registry_root[i], &none,
                                                     (uintptr_t)leaf - (uintptr_t)&registry_empty,
                                                     memory_order_release, memory_order_relaxed))
            os_unmap(leaf, sizeof *leaf);
    }
    return true;
}

void registry_set(const char *unit, struct slab *slab) {
    struct leaf *leaf = leaf_of((uintptr_t)unit, memory_order_acquire);
    /* Release; partner: registry_find. */
    atomic_store_explicit(&leaf->entries[leaf_index((uintptr_t)unit)],
                          (uintptr_t)slab - (uintptr_t)&slab_nowhere, memory_order_release);
}
