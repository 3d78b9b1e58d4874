/* SPDX-License-Identifier: MIT
 *
 * Moves of pages between granules. The kernel remembers where a mapping's pages were at first, so a granule
 * that has got its pages by a move is a mapping of its own. Under regions_lock, but for the two functions of
 * region.h. */
#ifndef FREEHOLD_MOVE_H
#define FREEHOLD_MOVE_H

#include "granule.h"

/* Sets the move of a granule, 0 if it is mapped anew. */
void move_set(struct granule *granule, uint32_t move);

#endif
