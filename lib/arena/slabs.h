/* SPDX-License-Identifier: MIT
 *
 * The slabs of an arena: which list each is in, where new ones come from, and how they leave. All of this is
 * done by the arena's thread (for the late arena, under late_lock). */
#ifndef FREEHOLD_SLABS_H
#define FREEHOLD_SLABS_H

#include "../types.h"

/* A slab of class that has blocks: one of the arena's, an orphan, or a new one. NULL if there is no memory.
 */
struct slab *slabs_find(struct arena *arena, unsigned class);

/* Puts a slab of the arena in the list where it belongs now. It may be given up if it is empty. */
void slabs_arrange(struct arena *arena, struct slab *slab);

/* Sweeps the inbox, and arranges all that this and the pushes before have won. Every slow path does so: a
 * thread that only frees owns slabs too, by claims. Says whether there was anything. */
bool slabs_receive(struct arena *arena);

/* Pushes the outbox and receives. */
void slabs_exchange(struct arena *arena);

/* Gives up the empty slabs that the lists keep. */
void slabs_give_up_empty(struct arena *arena);

/* Releases every slab: those with live blocks become orphans. Then ends the arena: nothing is posted to it
 * any more. */
void slabs_release_all(struct arena *arena);

#endif
