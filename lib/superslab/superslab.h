/* SPDX-License-Identifier: MIT
 *
 * SuperSlabs: how they come and how they leave. */
#ifndef FREEHOLD_SUPERSLAB_H
#define FREEHOLD_SUPERSLAB_H

#include "descriptor.h"
#include "space.h"
#include "units.h"

extern pthread_mutex_t superslabs_lock;

/* Takes units as units_take_existing does; makes a SuperSlab if need be. NULL if there is no memory. */
struct taken units_take(unsigned length, unsigned alignment, bool low);

/* Likewise one unit for a slab of a class, as match_take does. */
struct taken unit_take(unsigned class);

/* Takes a granule for a SuperSlab and registers it, unless another thread has just done so. Where no granule
 * is to be had it makes a part of a SuperSlab, with least units or more and a mapping of its own, which
 * stays: its 64 units are never all free. false if there is no memory. */
bool superslab_make(unsigned least);

/* Retires the SuperSlab of a slot if all its units are free: unregisters it and puts it on limbo. */
bool superslab_retire(struct slot *slot);

/* SuperSlabs registered now, and ever. */
uint64_t superslabs_now(void);

/* The most that there ever were. */
uint64_t superslabs_most(void);
uint64_t superslabs_made(void);

#endif
