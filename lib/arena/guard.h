/* SPDX-License-Identifier: MIT
 *
 * The invariants of an arena. */
#ifndef FREEHOLD_GUARD_H
#define FREEHOLD_GUARD_H

#include "../types.h"

/* Checks one slab of an arena, and looks behind its blocks at guard level 2. */
void guard_check_one(const struct arena *arena);

/* At guard level 2, when the process ends: looks behind all blocks of an arena's slabs, freed or not. */
void guard_finish(const struct arena *arena);

/* Checks all of an arena: its slabs, lists, caches and outbox. Stops the process if an invariant is broken.
 */
void guard_check(const struct arena *arena);

#endif
