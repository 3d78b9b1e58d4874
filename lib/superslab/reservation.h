/* SPDX-License-Identifier: MIT
 *
 * Reservations: how regions come, grow and leave. All of it under regions_lock, unless said. */
#ifndef FREEHOLD_RESERVATION_H
#define FREEHOLD_RESERVATION_H

#include "granule.h"

/* All of it regions_lock. */
struct reservations {
    struct region *all;      /* linked by listed, but for those that are hidden */
    struct region *youngest; /* the last one that was made, or has grown */
    uint64_t granules;       /* of all regions */
    uint64_t regions;
};
extern struct reservations reservations;

/* Reserves least granules that adjoin, or more, in the place of regions that are wholly free: they are too
 * short. false if they are not to be had. */
bool region_add(unsigned least);

/* Whether address space is not to be wasted: much of what the process may have is reserved, or it could not
 * be had; any thread may ask. */
bool space_is_scarce(void);

/* Takes a region that is wholly free and clean from those that there are, or adds it again. */
void region_hide(struct region *region);
void region_show(struct region *region);

/* Unmaps a hidden region; regions_lock need not be held. false if the kernel refuses. */
bool region_unmap(struct region *region);

#endif
