/* SPDX-License-Identifier: MIT
 *
 * Large blocks: runs of units, from SMALL_MAX to LARGE_MAX. */
#ifndef FREEHOLD_LARGE_H
#define FREEHOLD_LARGE_H

#include "../types.h"

/* A large block of at least size bytes; alignment is a power of two up to LARGE_MAX. *zero says whether it
 * reads as zero. NULL if there is no memory. */
void *large_take(size_t size, size_t alignment, bool *zero);

/* Ends the life of the block of a slab whose owner is OWNER_LARGE: then nobody but the caller has the run.
 * false if another thread has ended it meanwhile. */
bool large_end(struct slab *slab);

/* Gives back a run whose block has ended. */
void large_release(struct slab *slab);

/* In the run's start while the block is a profiled one: it is where no program has memory, so that each free
 * of it comes to a slow path, without a test on the fast one, and no other address in it passes for it. */
#define RUN_PROFILED (1ul << 63)

/* Where the block is. */
static inline char *large_start(const struct slab *slab) {
    return (char *)((uintptr_t)slab->run.start & ~RUN_PROFILED);
}

/* Whoever has the block makes it a profiled one, of that number; and none any more, if it is one. */
void large_profile(struct slab *slab, uint32_t number);
void large_unprofile(struct slab *slab);

/* Bytes of the block that can be used. */
static inline size_t large_size(const struct slab *slab) {
    return slab->run.units * UNIT;
}

/* Makes the block longer or shorter in place; false if it cannot. */
bool large_resize(struct slab *slab, size_t size);

#endif
