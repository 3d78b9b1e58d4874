/* SPDX-License-Identifier: MIT
 *
 * What guard level 2 writes into small blocks. Behind the bytes that were asked for a live block is filled to
 * its end, where a trailer says how many they were; so a write beyond them, or right before the block behind
 * it, is seen when the block is freed. A free block is filled behind its links, which a write after the free
 * changes. */
#ifndef FREEHOLD_FILLING_H
#define FREEHOLD_FILLING_H

#include "../types.h"

#define TRAILER sizeof(uint64_t) /* bytes that a block needs more */

/* A block that is handed out for size bytes. */
void filling_begin(void *block, size_t block_size, size_t size);

/* The bytes that a live block was asked for. false if its filling or trailer has been written to. */
bool filling_size(const void *block, size_t block_size, size_t *size);

/* Whether the end of the block before is as it must be, live or free. */
bool filling_ends(const void *before, size_t block_size);

/* A block that is free from now on. */
void filling_end(void *block, size_t block_size);

/* Whether a free block is as filling_end has left it, but for its links. */
bool filling_is_whole(const void *block, size_t block_size);

#endif
