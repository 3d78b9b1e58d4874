/* SPDX-License-Identifier: MIT
 *
 * A thread's cache of runs: freed large blocks that it hands out again without touching anything shared but
 * the run's own description. Each length has a quota of runs; the bytes of all quotas are at most the arena's
 * share, and RUNS_MOST. All of it is for threads that have an arena with caches: the others' quotas are 0. */
#ifndef FREEHOLD_RUNS_H
#define FREEHOLD_RUNS_H

#include "../thread.h"

/* The compiler is to keep the address, not to work it out again for each field. */
static inline struct run_list *runs_of(size_t units) {
    struct run_list *list = &thread.arena->runs.lists[units];
    __asm__("" : "+r"(list));
    return list;
}

static inline struct run_list *runs_for(size_t size) {
    return runs_of((size + UNIT - 1) / UNIT);
}

static inline uint16_t runs_room(const struct run_list *list) {
    return atomic_load_explicit(&list->room, memory_order_relaxed);
}

/* A run for a large block of size bytes, live, or NULL if there is none of that length, or it is time to
 * tidy. */
static inline void *runs_pop(size_t size) {
    struct run_list *list = runs_for(size);
    struct slab *slab = list->first;
    if (unlikely(slab == NULL || --thread.arena->runs.until_tidy < 0))
        return NULL;
    list->first = slab->run.next;
    counter_add(&list->room, 1);
    /* Release; partner: large_end. */
    atomic_store_explicit(&slab->owner, OWNER_LARGE, memory_order_release);
    return slab->run.start;
}

/* Frees a large block, if there is room. A second free finds it free; of two at the same time both may be
 * believed. */
static inline bool runs_push(struct slab *slab) {
    struct run_list *list = runs_of(slab->run.units);
    uint16_t room = runs_room(list);
    if (unlikely(room == 0))
        return false;
    atomic_store_explicit(&slab->owner, OWNER_FREE, memory_order_relaxed);
    atomic_store_explicit(&list->room, (uint16_t)(room - 1), memory_order_relaxed);
    slab->run.next = list->first;
    list->first = slab;
    return true;
}

/* A run for a large block of size bytes, live, which may be a little longer; or NULL. */
struct slab *runs_take(size_t size);

/* For who is about to take size bytes of units: gives back the shortest run that is kept and has room for
 * them, so that it is cut up before others are touched for the first time; but none that is much longer, and
 * none where much is free and dirty anyway. */
void runs_yield(size_t size);

/* Keeps a run whose life has been ended, if the quotas can be had. */
bool runs_keep(struct slab *slab);

/* Whether so many runs were taken since the last time that the thread should tidy. */
bool runs_are_due(void);

/* Bytes of the runs that an arena's thread keeps. Any thread may ask. */
uint64_t runs_kept(const struct arena *arena);

/* Gives back all runs that are kept; or those of lengths that were not used since the last call. */
void runs_flush(void);
void runs_flush_idle(void);

#endif
