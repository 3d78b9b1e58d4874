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
    /* The slab's grid: see entry_block_index. The phase is constant for the slab's life. The limit grows as
     * blocks are carved: the owner writes it atomically and may read it plainly; others read it by
     * entry_limit. */
    uint64_t limits[1ul << LEAF_BITS];
    /* The slab's size class, or CLASS_NONE if it is none of small blocks. Changed with slabs. */
    _Atomic uint8_t classes[1ul << LEAF_BITS];
    /* Constant: a little over 2^64 / block size, and odd, by class; here because its address takes no
     * instruction. */
    uint64_t reciprocals[CLASSES];
    uint64_t phases[1ul << LEAF_BITS]; /* see limits */
};

/* Where a unit is in the registry. */
struct entry {
    struct leaf *leaf;
    uintptr_t index;
};

/* The root keeps a leaf as its distance from the empty one. Changed once, from 0, atomically; a plain read
 * suffices for a live block, see registry_entry. It lies over the phases of the empty leaf, which nobody asks
 * for: all limits there are 0. */
union registry {
    struct leaf empty;
    struct {
        char before[offsetof(struct leaf, phases)];
        uintptr_t root[1ul << ROOT_BITS];
    };
};
static_assert(ROOT_BITS == LEAF_BITS, "the root is as long as the phases");

extern __attribute__((visibility("hidden"))) union registry registry;

/* Where an address is, or would be, in the registry. The bits over ADDRESS_BITS are not looked at: of an
 * address that has some, entry_position is over the limit.
 *
 * Plain and relaxed loads suffice for a live block: whoever has it has it from somebody who saw the entry
 * set. The root's is a plain one because compilers keep atomic ones apart from the addition. */
static inline struct entry registry_entry(const void *address) {
    static_assert(LEAF_BITS == 16 && ROOT_BITS == 16, "the halves of a 32-bit number");
    uintptr_t unit = (uintptr_t)address >> UNIT_SHIFT;
    uintptr_t index = (uint16_t)unit, high = (uint32_t)unit >> LEAF_BITS;
    union registry *displaced = (union registry *)((uintptr_t)&registry + registry.root[high]);
    return (struct entry){&displaced->empty, index};
}

static inline struct slab *entry_slab(struct entry entry) {
    return atomic_load_explicit(&entry.leaf->slabs[entry.index], memory_order_relaxed);
}

static inline uint64_t entry_limit(struct entry entry) {
    return __atomic_load_n(&entry.leaf->limits[entry.index], __ATOMIC_RELAXED);
}

/* What is below the limit if and only if address is that of a carved block: then its index in the slab times
 * a number of the class, which is less than three times the block size. Of an address between blocks it is
 * 2^64 / SMALL_MAX at least, and of one before the first block near 2^64. Bits over ADDRESS_BITS stay there,
 * for the other factor is odd; but of an address within a block one value of them cancels the rest. No limit
 * is over 2^20. */
static inline uint64_t entry_position(struct entry entry, uintptr_t class, const void *address) {
    uint64_t offset = (uintptr_t)address + entry.leaf->phases[entry.index];
    return offset * entry.leaf->reciprocals[class];
}

/* The mark of a free block. It is known to this process only, no two blocks have the same, and no pointer
 * looks like it where addresses are as high as the kernel's are. */
static inline uintptr_t block_mark(struct entry entry, const struct block *block) {
    return (uintptr_t)block + (uintptr_t)entry.leaf;
}

/* Whether two blocks are of one unit, and so of one slab. */
static inline bool unit_is_same(const void *block, const void *other) {
    return ((uintptr_t)block ^ (uintptr_t)other) < UNIT;
}

/* The slab of an address of which nothing is known, or NULL. */
struct slab *registry_find(const void *address);

/* The leaf of the number-th address range of 4 GiB, or NULL. */
struct leaf *registry_leaf(unsigned number);

/* Makes the leaves for length bytes at base; false if there is no memory. */
bool registry_prepare(const char *base, size_t length);

/* Sets the slab of one unit; the leaf is there. NULL unregisters. */
void registry_set(const char *unit, struct slab *slab);

/* Writes the class of a slab's units, or CLASS_NONE: whether their frees are those of small blocks. */
void registry_classify(const struct slab *slab, unsigned class);

/* Writes where the blocks of a slab of mine are that have been carved: none of another slab's remain. */
void registry_carve(const struct slab *slab, uint32_t carved);

/* Writes arena, or NULL, as the owner of a slab's units: for the fast half of its frees. */
void registry_own(const struct slab *slab, struct arena *arena);

#endif
