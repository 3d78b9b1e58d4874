/* SPDX-License-Identifier: MIT
 *
 * The registry: from any address to the slab that holds it. Two levels, by unit; leaves are never freed, and
 * where there is none an empty one stands in, so that a lookup needs no test. Besides the slab, a leaf keeps
 * for each unit what the fast half of free needs, so that this touches no descriptor.
 *
 * A lookup is safe for any address. The slab that it finds may be read as long as something pins the
 * SuperSlab: a block of it, a unit of it, or a read section (rcu.h). */
#ifndef FREEHOLD_REGISTRY_H
#define FREEHOLD_REGISTRY_H

#include "../types.h"

struct leaf {
    /* The arena whose thread may free here without asking the slab, or NULL. Each arena's thread writes its
     * own name and wipes it out before it releases the slab, so it can trust what it reads if that is its
     * name. */
    _Atomic(struct arena *) owners[1ul << LEAF_BITS];
    /* The slab, or NULL. Changed by whoever holds the unit, and when a SuperSlab comes and goes. */
    _Atomic(struct slab *) slabs[1ul << LEAF_BITS];
    /* The slab's size class, or CLASS_NONE if it is none of small blocks. Changed with slabs. */
    _Atomic uint8_t classes[1ul << LEAF_BITS];
};

/* Where a unit is in the registry. */
struct entry {
    struct leaf *leaf;
    uintptr_t index;
};

/* The root keeps a leaf as its distance from the empty one. */
struct registry {
    _Atomic uintptr_t root[1ul << ROOT_BITS];
    struct leaf empty;
};

extern __attribute__((visibility("hidden"))) struct registry registry;

/* Where an address is, or would be, in the registry. The bits over ADDRESS_BITS are not looked at: an
 * address that has some is refused by the slow half of free, or faults where it is written to.
 *
 * Relaxed loads suffice for a live block: whoever has it has it from somebody who saw the entry set. */
static inline struct entry registry_entry(const void *address) {
    static_assert(LEAF_BITS == 16 && ROOT_BITS == 16, "the halves of a 32-bit number");
    uintptr_t unit = (uintptr_t)address >> UNIT_SHIFT;
    uintptr_t index = (uint16_t)unit, high = (uint32_t)unit >> LEAF_BITS;
    uintptr_t distance = atomic_load_explicit(&registry.root[high], memory_order_relaxed);
    struct registry *displaced = (struct registry *)((uintptr_t)&registry + distance);
    return (struct entry){&displaced->empty, index};
}

static inline struct slab *entry_slab(struct entry entry) {
    return atomic_load_explicit(&entry.leaf->slabs[entry.index], memory_order_relaxed);
}

/* Whether two blocks are of one unit, and so of one slab. */
static inline bool unit_is_same(const void *block, const void *other) {
    return ((uintptr_t)block ^ (uintptr_t)other) < UNIT;
}

/* The slab of an address of which nothing is known, or NULL. */
struct slab *registry_find(const void *address);

/* Makes the leaves for length bytes at base; false if there is no memory. */
bool registry_prepare(const char *base, size_t length);

/* Sets the slab of one unit; the leaf is there. NULL unregisters. */
void registry_set(const char *unit, struct slab *slab);

/* Writes the class of a slab's units, or CLASS_NONE: whether their frees are those of small blocks. */
void registry_classify(const struct slab *slab, unsigned class);

/* Writes arena, or NULL, as the owner of a slab's units: for the fast half of its frees. */
void registry_own(const struct slab *slab, struct arena *arena);

#endif
