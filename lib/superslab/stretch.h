/* SPDX-License-Identifier: MIT
 *
 * Stretches: free granules that adjoin, in lists by length and by whether any of them is dirty. Whoever
 * changes a granule of a stretch takes it out of its list before, and puts in what it has become afterwards.
 * All of it under regions_lock. */
#ifndef FREEHOLD_STRETCH_H
#define FREEHOLD_STRETCH_H

#include "granule.h"

void stretch_add(struct region *region, unsigned first, unsigned length);
void stretch_remove(struct granule *head);

/* The first granule of the stretch that a free one is in. */
struct granule *stretch_around(const struct granule *granule);

/* Takes the stretches that adjoin the granules out of their lists: they are about to become one. */
void stretch_join(struct region *region, unsigned *first, unsigned *length);

/* The shortest stretch of length at least, a dirty one if there is. */
struct granule *stretch_find(unsigned length);

/* The first of the regions that are wholly free and clean, or NULL. */
struct region *stretch_whole(void);

/* The one that has been for the longest time. */
struct region *stretch_whole_oldest(void);

#endif
