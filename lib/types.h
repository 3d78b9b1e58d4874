/* SPDX-License-Identifier: MIT
 *
 * Every structure of the allocator, with what each field means and who may touch it.
 *
 *   block        what malloc returns; no header, nothing is ever read at p - 1
 *   size class   block sizes are rounded up to one of CLASSES
 *   unit         64 KiB, aligned to 64 KiB
 *   slab         a run of units that serves one size class and has one owner at a time
 *   SuperSlab    a 4 MiB-aligned, 4 MiB region of 64 units, all of which hold user data
 *   descriptor   a SuperSlab's metadata, out of line
 *   registry     address -> descriptor of the slab; the only way a pointer is classified
 *   arena        one thread's heap: its caches, its slabs, its outbox and inbox
 *   owner        the arena that a slab belongs to, or none
 *   claim        the owner-CAS none -> me; release: me -> none
 *   remote free  a free by a thread that does not own the slab
 *   remote queue a slab's MPSC queue of remote batches
 *   batch        free blocks of one slab, linked, that travel together
 *   outbox       an arena's remote frees not yet pushed; grouped by slab when they are
 *   inbox        an arena's MPSC queue of its slabs whose remote queue has become non-empty
 *   orphan       a slab with live blocks and no owner
 *   let go       to release a slab that is of no use to its owner, or to give it up if it is empty
 *   run          units that serve one large block
 *   region       a contiguous reservation of address space, cut into granules
 *   granule      4 MiB of a region, aligned: free (clean or dirty), in limbo, or in use by a SuperSlab or a
 *                huge block
 *   stretch      free granules that adjoin, as many as there are
 *   limbo        unregistered SuperSlabs that wait for grace periods before their granules are free again
 *
 * Counting, for every slab: carved = live + cached + free + in flight, where in flight means in an outbox
 * or in the remote queue. One counter, used = carved - free, changed in one place per direction: up where
 * a cache is filled (slab_take), down where a block reaches the slab's free list (slab_push, queue_drain).
 * A slab with used > 0 keeps its units; a SuperSlab whose 64 units are not all free is not retired.
 *
 * Who may touch a field:
 *   constant     written while nobody else can reach the structure
 *   slab's life  constant from slab_make until the units are given back; run's life: from large_take
 *   owner only   read and written by the thread whose arena owns it, nobody else, for no purpose
 *   atomic       any thread; the comment says which orders matter, and the partner
 *   counter      written by the owner only, relaxed, who may read it plainly; read by anybody who sums up,
 *                relaxed
 *   LOCK         under the named mutex
 *   thread only  in thread-local storage
 */
#ifndef FREEHOLD_TYPES_H
#define FREEHOLD_TYPES_H

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tuning.h"
#include "primitives.h"

#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)
#define noinline            __attribute__((__noinline__))
#define cold                __attribute__((__noinline__, __cold__))

struct arena;

/* What a slab's owner field holds when it is no arena. */
#define OWNER_NONE  ((struct arena *)0) /* an orphan: may be claimed */
#define OWNER_FREE  ((struct arena *)1) /* the units are free */
#define OWNER_LARGE ((struct arena *)2) /* a run: one large block */
#define OWNER_HUGE  ((struct arena *)3) /* a huge block */

/* In place of the bytes of what is no live block. */
#define NO_BLOCK SIZE_MAX

/* A free block. */
struct block {
    struct block *next;
    uintptr_t mark; /* block_mark, so that a second free sees it; 0 when the block is handed out */
};
static_assert(sizeof(struct block) == GRAIN, "a free block's links fit the smallest block");

/* What the first block of a batch says while it travels, see batch_of. Its first word is the link to the next
 * batch of the remote queue; the other blocks are linked through next as usual. */
struct batch {
    uint16_t second; /* offset of the second block in the slab, in GRAIN */
    uint16_t last;   /* offset of the last block in the slab, in GRAIN */
    uint32_t count;  /* blocks of the batch */
};

/* Where a slab is: in no list, among its owner's with or without blocks, or among the orphans. */
enum slab_place { PLACE_NONE, PLACE_AVAILABLE, PLACE_FULL, PLACE_ORPHANS };

/* Whether a slab is in arena->won, and why. */
enum slab_won { WON_NOT, WON_DRAINED, WON_CLAIMED };

/* What describes a run, in place of a slab. */
struct run {
    char *start;       /* run's life; while the block is a profiled one, elsewhere: see large_start */
    struct slab *next; /* thread only, of the one that keeps the run: the next of its length */
    uint32_t units;    /* whoever has the block, or keeps the run: how many units */
    uint32_t profiled; /* whoever has the block, if it is a profiled one: its number */
};

