/* SPDX-License-Identifier: MIT
 *
 * The fixed numbers of the allocator. What a user may change at run time is in options.def. */
#ifndef FREEHOLD_TUNING_H
#define FREEHOLD_TUNING_H

#define GRAIN            16u /* bytes: block sizes and the least alignment are multiples of it */
#define UNIT_SHIFT       16u /* a unit is 64 KiB */
#define UNIT             (1ul << UNIT_SHIFT)
#define UNITS            64u            /* of a SuperSlab: the bits of a word */
#define SUPERSLAB        (UNIT * UNITS) /* bytes: 4 MiB */
#define GRANULE          SUPERSLAB      /* bytes: huge blocks are aligned to it and registered for each */
#define CLASS_NONE       0u             /* what the registry says of a unit that is in no slab */
#define CLASSES          73u            /* size classes, 16 B to SMALL_MAX, from 1 on */
#define SMALL_MAX        32768u         /* bytes: the largest size class */
#define TINY_MAX         1024u          /* bytes: sizes up to it find their class in thread-local storage */
#define LARGE_MAX        (2ul << 20)    /* bytes: above it a block has granules of its own */
#define LARGE_USUAL      (1ul << 20)    /* bytes: above it as well, unless address space is scarce */
#define SLAB_BLOCKS      8u             /* blocks that a slab holds at least */
#define COLOR_MAX        1024u          /* bytes: slabs of larger blocks all start at the unit's start */
#define COLOR_STEP       64u            /* bytes between the starts of two slabs */
#define UNIT_PAGES       16u            /* pages of a unit, as they are counted for what is touched of it */
#define MATCH_LOOKS      64u            /* units that are looked at for one that suits a slab; */
#define MATCH_WASTE      4u             /* pages touched in vain are as bad as one that is missing */
#define CARVE            4096u          /* bytes: carved at once, at most */
#define EMPTY_MOST       4u             /* empty SuperSlabs that exiting threads leave as they are */
#define LAST_LEAST       16u            /* threads that are many; when most of them have exited, */
#define LAST_PART        4u             /* one in so many is left */
#define STOCKS_KEPT      64u            /* arenas that wait to be recycled, before their stocks are purged */
#define OUTBOX_BLOCKS    1024u          /* blocks in an outbox */
#define OUTBOX_FEW       64u            /* blocks in one of an arena with a small share */
#define OUTBOX_BYTES     (256u << 10)   /* bytes: likewise, of larger blocks, if an arena's share is large */
#define OUTBOX_LEAST     (16u << 10)    /* bytes: if it is small */
#define OUTBOX_SHARE     64u            /* one part in so many of it */
#define OUTBOX_TABLE     (2ul * OUTBOX_BLOCKS)
#define SHARE_ALL        (40ul << 20) /* bytes: of slabs that all arenas together may own */
#define SHARE_MOST       (16ul << 20) /* bytes: that one may own */
#define SHARE_LEAST      (64ul << 10) /* bytes: that each may, however many there are */
#define CACHE_SHARE      4u           /* the quotas of its caches are one part in so many of that */
#define CACHE_LARGE      (1ul << 20)  /* bytes: of a share that is as large they are twice as much, */
#define CACHE_MOST       (3ul << 20)  /* bytes: up to so much */
#define CACHE_LEAST      ((uint64_t)CLASSES * SMALL_MAX) /* bytes: first quotas of all classes, at most */
#define FILL_MOST        4u    /* quotas: a slab's free list up to that is taken whole */
#define HELD_MOST        8u    /* quotas: blocks that a cache and its spare one hold at most */
#define QUOTA_SHARE      1024u /* a class's first quota is one part in so many of the share */
#define QUOTA_LEAST      1024u /* bytes: of it */
#define QUOTA_BLOCKS     16u   /* blocks: of it, at most; and what any quota may grow to */
#define QUOTA_LARGE      16u   /* times FREEHOLD_CACHE: a quota may grow to it if slabs have several units */
#define BULK_LEFT        4u    /* or blocks fill a page, and one part in so many is left to others */
#define TIDY_BLOCKS      256   /* blocks that pass slow paths between two looks at the clock */
#define TIDY_LARGE       64    /* blocks that a large or huge one stands for there */
#define TIDY_CHANGE      4     /* and a slab that was full, or has become empty */
#define ORPHAN_BINS      4u    /* lists of the orphans of a class, by how full they are */
#define ORPHAN_LOCKS     32u   /* for the orphans of all classes; ThreadSanitizer knows 64 held at a time */
#define ORPHAN_TRIES     8u    /* orphans that an adopter tries to claim in one list */
#define LET_GO_AT_ONCE   16u   /* slabs that are released with one fence */
#define KEEP_BLOCKS      4u    /* a slab that was claimed for so many blocks is kept */
#define CACHE_LINE       64u   /* bytes */
#define FETCH_BLOCKS     4u    /* blocks that are worth fetching a slab for, before its list is taken */
#define FETCH_PART       4u    /* if they are one part in so many of its blocks */
#define FETCH_BATCHES    16u   /* batches of a queue that are drained before all of the slab is fetched */
#define ADDRESS_BITS     48u   /* of a user's pointer */
#define LEAF_BITS        16u   /* of the registry: a leaf covers 4 GiB by unit */
#define ROOT_BITS        (ADDRESS_BITS - UNIT_SHIFT - LEAF_BITS)
#define SLOTS_CHUNK      1024u /* slots of the SuperSlab table that are mapped at once */
#define SLOTS_CHUNKS     1024u /* so that the table reaches 4 TiB */
#define HUGE_PAGES_SWELL 8u    /* what huge pages waste is one part in so many of the process at most */
#define RCU_PATIENCE     1000u /* looks at readers that stay, before a grace period is given up */
#define THAW_AT_ONCE     16u /* units that a thread looks at in a child of a fork, before it takes a new slab */
#define FORK_TRIES       1000u /* of a fork to take all locks at once, before it waits for each */
#define UNMAPPED_KNOWN   64u   /* mappings that have been ended, for a report of a crash */
#define SAMPLES          2048u /* units for sampled blocks, those that were freed lately included */
#define SAMPLES_LIVE     1024u /* sampled blocks that live at a time */
#define FRESH_FREES      4u    /* frees of a thread that never allocated, before it gets an arena */

