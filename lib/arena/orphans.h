/* SPDX-License-Identifier: MIT
 *
 * Orphans: slabs without owner that have blocks to hand out, for arenas in need of a slab. They stand in
 * lists by class and by how full they are; each class has a lock of its own, and nothing is searched.
 *
 * A slab is in its list before it has no owner, and until whoever claims it takes it out or it has to stand
 * in another. Those that are full are in no list. */
#ifndef FREEHOLD_ORPHANS_H
#define FREEHOLD_ORPHANS_H

#include "../types.h"

/* Puts a slab of mine among the orphans, where it belongs; it may be there already. It is still mine. */
void orphans_put(struct slab *slab);

/* Takes a slab that I have claimed out of the orphans. */
void orphans_remove(struct slab *slab);

/* Claims an orphan of class for arena and takes it out, a full one rather than an empty one; NULL if there is
 * none. */
struct slab *orphans_claim(struct arena *arena, unsigned class);

/* Every lock of the orphans, around a fork. */
void orphans_lock_all(void);

/* The same, without a wait: takes all and returns NULL, or takes none and returns one that is taken. */
pthread_mutex_t *orphans_try_all(void);
void orphans_unlock_all(void);

#endif
