/* SPDX-License-Identifier: MIT
 *
 * Moves of pages between granules. The kernel remembers where a mapping's pages were at first, so a granule
 * that has got its pages by a move is a mapping of its own. Under regions_lock, but for
 * region_may_move and region_moved. */
#ifndef FREEHOLD_MOVE_H
#define FREEHOLD_MOVE_H

#include "granule.h"

/* Sets the move of a granule, 0 if it is mapped anew. */
void move_set(struct granule *granule, uint32_t move);

/* Whether the kernel's mappings can stand a move of pages into granules; and notes that length bytes have
 * been moved, so that where they were is clean. Either may be none. */
bool region_may_move(void);
void region_moved(const struct granules *from, const struct granules *to, size_t length);

#endif
