/* SPDX-License-Identifier: MIT */
#include "registry.h"

#include "descriptor.h"
#include "pool.h"
#include "size_class.h"

union registry registry;

struct slab *registry_find(const void *address) {
    if ((uintptr_t)address >> ADDRESS_BITS != 0)
        return NULL;
    uintptr_t unit = (uintptr_t)address >> UNIT_SHIFT;
    uintptr_t distance = __atomic_load_n(&registry.root[unit >> LEAF_BITS], __ATOMIC_RELAXED);
    const union registry *displaced = (const union registry *)((uintptr_t)&registry + distance);
    struct entry entry = {(struct leaf *)&displaced->empty, (uint16_t)unit};
    /* Acquire; partner: registry_set. */
    return atomic_load_explicit(&entry.leaf->slabs[entry.index], memory_order_acquire);
}

struct leaf *registry_leaf(unsigned number) {
    /* Acquire; partner: registry_prepare. */
    uintptr_t distance = __atomic_load_n(&registry.root[number], __ATOMIC_ACQUIRE);
    return distance == 0 ? NULL : (struct leaf *)((uintptr_t)&registry.empty + distance);
}

static struct pool pool = {.size = sizeof(struct leaf)};

static struct leaf *leaf_make(void) {
    struct leaf *leaf = pool_take(&pool);
    if (leaf == NULL)
        return NULL;
    atomic_store_explicit(&leaf->owners[0], NULL, memory_order_relaxed); /* a recycled one has a link there */
    for (unsigned class = 1; class < CLASSES; class ++)
        leaf->reciprocals[class] = (UINT64_MAX / size_class_bytes(class) + 2) | 1;
    return leaf;
}

bool registry_prepare(const char *base, size_t length) {
    const unsigned shift = UNIT_SHIFT + LEAF_BITS;
    uintptr_t first = (uintptr_t)base >> shift, last = ((uintptr_t)base + length - 1) >> shift;
    for (uintptr_t i = first; i <= last; i++) {
        uintptr_t none = 0;
        if (__atomic_load_n(&registry.root[i], __ATOMIC_RELAXED) != 0)
            continue;
        struct leaf *leaf = leaf_make();
        if (leaf == NULL)
            return false;
        /* Release; partners are the loads that depend on it. */
        if (!__atomic_compare_exchange_n(&registry.root[i], &none,
                                         (uintptr_t)leaf - (uintptr_t)&registry.empty, false,
                                         __ATOMIC_RELEASE, __ATOMIC_RELAXED))
            pool_give(&pool, leaf);
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

void registry_carve(const struct slab *slab, uint32_t carved) {
    const char *base = unit_address(slab);
    for (unsigned i = 0; i < slab->units; i++) {
        struct entry entry = registry_entry(base + i * UNIT);
        uint64_t limit = (uint64_t)carved * slab->block_size * entry.leaf->reciprocals[slab->class];
        uint64_t phase = -(uint64_t)(uintptr_t)slab->start;
        if (entry.leaf->phases[entry.index] != phase) /* others read it once there are blocks */
            entry.leaf->phases[entry.index] = phase;
        __atomic_store_n(&entry.leaf->limits[entry.index], limit, __ATOMIC_RELAXED);
    }
}

void registry_own(const struct slab *slab, struct arena *arena) {
    const char *base = unit_address(slab);
    for (unsigned i = 0; i < slab->units; i++) {
        struct entry entry = registry_entry(base + i * UNIT);
        atomic_store_explicit(&entry.leaf->owners[entry.index], arena, memory_order_relaxed);
    }
}