/* One per unit of a SuperSlab; the one of a slab's first unit describes the slab, or the run if owner says
 * so. Two cache lines: the first is read by every free and written once a batch by other threads, the second
 * is the owner's alone. */
struct slab {
    _Atomic(struct arena *) owner; /* atomic; claimed by CAS (acquire), released by store (release) */
    union {
        struct {
            char *start;         /* slab's life: address of the first block */
            uint32_t block_size; /* slab's life: bytes */
            uint32_t capacity;   /* slab's life: blocks */
            uint8_t class;       /* slab's life: size class */
            uint8_t units;       /* slab's life: how many units */
        };
        struct run run; /* while owner is OWNER_LARGE, or a thread keeps the run */
    };
    uint8_t unit;            /* constant: index of the first unit in the SuperSlab */
    _Atomic uint32_t posted; /* atomic: post_mark in somebody's inbox; set by the poster, 0 by the sweeper */
    ck_stack_t queue;        /* atomic: the remote queue; push by anybody, taken by the owner only */
    ck_stack_entry_t inbox_link; /* whoever set posted, until the sweeper has taken it */

    struct block *free __attribute__((aligned(64))); /* owner only: the free list */
    uint32_t used;                /* counter: carved blocks that are not in the free list; by slab_set_used */
    uint32_t carved;              /* owner only: blocks that have ever been handed out, from the start */
    struct slab *next, *prev;     /* owner only, or the orphans' lock while place is PLACE_ORPHANS: the list
                                     of available slabs, or of orphans */
    struct slab *older, *younger; /* owner only: the list arena->owned */
    struct slab *won_next;        /* owner only: the list arena->won */
    uint16_t claimed_for;         /* owner only: blocks that were claimed for, while won is WON_CLAIMED */
    uint8_t won;                  /* owner only: an enum slab_won */
    uint8_t place; /* an enum slab_place; read by the owner, written by it, under the orphans' lock to or
                      from PLACE_ORPHANS */
    uint8_t bin;   /* the orphans' lock: which of their lists */
} __attribute__((aligned(64)));
static_assert(sizeof(struct slab) == 128, "a slab is two cache lines");
static_assert(offsetof(struct slab, free) == 64, "the owner's fields have a cache line of their own");

struct slab_list {
    struct slab *first, *last; /* as the links: owner only, or the orphans' lock */
};

enum granule_state { GRANULE_FREE, GRANULE_LIMBO, GRANULE_USED };

/* A granule. All of it regions_lock, but for index. */
struct granule {
    uint64_t dirty;                /* a bit per unit that may hold other than zeros */
    uint64_t used;                 /* a bit per unit in use: all of a SuperSlab's, the first ones of the last
                                      granule of a huge block */
    struct granule *older, *newer; /* of the loose ones, those with dirty units that are not in use */
    struct granule *next, *prev;   /* of a free stretch's first: stretches of the same length and kind */
    uint32_t since;                /* when it became one of the loose ones, milliseconds */
    uint32_t move;                 /* which move of pages brought its mapping; 0: it is the region's */
    uint16_t length;               /* of a free stretch's first: granules */
    uint16_t index;                /* constant: in the region */
    uint8_t state;                 /* an enum granule_state */
    bool is_loose;                 /* is among the loose ones */
};
static_assert(sizeof(struct granule) == 64, "a granule is one cache line");

#define REGION_WORDS (REGION_GRANULES / 64)

/* A region. All of it regions_lock, but for base. */
struct region {
    char *base;                   /* constant while reserved: where granule 0 is, or would be */
    uint32_t first;               /* granules from this one on are reserved; the region grows downwards */
    uint32_t small;               /* granules from this one on refuse huge pages, unless dense says else */
    uint32_t left;                /* granules that are free */
    uint32_t since;               /* when it became wholly free and clean, milliseconds */
    uint64_t free[REGION_WORDS];  /* a bit per granule that is free */
    uint64_t dirty[REGION_WORDS]; /* a bit per granule that is free and has dirty units */
    uint64_t dense[REGION_WORDS]; /* a bit per granule for which huge pages were asked */
    struct region *next, *prev;   /* of the regions that are wholly free and clean */
    struct region *listed;        /* the next of all that are reserved */
    struct granule granules[REGION_GRANULES];
};

/* Adjoining granules that somebody has taken. */
struct granules {
    struct region *region; /* NULL: none, or a mapping of its own */
    uint32_t first, count;
};

