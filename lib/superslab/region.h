/* SPDX-License-Identifier: MIT
 *
 * Regions: address space for SuperSlabs and huge blocks, reserved in steps that grow, handed out by the
 * granule. Each region is one mapping, readable and writable. Free granules that adjoin are one stretch,
 * found by its length; those that are dirty are handed out first, whatever they were.
 *
 * Dirty units that nobody uses, in free granules and behind the end of huge blocks, are loose. They go back
 * to the kernel, the oldest first, when they have been loose for the decay time, and as soon as what is in
 * use and loose is more than what was in use lately, and a fifth. */
#ifndef FREEHOLD_REGION_H
#define FREEHOLD_REGION_H

#include "../types.h"
#include "granule.h"

static inline char *granules_address(const struct granules *granules) {
    return granules->region->base + (size_t)granules->first * GRANULE;
}

/* Takes granules for length bytes at a multiple of alignment (a power of two). *dirty has a bit for each unit
 * index at which a unit of them may hold other than zeros. false if there are none to be had. */
bool region_take(size_t length, size_t alignment, struct granules *granules, uint64_t *dirty);

/* The same for one granule, for a SuperSlab: from the other end of a stretch, and from the reserve too, which
 * huge blocks leave alone when no further region can be mapped. */
bool region_take_one(struct granules *granules, uint64_t *dirty);

/* Makes granules of a huge block hold length bytes, in place. false if what follows them is not free. */
bool region_extend(struct granules *granules, size_t length);

/* Gives back what is behind the first length bytes. */
void region_shorten(struct granules *granules, size_t length);

/* Gives back granules of a huge block, or one that leaves limbo. */
void region_give(const struct granules *granules);

/* Maps length bytes of granules in use anew, without pages. false if the kernel refuses. */
bool region_renew(const struct granules *granules, size_t length);

/* A SuperSlab's granule goes to limbo, with these units dirty. */
void region_hold(const struct granules *granules, uint64_t dirty);

/* Asks for huge pages in a granule, or no longer. false if the kernel's mapping would be cut too often. */
bool region_advise(const struct granules *granules, bool wanted);

/* Bytes that are in use, that are loose, and that are reserved. */
uint64_t region_used_bytes(void);
uint64_t region_loose_bytes(void);
uint64_t region_reserved_bytes(void);

/* What a region was at some moment. */
struct region_view {
    const char *base; /* where granule 0 is, or would be */
    unsigned first;   /* granules from this one on are reserved */
    struct {
        uint64_t dirty, used; /* a bit per unit, as in struct granule */
        uint8_t state;        /* an enum granule_state */
    } granules[REGION_GRANULES];
};

/* The region with the least base above the address; false if there is none. */
bool region_next(const char *above, struct region_view *view);

/* Whether an address is in a region. */
bool region_contains(const char *address);

/* Regions reserved now. */
uint64_t regions_now(void);

#endif
