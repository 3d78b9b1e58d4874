/* SPDX-License-Identifier: MIT
 *
 * Guard level 2: huge blocks that were freed, and that nobody may touch until CLOSED_BLOCKS others have been
 * freed after them, or everything is given back. They have address space and no memory. */
#ifndef FREEHOLD_CLOSED_H
#define FREEHOLD_CLOSED_H

#include "../types.h"

/* Closes a huge block that was freed. false if it has a mapping of its own, which is to be unmapped, if
 * address space is scarce, or the kernel refuses. */
bool closed_keep(struct huge *huge);

/* Gives back all of them. */
void closed_flush(void);

/* Bytes of them, about. */
uint64_t closed_bytes(void);

/* Whether a block is among them now. Only its address is looked at. */
bool closed_has(const struct huge *huge);

#endif
