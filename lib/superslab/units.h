/* SPDX-License-Identifier: MIT
 *
 * Units: which of a SuperSlab's 64 are free, who takes them and how they come back. */
#ifndef FREEHOLD_UNITS_H
#define FREEHOLD_UNITS_H

#include "../types.h"

/* Units that have been taken: the descriptor of the first, or NULL. */
struct taken {
    struct slab *slab;
    bool zero; /* they read as zero */
};

/* How many slots of the table have ever been used. */
uint32_t slots_count(void);

/* The slot of an index below slots_count(). */
struct slot *slot_at(uint32_t index);

/* An unused slot, new or recycled; NULL if the table is full or there is no memory. Under superslabs_lock. */
struct slot *slot_take(uint32_t *index);

/* Takes length adjoining units whose first is a multiple of alignment units (powers of two), from the
 * SuperSlabs that exist. From the bottom if low, else from the top, so that slabs and runs keep apart. */
struct taken units_take_existing(unsigned length, unsigned alignment, bool low);

/* The same; maps a SuperSlab if need be. NULL if there is no memory. */
struct taken units_take(unsigned length, unsigned alignment, bool low);

/* Takes the units after the ones of slab, to make them length; false if they are not free. */
bool units_extend(struct slab *slab, unsigned length);

/* Gives back the units from first on of the slab's. The SuperSlab may be gone when this returns. */
void units_give(struct slab *slab, unsigned first);

#endif
