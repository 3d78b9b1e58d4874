/* SPDX-License-Identifier: MIT
 *
 * Which unit a slab gets. A unit that was used has memory in as many pages as were written to, and keeps it
 * until it is purged. So a slab of which little will be carved gets one of which little is touched, and
 * leaves those that are touched all over to slabs that will be full: else each unit that goes round between
 * classes would end with memory in all of its pages. */
#ifndef FREEHOLD_MATCH_H
#define FREEHOLD_MATCH_H

#include "units.h"

/* Takes a unit for a slab of a class, of the SuperSlabs that there are. */
struct taken match_take(unsigned class);

/* So many pages of a slab of a class have been carved, or are going to be. */
void match_note(unsigned class, unsigned pages);

#endif
