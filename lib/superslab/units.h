/* SPDX-License-Identifier: MIT
 *
 * Units: which of a SuperSlab's 64 are free, who takes them and how they come back. A slot is on the list of
 * the length of its longest run, or of a longer one; who looks there in vain puts it where it belongs. */
#ifndef FREEHOLD_UNITS_H
#define FREEHOLD_UNITS_H

#include "slice.h"
#include "slots.h"

/* Units that have been taken: the descriptor of the first, or NULL. */
struct taken {
    struct slab *slab;
    bool zero; /* they read as zero */
};

/* Lets the free units of a slot's SuperSlab be found, and purged. */
void units_offer(uint32_t index);

/* Takes length adjoining units whose first is a multiple of alignment units (powers of two), from the
 * SuperSlabs that there are. From the bottom if low, else from the top, so that slabs and runs keep apart. */
struct taken units_take_existing(unsigned length, unsigned alignment, bool low);

/* Takes one unit of a slot, if it is free. */
struct taken unit_take_at(struct slot *slot, unsigned unit);

/* Puts a slot that was found on a list on the one where it belongs. false if that is this one. */
bool units_relist(uint32_t index, unsigned list);

/* Takes the units from before on, counted from the one of slab, to make them length; false if they are not
 * free. */
bool units_extend(struct slab *slab, unsigned before, unsigned length);

/* Gives back the units from first to before end, counted from the one of slab. The SuperSlab may be gone when
 * this returns. */
void units_give(struct slab *slab, unsigned first, unsigned end);

/* Gives back the unit of slab: so many pages of it, from its start on, were written to since it was taken. */
void unit_give(struct slab *slab, unsigned pages);

/* Under purge_lock: purges those free units of a slot that are wanted. false if the slice is over before that
 * is done. */
bool slot_purge(uint32_t index, uint64_t wanted, const struct slice *slice);

#endif
