/* SPDX-License-Identifier: MIT
 *
 * What guard level 2 writes into blocks. Behind the bytes that were asked for a live block is filled to
 * its end, where a trailer says how many they were; so a write beyond them, or right before the block behind
 * it, is seen when the block is freed. A free small block is filled behind its links, which a write after the
 * free changes. */
#ifndef FREEHOLD_FILLING_H
#define FREEHOLD_FILLING_H

#include "../types.h"

#define TRAILER       sizeof(uint64_t)       /* bytes that a small block needs more */
#define LARGE_TRAILER (2 * sizeof(uint64_t)) /* likewise a large or huge one */
#define LARGE_FILL    64u                    /* bytes behind one that are filled, at most */

/* A block that is handed out for size bytes. */
void filling_begin(void *block, size_t block_size, size_t size);

/* The bytes that a live block was asked for. false if its filling or trailer has been written to. */
bool filling_size(const void *block, size_t block_size, size_t *size);

/* Whether the end of the block before is as it must be, live or free. */
bool filling_ends(const void *before, size_t block_size);

/* Whether a block, live or free, is as it must be behind what was asked for; another thread may be about to
 * free it. */
bool filling_holds(const void *block, size_t block_size);

/* A block that has never been handed out. */
void filling_new(void *block, size_t block_size);

/* A block that is free from now on. */
void filling_end(void *block, size_t block_size);

/* The same again after a travel as the first of a batch. */
void filling_mend(void *block, size_t block_size);

/* Whether a free block is as it was filled, but for its links. */
bool filling_is_whole(const void *block, size_t block_size);

/* The same of a large block of length bytes. */
void filling_end_large(void *block, size_t length);
bool filling_is_whole_large(const void *block, size_t length);

/* What is before the first block of a slab looks like the end of a free one. */
void filling_edge(void *start);

/* A large or huge block of length bytes that is handed out for size; and the bytes that it was asked for,
 * false if what is behind them has been written to. */
void filling_begin_large(void *block, size_t length, size_t size);
bool filling_size_large(const void *block, size_t length, size_t *size);

#endif
