/* SPDX-License-Identifier: MIT
 *
 * Orphans: slabs with live blocks whose owner has exited, by class, for arenas in need of a slab.
 *
 * A slab is in the list before it has no owner, and until whoever claims it takes it out. Those that are full
 * when they are released are in no list. */
#ifndef FREEHOLD_ORPHANS_H
#define FREEHOLD_ORPHANS_H

#include "../types.h"

extern pthread_mutex_t orphans_lock;

/* Puts a slab of mine, which is in no list, among the orphans. It is still mine. */
void orphans_add(struct slab *slab);

/* Takes a slab that I have claimed out of the orphans. */
void orphans_remove(struct slab *slab);

/* Claims an orphan of class for arena and takes it out; NULL if there is none. */
struct slab *orphans_claim(struct arena *arena, unsigned class);

#endif