/* A SuperSlab's descriptor. */
struct superslab {
    char *base;               /* constant while registered: address of unit 0 */
    struct granules granules; /* constant while registered; none if it is a part of a SuperSlab only */
    struct superslab *next;   /* limbo_lock: the list of limbo that it is in */
    uint64_t dirty;           /* limbo: what slot->dirty was */
    uint32_t slot;            /* constant while registered: index in the table of SuperSlabs */
    bool is_dense;            /* purge_lock once it is registered: huge pages were asked for it */
    struct slab slabs[UNITS]; /* one per unit */
};

/* A huge block's descriptor: changed by whoever takes, resizes or frees the block. */
struct huge {
    char *base;
    size_t length;            /* bytes, a multiple of UNIT */
    struct granules granules; /* none if it has a mapping of its own */
    uint32_t profiled;        /* its number if it is a profiled block, or 0 */
    struct slab slab;         /* of it only owner: OWNER_HUGE, or OWNER_FREE */
};

/* A slot of the table of SuperSlabs. The table never moves and is never freed, so that units can be taken
 * by a CAS without knowing whether the SuperSlab is still there: where there is none, no unit is free. */
struct slot {
    _Atomic uint64_t free;  /* atomic: a bit per free unit; taken by CAS (acquire), given back by
                               OR (release); all 64 -> 0 retires */
    _Atomic uint64_t dirty; /* atomic: a bit per unit that may hold other than zeros; changed by
                               whoever has taken the unit */
    _Atomic(struct superslab *) superslab; /* atomic: valid for whoever holds a unit of it */
    _Atomic uint64_t aged;                 /* atomic: a bit per unit that has been free since the last purge;
                                              set by the purge, cleared by whoever gives back */
    uint32_t next_vacant;                  /* superslabs_lock: the next slot without a SuperSlab */
    _Atomic uint8_t touched[UNITS];        /* atomic: how many pages of each dirty unit were written to, from
                                              its start on; changed by whoever has taken the unit */
};

/* The blocks of one unit in an outbox that is being pushed, and what the registry says of them, so that the
 * next one is looked at without it. */
struct outbox_group {
    struct slab *slab;
    struct block *first, *last;
    const struct leaf *leaf;
    uint64_t reciprocal, phase; /* of entry_position */
    uint32_t limit;             /* likewise; 0: no block of the unit may be freed */
    uint32_t unit;              /* its number in the address space */
    uint32_t count;
    uint16_t place; /* in number_of */
};
static_assert(sizeof(struct outbox_group) == 64, "a group is one cache line");

/* All the groups of an outbox that is being pushed. From a pool; who has taken it is its owner. */
struct outbox_groups {
    struct outbox_group groups[OUTBOX_BLOCKS]; /* owner only */
    uint16_t
        number_of[OUTBOX_TABLE]; /* owner only: a table by unit of groups, from 1 on; all 0 in the pool */
};

/* Remote frees that wait for each other, in the order in which they came. Made when it is first needed. */
struct outbox {
    uint32_t places; /* owner only: how many blocks there may be */
    void *blocks[];  /* owner only */
};

/* Frozen: its thread does not exist in this child of a fork. Nothing is posted to it; its slabs are claimed
 * like those without owner, but for what it was editing: see slab_thaw. */
enum arena_state { ARENA_RUNNING, ARENA_EXITED, ARENA_FROZEN };

/* Counts of events. Each is a counter: its arena's thread writes, anybody reads. */
struct counters {
    _Atomic uint64_t refills, remote_frees, pushes, posts, drains, claims, adoptions, orphans, slabs_taken,
        slabs_freed, starts;
    _Atomic int64_t used[CLASSES];   /* blocks not in a free list, by class; a drain may be another arena's */
    _Atomic int64_t queued[CLASSES]; /* blocks in remote queues, likewise */
    _Atomic uint32_t cached[CLASSES]; /* blocks in the caches when the last slow path of the class ended */
    _Atomic uint64_t quarantined;     /* bytes */
};

/* An arena's word for grace periods. */
struct reader {
    _Atomic unsigned long section; /* atomic: the period in which the read section began, 0 outside; stored
                                      by whoever works as the arena */
    struct reader *next;           /* constant: all readers ever made */
};

#define RUN_LENGTHS (LARGE_MAX / UNIT + 1)

/* The runs of one length that a thread keeps. Owner only, as all that follows, but for the counters: others
 * may read them. */
struct run_list {
    struct slab *first;     /* linked through run.next */
    _Atomic uint16_t quota; /* counter: runs that it may hold */
    _Atomic uint16_t room;  /* counter: of these, those that it does not */
    uint32_t seen;          /* a digest of it when idle ones were last looked for */
};

