/* SPDX-License-Identifier: MIT
 *
 * The checks that option guard switches on. */
#ifndef FREEHOLD_GUARD_H
#define FREEHOLD_GUARD_H

#include "../types.h"

/* Level 1: stops the process if block is not a carved block of slab, or is free as far as can be seen
 * without a walk; level 2 walks the free list too. arena is NULL if the slab is not its own; call is the name
 * for the message. */
void guard_block(const char *call, const struct arena *arena, const struct slab *slab,
                 const struct block *block);

/* Checks all of an arena: its slabs, lists, caches and outbox. Stops the process if an invariant is broken.
 */
void guard_check(const struct arena *arena);

#endif
