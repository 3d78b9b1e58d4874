/* SPDX-License-Identifier: MIT
 *
 * The slabs of an arena: which list each is in, where new ones come from, and how they leave. All of this is
 * done by the arena's thread (for the late arena, under late_lock).
 *
 * Every slab of the arena is in the list owned, by last use; those with blocks are in the list of available
 * slabs of their class, too. What is owned is bounded in bytes: the slab that was used the longest ago is let
 * go, that is given up if it is empty, put among the orphans if it has blocks, and in no list if it is full.
 * Then whoever frees into it claims it. */
#ifndef FREEHOLD_SLABS_H
#define FREEHOLD_SLABS_H

#include "../types.h"

/* A slab of class that has blocks: one of the arena's, or an orphan. NULL if there is none. */
struct slab *slabs_find(struct arena *arena, unsigned class);

/* A new slab of class; NULL if there is no memory. */
struct slab *slabs_make(struct arena *arena, unsigned class);

/* Whether there may be room in the arena's share for one more. If not, slabs_claim need not look at its slab,
 * which as a rule nobody has touched for long. */
static inline bool slabs_have_room(const struct arena *arena) {
    return arena->owned + UNIT <= arena->share;
}

/* Claims a slab of which the caller has a block, and keeps it. false if that is not possible, or would be
 * more than the arena's share. */
bool slabs_claim(struct arena *arena, struct slab *slab);

/* Blocks have been taken from a slab of the arena's. */
void slabs_used(struct arena *arena, struct slab *slab);

/* Blocks have been put on the free list of a slab of the arena's, which was full or is empty now. */
void slabs_arrange(struct arena *arena, struct slab *slab);

/* Sweeps the inbox, and settles all that this and the pushes before have won. Every slow path does so: a
 * thread that only frees wins slabs too, by claims. Says whether there was anything. */
bool slabs_receive(struct arena *arena);

/* Pushes the outbox and receives. */
void slabs_exchange(struct arena *arena);

/* Gives up the empty slabs that the lists keep. */
void slabs_give_up_empty(struct arena *arena);

/* Whether more than the arena may own has become empty while no blocks were taken. From then on, until some
 * are, it keeps no empty slabs; and what its caches hold is of no use, but pins a slab for each block. */
bool slabs_shrink(struct arena *arena);

/* A thread is about to be made, which may free what this one has allocated, while this one sleeps. Of what
 * it owns beyond PART_KEPT it lets go of the oldest slabs that are full, and the only thread of all of the
 * oldest. */
void slabs_before_thread(struct arena *arena);

/* Lets go of every slab, and of what the outbox holds. The arena ends. */
void slabs_release_all(struct arena *arena);

#endif
