/* SPDX-License-Identifier: MIT
 *
 * The registry: from any address to the slab that holds it, in two loads. Two levels, by unit; leaves are
 * never freed. An entry is kept as its distance from slab_nowhere, and a leaf as its distance from the empty
 * leaf: what was never set reads as "nowhere" without a test.
 *
 * A lookup is safe for any address. What it returns may be read as long as something pins the SuperSlab: a
 * block of it, a unit of it, or a read section (rcu.h). */
#ifndef FREEHOLD_REGISTRY_H
#define FREEHOLD_REGISTRY_H

#include "../types.h"

struct leaf {
    _Atomic uintptr_t entries[1ul << LEAF_BITS];
};

extern struct slab slab_nowhere;
extern const struct leaf registry_empty;
extern _Atomic uintptr_t registry_root[1ul << ROOT_BITS];

/* The slab that an address is in: a slab of any owner, or slab_nowhere. The bits over ADDRESS_BITS are not
 * looked at: an address that has some is either not a pointer at all and faults when it is written to, or it
 * is caught by registry_holds.
 *
 * Relaxed loads suffice: whoever has a block of the slab has it from somebody who saw the entry (malloc
 * happens before free), and anybody else comes through registry_find. */
static inline struct slab *registry_slab(const void *address) {
    uintptr_t unit = (uintptr_t)address >> UNIT_SHIFT;
    uintptr_t low = (uint16_t)unit, high = (uint32_t)unit >> LEAF_BITS;
    static_assert(LEAF_BITS == 16 && ROOT_BITS == 16, "the halves of a 32-bit unit number");
    const struct leaf *leaf =
        (const struct leaf *)((uintptr_t)&registry_empty +
                              atomic_load_explicit(&registry_root[high], memory_order_relaxed));
    return (struct slab *)((uintptr_t)&slab_nowhere +
                           atomic_load_explicit(&leaf->entries[low], memory_order_relaxed));
}

/* The same for an address of which nothing is known; inside a read section. */
struct slab *registry_find(const void *address);

/* Makes the leaves for length bytes at base; false if there is no memory. */
bool registry_prepare(const char *base, size_t length);

/* Sets the entry of one unit; the leaf is there. slab_nowhere unregisters. */
void registry_set(const char *unit, struct slab *slab);

#endif
