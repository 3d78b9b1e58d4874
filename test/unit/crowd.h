/* SPDX-License-Identifier: MIT
 *
 * Arenas that run without a thread, so many that each arena's share is the least there is: then little has to
 * be owned for some of it to be let go. */
#ifndef UNIT_CROWD_H
#define UNIT_CROWD_H

#include "arena/arenas.h"
#include "require.h"

#define CROWD_MOST 4096

struct crowd {
    struct arena *arenas[CROWD_MOST];
    unsigned count;
};

static inline void crowd_start(struct crowd *crowd) {
    for (crowd->count = 0; arenas_share() > SHARE_LEAST; crowd->count++) {
        require(crowd->count < CROWD_MOST);
        require((crowd->arenas[crowd->count] = arenas_take()) != NULL);
    }
}

static inline void crowd_end(struct crowd *crowd) {
    while (crowd->count > 0) {
        struct arena *arena = crowd->arenas[--crowd->count];
        atomic_store(&arena->state, ARENA_EXITED);
        arenas_give(arena);
    }
}

#endif
