/* SPDX-License-Identifier: MIT
 *
 * Guard level 2: blocks that an arena's thread has freed, and that wait until so many bytes have been freed
 * after them: small ones, which count as used, and runs. */
#ifndef FREEHOLD_QUARANTINE_H
#define FREEHOLD_QUARANTINE_H

#include "../types.h"

/* Whether what waits is a run: its block has ended, and nobody has its units. */
static inline bool quarantine_is_run(const struct slab *slab) {
    return atomic_load_explicit(&slab->owner, memory_order_relaxed) == OWNER_FREE;
}

/* Takes a block of a slab, or a run. false if there is no memory for a quarantine, or it has not so many
 * bytes. */
bool quarantine_add(struct arena *arena, const struct slab *slab, struct block *block);

/* A block whose time is over, or NULL; all of them, one after the other, if all is set. */
struct block *quarantine_next(struct arena *arena, bool all);

#endif
