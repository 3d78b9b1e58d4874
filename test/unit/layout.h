/* SPDX-License-Identifier: MIT
 *
 * A SuperSlab of the test's own, so that it knows where units come from. */
#ifndef UNIT_LAYOUT_H
#define UNIT_LAYOUT_H

#include "types.h"

/* Takes every free unit that there is: the next unit is of a new SuperSlab. */
void layout_start(void);

/* Gives them back. */
void layout_end(void);

/* Takes units as units_take does, and says in the slab how many there are, as their taker must. */
struct slab *take_units(unsigned length, unsigned alignment, bool low, bool *zero);

/* A new SuperSlab of which no unit is taken. */
struct superslab *superslab_make_empty(void);

/* The slot of a slab's SuperSlab. */
struct slot *slot_of_slab(const struct slab *slab);

/* Both steps of the end of a slab that is in no list. */
void slab_give_up(struct slab *slab);

/* Both steps of the end of a large block. false if it has ended before. */
bool large_give_up(struct slab *slab);

/* A block of a slab that is in no list; NULL if it is full. */
struct block *slab_take_one(struct slab *slab);

#endif
