/* SPDX-License-Identifier: MIT
 *
 * What the public functions need of the arenas: the slow halves of malloc and free, and the rest. */
#ifndef FREEHOLD_ARENA_H
#define FREEHOLD_ARENA_H

#include "../config.h"
#include "../superslab/registry.h"
#include "../thread.h"
#include "../types.h"

/* A block of at least size bytes at a multiple of alignment, a power of two. *zero says whether it is known
 * to read as zero. NULL with errno ENOMEM if there is no memory. */
void *arena_allocate(size_t size, size_t alignment, bool *zero);

/* Such a NULL, for what cannot be had anyway. */
void *arena_refuse(size_t size, size_t alignment);

/* A free of an address that is not that of a live block of the thread's arena, though its unit is. */
void arena_free_refused(void *address);

/* Frees a block of the thread's arena, already marked, for which its cache has no room. */
void arena_free_uncached(struct block *block, struct entry entry);

/* Frees whatever the thread's arena does not own: a block of a slab that another owns, as the entry says, or
 * nobody; a large or a huge block. NULL is ignored. Any other address is a misuse. */
void arena_free_elsewhere(void *address, struct entry entry, const struct arena *owner);

/* Makes a live block longer or shorter without copying it; NULL if that cannot be done. It may move. */
void *arena_resize(void *address, size_t size);

/* A live block, which could not be made shorter, is to be of size bytes as far as it knows its size. */
void arena_shorten(void *address, size_t size);

/* The bytes that may be used at address; NO_BLOCK, if the process goes on at all, if that is not a live
 * block's. The program called from site; a call NULL is none, and nothing is said. */
size_t arena_block_size(const void *address, const char *call, const void *site);

/* Gives back what the calling thread keeps: caches, outbox and empty slabs. */
void arena_trim(void);

/* The calling thread is about to make another, which may free what it has allocated. */
void arena_before_thread(void);

/* A block that the program is about to free as one of size bytes, at guard level 2. What is no block of ours
 * is left to free itself. */
void arena_compare_size(const void *address, size_t size, const char *call, const void *site);
#define arena_check_size(address, size, call)                                                                \
    (unlikely(config.guard >= 2) ? arena_compare_size(address, size, call, __builtin_return_address(0))      \
                                 : (void)0)

/* Likewise, as one that is aligned. */
void arena_compare_alignment(const void *address, size_t alignment, const char *call, const void *site);
#define arena_check_alignment(address, alignment, call)                                                      \
    (unlikely(config.guard >= 2)                                                                             \
         ? arena_compare_alignment(address, alignment, call, __builtin_return_address(0))                    \
         : (void)0)

/* Frees what is in an arena's quarantine; the thread works as the arena. */
void arena_release_quarantine(struct arena *arena);

/* Looks at what the calling thread has freed to others: the process ends. */
void arena_finish(void);

/* Counts what the calling thread keeps, for arena_count and others to see. */
void arena_settle(void);

/* What arenas have together. */
struct totals {
    struct counters counters;
    uint64_t arenas, outboxes, kept_runs; /* the latter in bytes */
};

/* Adds what an arena has. */
void arena_count(struct totals *totals, const struct arena *arena);

/* Checks the invariants of the calling thread's arena. */
void arena_check(void);

/* With guards, the calling thread leaves its fast paths. Called by the constructor. */
void arena_start_guards(void);

/* Installs the fork handlers. Called once. */
void arena_prepare_fork(void);

/* Under which fork handlers are registered; the first lock that a fork takes. */
extern pthread_mutex_t handlers_lock;

#endif
