/* SPDX-License-Identifier: MIT
 *
 * SuperSlabs: how they come and how they leave. */
#ifndef FREEHOLD_SUPERSLAB_H
#define FREEHOLD_SUPERSLAB_H

#include "../types.h"

extern pthread_mutex_t superslabs_lock;
extern pthread_mutex_t descriptors_lock;

/* The descriptor that a slab is part of. */
static inline struct superslab *superslab_of(const struct slab *slab) {
    return (struct superslab *)((char *)(slab - slab->unit) - offsetof(struct superslab, slabs));
}

/* The address of a unit. */
static inline char *unit_address(const struct slab *slab) {
    return superslab_of(slab)->extent.base + slab->unit * UNIT;
}

/* Maps a SuperSlab and registers it, unless another thread has just done so. false if there is no memory. */
bool superslab_make(void);

/* Retires the SuperSlab of a slot if all its units are free: unregisters it and puts it on limbo. */
bool superslab_retire(struct slot *slot);

/* Recycles a descriptor whose SuperSlab is unmapped and which nobody can look at any more. */
void superslab_recycle(struct superslab *superslab);

/* Address space that counts against the limit: taken before mapping, returned after unmapping. */
bool space_take(size_t bytes);
void space_give(size_t bytes);

/* Bytes of units that may have been written to since they were taken: carved blocks and runs. Changed by
 * whoever holds the units. */
void touched_add(size_t bytes);
void touched_remove(size_t bytes);

/* SuperSlabs registered now, and ever. */
uint64_t superslabs_now(void);
uint64_t superslabs_made(void);

#endif
