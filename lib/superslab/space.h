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

/* Units that are dirty and in no use, free ones of SuperSlabs and loose ones: changed by whoever makes them
 * free or dirty, or takes or purges them. Atomic. */
extern _Atomic uint64_t idle_units;

static inline void idle_add(uint64_t units) {
    atomic_fetch_add_explicit(&idle_units, units, memory_order_relaxed);
}

static inline void idle_remove(uint64_t units) {
    atomic_fetch_sub_explicit(&idle_units, units, memory_order_relaxed);
}

static inline uint64_t idle_bytes(void) {
    return atomic_load_explicit(&idle_units, memory_order_relaxed) * UNIT;
}

/* Bytes of all large blocks, and of the runs that threads keep. */
void large_add(size_t bytes);
void large_remove(size_t bytes);
uint64_t large_bytes(void);

/* Held by who purges; a fork waits for it. */
extern pthread_mutex_t purge_lock;

/* Gives pages back to the kernel, which counts them; they read as zero afterwards. false if it cannot be. */
bool pages_purge(char *base, size_t length);

/* The same by a new mapping, which refuses huge pages where the region does: else it would merge with neither
 * side. Not counted. false if it cannot be. */
bool pages_renew(char *base, size_t length, bool is_small);

/* Bytes given back so far. */
uint64_t purged_bytes(void);

#endif
