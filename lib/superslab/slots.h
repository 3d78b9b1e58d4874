/* SPDX-License-Identifier: MIT
 *
 * The table of SuperSlabs, and lists of its slots.
 *
 * A list is a bitmap of slots, with two levels above that say where it is not empty, so that the next slot of
 * a list is found in a few loads however many slots there are. Anybody may list a slot. Who finds that it has
 * no business there strikes it off, and must then look again, and list it anew if that has changed: its state
 * may have been changed by somebody who saw it listed. */
#ifndef FREEHOLD_SLOTS_H
#define FREEHOLD_SLOTS_H

#include "../types.h"

/* How many slots of the table have ever been used. */
uint32_t slots_count(void);

/* The slot of an index below slots_count(). */
struct slot *slot_at(uint32_t index);

/* A vacant slot, new or recycled; NULL if the table is full or there is no memory. Under superslabs_lock. */
struct slot *slot_take(uint32_t *index);

/* A slot that has no SuperSlab any more is vacant. Under superslabs_lock. */
void slot_give(uint32_t index);

/* Puts a slot on a list. The caller has changed the slot's state by an atomic operation before. */
void slot_list(uint32_t index, unsigned list);

/* Strikes a slot off a list. The caller looks at the slot's state again afterwards. */
void slot_strike(uint32_t index, unsigned list);

/* A bit for each list that is not empty. */
uint64_t slots_lists(void);

/* The first slot of a list from *index on; false if there is none. */
bool slots_next(unsigned list, uint32_t *index);

#endif
