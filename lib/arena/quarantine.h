/* SPDX-License-Identifier: MIT
 *
 * Guard level 2: blocks that an arena's thread has freed, and that wait until so many bytes have been freed
 * after them. They count as used. */
#ifndef FREEHOLD_QUARANTINE_H
#define FREEHOLD_QUARANTINE_H

#include "../types.h"

/* Takes a block. false if there is no memory for a quarantine, or it is to have no bytes. */
bool quarantine_add(struct arena *arena, struct block *block, size_t block_size);

/* A block whose time is over, or NULL; all of them, one after the other, if all is set. */
struct block *quarantine_next(struct arena *arena, bool all);

#endif