/* Before a thread makes another. */
#define PART_KEPT  (1ul << 20) /* bytes: of slabs that it owns; of what is more it lets go */
#define PART_LOOKS 128u        /* slabs that are looked at for that */

/* Lists of slots: by the length of the longest run, and those that have something to purge. */
#define LIST_WHOLE    19u /* the list of slots with all units free */
#define LIST_TO_PURGE 20u
#define SLOT_LISTS    21u

/* Regions. */
#define REGION_GRANULES 256u /* granules of the largest region: 1 GiB */
#define STEP_SHARE      8u   /* a reservation is one part in so many of what there is */
#define SCARCE_SHARE    8u   /* address space is scarce when one part in so many of what may be is reserved */
#define RESERVE_SHARE   16u  /* one granule in so many is not for huge blocks when no region can be had */
#define RESERVE_MOST    4u   /* granules: of those, at most */
#define RECENT_BLOCKS   16u  /* huge blocks that were freed last */
#define CLOSED_BLOCKS   16u  /* likewise, at guard level 2: nobody may touch them */
#define HUGE_MAX        (512ul << 20) /* bytes: above it a block has a mapping of its own */
#define KEEP_SHARE      5u            /* kept beyond what has lived lately: one part in so many of it */
#define SPARSE_UNITS    8u            /* free and clean in a SuperSlab, and it loses its huge pages */
#define MOVE_EDGES      256u          /* places at which a mapping begins that pages were moved to */
#define DENSE_EDGES     8u            /* places in a region at which the advice on huge pages changes */

/* Runs near the thread. */
#define RUNS_MOST (6ul << 20) /* bytes: runs that a thread keeps at most, if its share is as large */
#define RUNS_TIDY 64u         /* runs taken between two looks at the clock */
#define RUNS_CUT  2           /* times a length and a unit: what is longer is not cut up for it */
#define RUNS_IDLE (4ul << 20) /* bytes of units: if so much is free and dirty, no thread yields its runs */

/* What goes back to the kernel, and how much at a time. */
#define SLICE_UNITS    8u            /* purged with one system call, at most */
#define SLICE_SMALL    (576ul << 10) /* bytes: then a slow path has purged enough */
#define SLICE_NS       100000u       /* nanoseconds: likewise */
#define SLICE_SPACE_NS 500000u       /* nanoseconds between two slow paths that purge */
#define SLICE_LARGE    (4ul << 20)   /* bytes: then the housekeeper lets go of its locks */
#define SLICE_LARGE_NS 1000000u      /* nanoseconds: likewise */
#define EXCESS_LEAST   (4ul << 20)   /* bytes: free and dirty where there is no housekeeper; then */
#define EXCESS_SHARE   8u            /* one part in so many of what lives, at most */
#define EXCESS_NS      300000u       /* nanoseconds: what is more goes back for so long at once */
#define EXCESS_REST_NS 30000u        /* nanoseconds between two such slices of one thread */
#define EXCESS_MORE    (1ul << 20)   /* bytes: unless so much has become free since */
#define EXCESS_EXIT    (32ul << 20)  /* bytes: or, when one of the last threads ends, so much at once */
#define EXCESS_REGRET  (256ul << 10) /* bytes a millisecond that went back and are soon taken again */
#define EXCESS_MOST    (512ul << 20) /* bytes: by which a load that swings widens the bound, twice */
#define EXCESS_LOOKS   8u            /* in each decay time */
#define EXCESS_QUIET   4u            /* decay times without a swing, before that is halved again */
#define EXCESS_DECAY   4000u         /* milliseconds: a longer decay time keeps all that is free */
#define DECAY_STEPS    32u           /* the decay time is looked at in so many parts */
#define PATIENCE_MOST  2u            /* doublings of the decay time, where the load swings */
#define REGRET_LEAST   (8ul << 20)   /* bytes purged and soon taken again, before that is a swing */
#define QUIET_LOOKS    12u           /* without a swing, before the decay time is halved again */
#define PRESSED_SHARE  8u            /* near the limit it is one part in so many */
#define GRACE_TRIES    20u           /* milliseconds that who needs memory waits for a grace period */

/* The account: records that its tables have room for. */
#define ACCOUNT_ARENAS     4096u
#define ACCOUNT_REGIONS    1024u
#define ACCOUNT_HUGE       4096u
#define ACCOUNT_SUPERSLABS 65536u
#define ACCOUNT_PARTS      64u

/* The heap profile. */
#define TRACE_DEPTH    64u           /* frames of a stack */
#define PACE_SHARE     400u          /* they may cost one part in so many of the time */
#define PACE_CREDIT    500000        /* nanoseconds: and so much at once */
#define CUTS_AT_ONCE   32u           /* cuts of caches that a thread is given */
#define PLACES_BYTES   (1ul << 30)   /* address space for profiled small blocks */
#define PROFILED_BYTES (64ul << 20)  /* of what is known of each */
#define SITES_BYTES    (128ul << 20) /* of the stacks */
#define SITES_HEADS    16384u        /* parts of their table */

/* The pass of key destructors that ends an arena; see thread_exit. A sanitizer needs the last for itself. */
#define EXIT_PASS 3u

#endif
