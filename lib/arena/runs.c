/* SPDX-License-Identifier: MIT */
#include "runs.h"

#include "../superslab/large.h"
#include "../superslab/space.h"
#include "../thread.h"
#include "arenas.h"
#include "cuts.h"

static_assert(RUNS_MOST / UNIT <= UINT16_MAX, "a quota of runs fits");

static uint16_t quota_of(const struct run_list *list) {
    return atomic_load_explicit(&list->quota, memory_order_relaxed);
}

/* Of another thread's list both are not of one moment. */
uint64_t runs_kept(const struct arena *arena) {
    uint64_t kept = atomic_load_explicit(&arena->runs.held, memory_order_relaxed);
    for (unsigned units = 1; units < RUN_LENGTHS; units++) {
        const struct run_list *list = &arena->runs.lists[units];
        uint64_t quota = quota_of(list), room = runs_room(list);
        kept += quota > room ? (quota - room) * units * UNIT : 0;
    }
    return kept;
}

static struct slab *pop(struct run_list *list) {
    struct slab *slab = list->first;
    list->first = slab->run.next;
    counter_add(&list->room, 1);
    return slab;
}

static struct run_list *end_of_lists(void) {
    return thread.arena->runs.lists + RUN_LENGTHS;
}

/* The first from a list on that has runs. */
static struct run_list *list_with_runs(struct run_list *list) {
    while (list < end_of_lists() && list->first == NULL)
        list++;
    return list;
}

void runs_yield(size_t size) {
    if (idle_bytes() >= RUNS_IDLE)
        return;
    struct run_list *lists = thread.arena->runs.lists, *fits = runs_for(size), *list = list_with_runs(fits);
    if (list != end_of_lists() && list - lists <= RUNS_CUT * (fits - lists + 1))
        large_release(pop(list));
}

/* The shortest that is long enough and wastes an eighth at most. */
struct slab *runs_take(size_t size) {
    struct run_list *list = runs_for(size), *last = list + (list - thread.arena->runs.lists) / 8;
    struct run_list *found = list_with_runs(list);
    if (found > last || found == end_of_lists())
        return NULL;
    struct slab *slab = pop(found);
    /* Release; partner: large_end. */
    atomic_store_explicit(&slab->owner, OWNER_LARGE, memory_order_release);
    return slab;
}

static uint64_t most(void) {
    uint64_t share = arenas_share();
    return share < RUNS_MOST ? share : RUNS_MOST;
}

/* What other lengths do not use of their quotas can be had. */
static void quotas_reclaim(void) {
    for (unsigned units = 1; units < RUN_LENGTHS; units++) {
        struct run_list *list = &thread.arena->runs.lists[units];
        uint16_t room = runs_room(list);
        thread.arena->runs.quotas -= (uint64_t)room * units * UNIT;
        counter_add(&list->quota, -room);
        counter_add(&list->room, -room);
    }
}

static bool has_quota(uint64_t bytes) {
    return thread.arena->runs.quotas + bytes <= most();
}

static bool quota_take(struct run_list *list, uint64_t bytes) {
    if (!has_quota(bytes))
        quotas_reclaim();
    if (!has_quota(bytes))
        return false;
    thread.arena->runs.quotas += bytes;
    counter_add(&list->quota, 1);
    counter_add(&list->room, 1);
    return true;
}

bool runs_keep(struct slab *slab) {
    struct run_list *list = &thread.arena->runs.lists[slab->run.units];
    return (runs_room(list) != 0 || quota_take(list, large_size(slab))) && runs_push(slab);
}

bool runs_are_due(void) {
    if (thread.arena->runs.until_tidy >= 0)
        return false;
    thread.arena->runs.until_tidy = profile_has_begun() ? (int32_t)cuts_runs(RUNS_TIDY) : (int32_t)RUNS_TIDY;
    return true;
}

static void flush_list(struct run_list *list) {
    while (list->first != NULL)
        large_release(pop(list));
}

void runs_flush(void) {
    for (unsigned units = 1; units < RUN_LENGTHS; units++)
        flush_list(&thread.arena->runs.lists[units]);
    quotas_reclaim();
}

/* Two looks at a list that has been used in between give the same by accident only, which costs its runs. */
static uint32_t digest(const struct run_list *list) {
    return (uint32_t)((uintptr_t)list->first >> 7) * 64 + runs_room(list);
}

void runs_flush_idle(void) {
    if (!has_quota(0))
        runs_flush();
    for (unsigned units = 1; units < RUN_LENGTHS; units++) {
        struct run_list *list = &thread.arena->runs.lists[units];
        if (list->seen == digest(list))
            flush_list(list);
        list->seen = digest(list);
    }
}
