/* SPDX-License-Identifier: MIT
 *
 * Where profiled small blocks live: units of a reservation that the registry does not know, so that each free
 * of them comes to a slow path and none of another block has to ask. A unit serves one size class, has a
 * number for each of its blocks, and is purged when it has none, unless it is the only one of its class. All
 * of it profile_lock. */
#ifndef FREEHOLD_PROFILE_PLACES_H
#define FREEHOLD_PROFILE_PLACES_H

#include "../types.h"

enum place_state { PLACE_NEVER, PLACE_INSIDE, PLACE_FREED, PLACE_LIVE };

/* A block of a class, which stands for a number from now on; NULL if there is no memory. */
void *places_take(unsigned class, uint32_t number);

void places_give(const void *block);

/* Whether an address is among them. Without the lock. */
bool places_have(const void *address);

/* What an address among them is, and the number of a live block. */
enum place_state places_look(const void *address, uint32_t *number);

/* The size class of the unit that it is in, or CLASS_NONE. */
unsigned places_class(const void *address);

/* Calls visit for the memory of the blocks, or that of what describes them. */
void places_visit(void (*visit)(void *context, const void *base, size_t length), void *context,
                  bool is_of_blocks);

#endif
