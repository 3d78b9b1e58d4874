/* SPDX-License-Identifier: MIT
 *
 * What the process has of address space and memory: the figures that limits and policies ask for. */
#ifndef FREEHOLD_SPACE_H
#define FREEHOLD_SPACE_H

#include "../types.h"

/* Address space that counts against FREEHOLD_LIMIT: taken before it is used, given when it is free and clean.
 * false if there is not so much. */
bool space_take(size_t bytes);
void space_give(size_t bytes);

uint64_t space_bytes(void);

/* Bytes of units that may have been written to since they were taken: carved blocks, and half of each run.
 * Changed by whoever holds the units. */
void touched_add(size_t bytes);
void touched_remove(size_t bytes);
uint64_t touched_bytes(void);

/* Bytes of units that were clean when they were taken, so far: whoever writes there pays for it. */
void clean_taken_add(size_t bytes);
uint64_t clean_taken_bytes(void);

/* Gives pages back to the kernel, which counts them; they read as zero afterwards. false if it cannot be. */
bool pages_purge(char *base, size_t length);

/* Bytes given back so far. */
uint64_t purged_bytes(void);

#endif
