/* SPDX-License-Identifier: MIT
 *
 * The account: where all memory of the allocator is. Nothing is counted for it: SuperSlabs, regions, huge
 * blocks and arenas are walked, and the kernel is asked which of their pages have memory. No lock is held for
 * long: a SuperSlab cannot leave under purge_lock, nor come under superslabs_lock, and both are taken for
 * each anew; a region is copied under regions_lock; huge blocks are seen in the registry, whose leaves are
 * never freed; arenas are never unmapped. Of what other threads own only counters are read. So while threads
 * run the sums are of no one moment. */
#ifndef FREEHOLD_ACCOUNT_H
#define FREEHOLD_ACCOUNT_H

#include "image.h"
#include "../superslab/region.h"
#include "../superslab/slice.h"

enum account_phase { PHASE_SUPERSLABS, PHASE_REGIONS, PHASE_HUGE, PHASE_SUM, PHASE_DONE };

/* A walk, and what it has found. All of it belongs to whoever has made it. Bytes are those that have memory.
 */
struct account {
    size_t length; /* of the mapping: this, and the image */
    size_t page;   /* of the kernel's */
    unsigned page_shift;
    bool has_zeros, had_zeros;               /* pages that were only read: in this walk, and in the last */
    uint32_t phase;                          /* an enum account_phase */
    uint32_t next;                           /* slot, granule of the view, or leaf */
    const char *last;                        /* base of the region that was begun last */
    uint64_t took;                           /* nanoseconds, in all of its slices */
    uint64_t used_of[CLASSES];               /* of used blocks, by class */
    uint64_t runs, kept_runs;                /* of live ones; of those that threads keep */
    uint64_t huge_blocks;                    /* of live ones */
    const struct slab *parts[ACCOUNT_PARTS]; /* the first ones of SuperSlabs of which there is a part */
    uint32_t parts_count;
    struct {
        const struct slab *slab; /* the one that was found last */
        const char *end;         /* where its next granule would be */
        struct fh_live_huge *record;
    } huge;
    struct fh_account sum;
    struct fh_live_region *region;      /* the view's record */
    struct fh_live_superslab spare;     /* where there is no room in a table */
    struct fh_live_region spare_region; /* likewise */
    struct region_view view;
    unsigned char pages[SUPERSLAB / 4096]; /* bit 0 of each: it has memory */
    struct fh_live *image;
};

/* Room for an account, with maps or without. NULL if there is no memory. */
struct account *account_make(bool has_maps);
void account_free(struct account *account);

/* Begins a new walk; goes on with it, and says whether it is done. The caller holds no lock. */
void account_begin(struct account *account);
bool account_walk(struct account *account, const struct slice *slice);

#endif