struct runs {
    struct run_list lists[RUN_LENGTHS]; /* by length in units */
    int32_t until_tidy;                 /* runs that are taken until the thread tidies */
    uint64_t quotas;                    /* bytes: the sum of the quotas */
    _Atomic uint64_t held;              /* counter: bytes of runs in the quarantine */
};

/* What an arena has by class, and slow paths alone touch. Owner only. */
struct stock {
    struct slab_list available[CLASSES]; /* slabs with free or uncarved blocks, an empty one last */
    uint32_t seen[CLASSES];              /* a digest of each cache, when the arena was last tidied */
    uint32_t held[CLASSES];              /* blocks that a cache and its spare one hold, at most */
    struct block *spare[CLASSES];        /* a cache that was full, to be handed out after the other */
};

/* One thread's heap, but for the caches, which are in struct thread. Recycled, never unmapped. */
struct arena {
    struct stock *stock;            /* constant, but of lost and empty arenas; see there */
    struct slab *oldest, *youngest; /* owner only: the list owned, of all its slabs, by last use */
    uint64_t owned;                 /* owner only: bytes of these slabs */
    uint64_t share;                 /* owner only: bytes that it may own, as it was when last looked up */
    struct slab *won;               /* owner only: slabs claimed or drained, to be settled */
    bool called;           /* owner only: let go of a slab that was posted, so the inbox is to be swept */
    bool is_shrinking;     /* owner only: it frees, and takes no blocks from slabs */
    bool is_tidying;       /* owner only: it gives much up at once, and then purges what is too much */
    uint64_t emptied;      /* owner only: bytes of slabs that have become empty since it last did */
    struct outbox *outbox; /* owner only: NULL until it is needed */
    uint32_t outbox_count; /* owner only: blocks in it */
    int32_t outbox_room;   /* counter: what it still takes, see outbox_costs */
    int32_t outbox_size;   /* counter: what it takes if it is empty */
    struct quarantine *quarantine; /* owner only: NULL until it is needed */
    uint32_t hand;                 /* owner only: the class that gives up cache next */
    uint64_t quotas;               /* owner only: bytes, the sum of the classes' quotas */
    uint64_t tidied;               /* owner only: when it was last tidied, milliseconds */
    int32_t until_tidy;            /* owner only: blocks until the clock is looked at */
    int64_t until_sample;          /* owner only: blocks until one is sampled; nothing without samples */
    uint64_t sample_seed;          /* owner only: 0 until it is first asked for */
    struct cuts *cuts;             /* owner only: NULL until it is needed, for a heap profile */
    struct runs runs;              /* owner only: freed large blocks; of empty_arena, none */
    struct reader reader;          /* see there */
    struct counters counters;

    ck_stack_t inbox __attribute__((aligned(64))); /* atomic: push by anybody, taken whole by anybody */
    _Atomic uint32_t state;                        /* atomic: enum arena_state */
    _Atomic uint32_t thread_id; /* atomic: the kernel's number of its thread, for messages */
    uint32_t index;             /* constant: how many were made before it */
    struct arena *next_free;    /* arenas_lock */
    struct arena *next;         /* constant: all arenas ever made */
} __attribute__((aligned(64)));

struct room {
    int32_t quota; /* blocks that a cache is filled with, and frees that it takes after that; 0 until the
                      class is used */
    int32_t left;  /* frees that it still takes; below 0, frees that went past it */
};

/* What the fast paths touch, in thread-local storage: all of it thread only. What slow paths alone touch, or
 * what is as near by the arena, is there. The C library puts it where a page begins in the middle: there the
 * table is, and not the caches of classes whose blocks all begin with a page as well, for the processor's
 * cache has few places for lines that do. */
struct thread {
    struct arena *arena; /* the thread's arena as the fast paths see it: empty_arena when they are to be
                            left, that is before the first refill, after the exit, and with guards */
    uint8_t class_of[TINY_MAX + 1]; /* the class of every size up to TINY_MAX; here because its address takes
                                       no instruction */
    uint8_t state;                  /* enum thread_state: see there what each may do */
    uint8_t fresh_frees;            /* frees while FRESH, up to FRESH_FREES */
    uint8_t locks;                  /* mutexes that it has or is about to have; see lock.h */
    bool is_profiling;              /* it takes a sample of the heap profile, or is not to */
    struct block *cache[CLASSES];   /* LIFO of blocks to hand out, by class */
    struct room room[CLASSES];
    struct arena *own; /* the thread's arena while it is RUNNING, else NULL */
};

/* Adds to a counter of one's own: no other thread writes it, so there is no need for an atomic addition. */
#define counter_add(counter, amount)                                                                         \
    atomic_store_explicit((counter), atomic_load_explicit((counter), memory_order_relaxed) + (amount),       \
                          memory_order_relaxed)

#endif
