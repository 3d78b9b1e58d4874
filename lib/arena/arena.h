/* SPDX-License-Identifier: MIT
 *
 * What the public functions need of the arenas: the slow halves of malloc and free, and the rest. */
#ifndef FREEHOLD_ARENA_H
#define FREEHOLD_ARENA_H

#include "../superslab/registry.h"
#include "../thread.h"
#include "../types.h"

/* A block of at least size bytes at a multiple of alignment, a power of two. *zero says whether it is known
 * to read as zero. NULL with errno ENOMEM if there is no memory. */
void *arena_allocate(size_t size, size_t alignment, bool *zero);

/* Frees a block of the thread's arena for which its cache has no room. */
void arena_free_uncached(struct block *block, struct entry entry);

/* Frees whatever the thread's arena does not own: a block of a slab that another owns, as the entry says, or
 * nobody; a large or a huge block. NULL is ignored. Stops the process if address is none of these. */
void arena_free_elsewhere(void *address, struct entry entry, const struct arena *owner);

/* Makes a block longer or shorter without copying it; NULL if that cannot be done. It may move. Stops the
 * process if address is not that of a block. */
void *arena_resize(void *address, size_t size);

/* The bytes that may be used at address; stops the process if it is not that of a block. */
size_t arena_block_size(const void *address, const char *call);

/* Gives back what the calling thread keeps: caches, outbox and empty slabs. */
void arena_trim(void);

/* Adds the counters of all arenas to *sum and counts the arenas. */
void arena_count(struct counters *sum, uint64_t *arenas);

/* Checks the invariants of the calling thread's arena. */
void arena_check(void);

/* With guards, the calling thread leaves its fast paths. Called by the constructor. */
void arena_start_guards(void);

/* Installs the fork handlers. Called once. */
void arena_prepare_fork(void);

#endif
