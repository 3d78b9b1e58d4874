/* SPDX-License-Identifier: MIT
 *
 * The live page: what the heap of a process looks like, for others to read while it runs, without stopping it
 * and without ptrace. With FREEHOLD_LIVE=1, or after fh_live(1), the process has a memfd whose name in
 * /proc/PID/fd is "/memfd:freehold-live (deleted)": its content is a struct fh_live, and tables behind it.
 *
 * Reading: read the sequence; if it is odd, wait a little. Read the rest. Read the sequence again: if it has
 * changed, begin anew. Sums are of a walk that took took_ns, not of one moment; they add up all the same:
 * resident is the sum of its causes.
 *
 * Fields may be added at the end of each struct: a reader takes the sizes of header and records from the
 * page. Numbers are those of the machine, little-endian on all that are supported. */
#ifndef FREEHOLD_LIVE_H
#define FREEHOLD_LIVE_H

#include "freehold.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FH_LIVE_NAME    "freehold-live"
#define FH_LIVE_MAGIC   "FREEHOLD" /* without the 0 at its end */
#define FH_LIVE_VERSION 1u
#define FH_PROFILE_NAME "freehold-profile"

/* What a unit of 64 KiB is. FH_UNIT_FIRST is added for the first unit of each slab and run. */
enum fh_unit_kind {
    FH_UNIT_NONE,     /* not there: of a part of a SuperSlab */
    FH_UNIT_CLEAN,    /* free; the kernel has its pages */
    FH_UNIT_DIRTY,    /* free, and not purged yet */
    FH_UNIT_SLAB,     /* of a slab */
    FH_UNIT_RUN,      /* of a live large block */
    FH_UNIT_KEPT_RUN, /* of a run in a thread's cache */
    FH_UNIT_FIRST = 0x80
};

struct fh_live_unit {
    uint8_t kind;       /* an enum fh_unit_kind */
    uint8_t size_class; /* of a slab: index in the table of classes, from 1 on */
    uint8_t fullness;   /* of a slab: used blocks in fifteenths of what fits, rounded up; 0 is empty */
    uint8_t resident;   /* sixteenths of the unit */
    uint16_t owner;     /* of a slab: 1 + index in the table of arenas; 0: nobody; 65535: not in the table */
};

struct fh_live_superslab {
    uint64_t address;
    uint64_t reserved;
    struct fh_live_unit units[64];
};

/* What a granule of 4 MiB is. */
enum fh_granule_kind {
    FH_GRANULE_NONE,      /* not reserved */
    FH_GRANULE_CLEAN,     /* free; the kernel has its pages */
    FH_GRANULE_DIRTY,     /* free, and not purged yet */
    FH_GRANULE_LIMBO,     /* waits for grace periods */
    FH_GRANULE_SUPERSLAB, /* see the table of SuperSlabs */
    FH_GRANULE_HUGE,      /* of a huge block, live or kept */
};

struct fh_live_granule {
    uint8_t kind;     /* an enum fh_granule_kind */
    uint8_t resident; /* sixty-fourths of it; of a SuperSlab 0, see there */
};

struct fh_live_region {
    uint64_t address; /* of granules[0], be it reserved or not */
    uint32_t first;   /* granules from this one on are reserved */
    uint32_t granules_count;
    struct fh_live_granule granules[256];
};

struct fh_live_huge {
    uint64_t address;
    uint64_t length;   /* bytes */
    uint64_t resident; /* bytes */
    uint64_t is_kept;  /* 1: freed, and kept for reuse; 0: live */
};

/* Where a table is. */
struct fh_live_table {
    uint64_t offset; /* bytes from the start of the page */
    uint32_t record; /* bytes from one record to the next */
    uint32_t count;  /* records that are there */
    uint64_t total;  /* that there would be if the table had room */
};

struct fh_live {
    char magic[8];       /* FH_LIVE_MAGIC */
    uint32_t version;    /* FH_LIVE_VERSION */
    uint32_t header;     /* bytes of this struct */
    uint64_t length;     /* bytes of the whole page, most of which may never be written */
    uint64_t sequence;   /* odd while it is written; 0: never written yet */
    uint64_t written_ns; /* CLOCK_MONOTONIC, when it was written */
    uint64_t took_ns;    /* how long the walk took, in all of its slices */
    uint64_t period_ms;  /* when it is to be written again, about */
    uint32_t process_id;
    uint32_t has_housekeeper; /* 0: it is written when the program comes along a slow path only */
    /* A reader that may write: how it asks. */
    uint32_t wanted;       /* add 1 once a second: the page is written twice a second as long as it changes */
    uint32_t purge_wanted; /* add 1: all that is free goes back to the kernel */
    uint32_t purge_done;   /* what purge_wanted was when that was done last */
    uint32_t page_bytes;   /* of the kernel */
    uint64_t unit_bytes, granule_bytes;
    uint64_t decay_ms, limit_bytes, guard; /* options */
    struct fh_live_table counters;         /* one record: struct fh_counts */
    struct fh_live_table stats;            /* one record: struct fh_account */
    struct fh_live_table classes;          /* struct fh_class_stats; record 0 stands for none */
    struct fh_live_table arenas;           /* struct fh_arena_stats */
    struct fh_live_table regions;          /* struct fh_live_region */
    struct fh_live_table huge;             /* struct fh_live_huge */
    struct fh_live_table superslabs;       /* struct fh_live_superslab */
    /* As above, of the heap profile. The housekeeper does it: without one, nobody does. */
    uint32_t profile_wanted; /* add 1: one sample in profile_kib KiB from now on, or none if that is 0 */
    uint32_t profile_kib;
    uint32_t profile_done; /* what profile_wanted was when that was done last */
    uint32_t dump_wanted;  /* add 1: the profile is written to a memfd of the name FH_PROFILE_NAME, which
                              /proc/PID/task/THREAD/fd has until the next one is asked for */
    uint32_t dump_done;    /* what dump_wanted was when that was done last */
    uint32_t dump_error;   /* errno of that, or 0 */
};

#ifdef __cplusplus
}
#endif

#endif
