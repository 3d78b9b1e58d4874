/* SPDX-License-Identifier: MIT
 *
 * Granules: the only place that changes one, with all that counts it. All of it under regions_lock. */
#ifndef FREEHOLD_GRANULE_H
#define FREEHOLD_GRANULE_H

#include "../types.h"

extern pthread_mutex_t regions_lock;

/* All of it regions_lock. */
struct granule_figures {
    uint64_t used, loose;            /* units */
    uint64_t left;                   /* granules that are free */
    uint64_t high, high_before;      /* the most of used, in this decay period and the last */
    struct granule *oldest, *newest; /* loose ones */
};
extern struct granule_figures granule_figures;

static inline struct region *region_of(const struct granule *granule) {
    return (struct region *)((char *)(granule - granule->index) - offsetof(struct region, granules));
}

static inline char *granule_address(const struct granule *granule) {
    return region_of(granule)->base + granule->index * GRANULE;
}

static inline unsigned granules_for(size_t length) {
    return (unsigned)((length + GRANULE - 1) / GRANULE);
}

/* Dirty units that nobody uses. */
static inline uint64_t loose_units(const struct granule *granule) {
    return granule->state == GRANULE_LIMBO ? 0 : granule->dirty & ~granule->used;
}

/* Whether the granule counts against the limit. */
static inline bool is_counted(const struct granule *granule) {
    return granule->state != GRANULE_FREE || granule->dirty != 0;
}

/* Makes a granule what it is to be. Who makes it count has taken the space. */
void granule_set(struct granule *granule, enum granule_state to, uint64_t used, uint64_t dirty);

/* Makes a loose granule the newest one of them; or the oldest, since a time when the others were not loose.
 */
void granule_renew(struct granule *granule);
void granule_age(struct granule *granule, uint32_t since);

#endif
