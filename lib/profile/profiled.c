/* SPDX-License-Identifier: MIT */
#include "profiled.h"

#include <errno.h>

#include "../lock.h"
#include "../superslab/size_class.h"
#include "places.h"
#include "sites.h"
#include "table.h"

pthread_mutex_t profile_lock = PTHREAD_MUTEX_INITIALIZER;

/* profile_lock. */
struct profiled {
    size_t size;
    double weight;
    uint32_t site; /* of a free one, the next free one */
};

/* All of it profile_lock, but for missed. Number 0 is none. */
static struct {
    struct table table;
    uint32_t count, free;
    _Atomic uint64_t missed; /* atomic: a counter */
} profiled;

void profiled_miss(void) {
    atomic_fetch_add_explicit(&profiled.missed, 1, memory_order_relaxed);
}

uint64_t profiled_missed(void) {
    return atomic_load_explicit(&profiled.missed, memory_order_relaxed);
}

static struct profiled *profiled_at(uint32_t number) {
    return (struct profiled *)profiled.table.base + number;
}

/* A number that is used by nobody; 0 if there is none. */
static uint32_t number_take(void) {
    uint32_t number = profiled.free;
    if (number != 0) {
        profiled.free = profiled_at(number)->site;
        return number;
    }
    if (profiled.table.base == NULL && !table_make(&profiled.table, PROFILED_BYTES, 16 * UNIT))
        return 0;
    if (!table_reach(&profiled.table, (profiled.count + 2) * sizeof(struct profiled)))
        return 0;
    return ++profiled.count;
}

static void number_give(uint32_t number) {
    profiled_at(number)->site = profiled.free;
    profiled.free = number;
}

static uint32_t add(const struct sampled *sampled) {
    struct site *site = sites_find(sampled->frames, sampled->depth);
    uint32_t number = site == NULL ? 0 : number_take();
    if (number == 0)
        return 0;
    estimate_add(&site->live, sampled->size, sampled->weight);
    estimate_add(&site->all, sampled->size, sampled->weight);
    *profiled_at(number) = (struct profiled){sampled->size, sampled->weight, site->number};
    return number;
}

static void end(uint32_t number) {
    const struct profiled *at = profiled_at(number);
    estimate_remove(&sites_at(at->site)->live, at->size, at->weight);
    number_give(number);
}

/* As if it had never been. */
static void take_back(uint32_t number) {
    const struct profiled *at = profiled_at(number);
    estimate_remove(&sites_at(at->site)->all, at->size, at->weight);
    end(number);
}

void *profiled_take(unsigned class, const struct sampled *sampled) {
    lock_take(&profile_lock);
    uint32_t number = add(sampled);
    void *block = number == 0 ? NULL : places_take(class, number);
    if (block == NULL && number != 0)
        take_back(number);
    lock_give(&profile_lock);
    if (block == NULL)
        profiled_miss();
    return block;
}

uint32_t profiled_add(const struct sampled *sampled) {
    lock_take(&profile_lock);
    uint32_t number = add(sampled);
    lock_give(&profile_lock);
    if (number == 0)
        profiled_miss();
    return number;
}

void profiled_end(uint32_t number) {
    lock_take(&profile_lock);
    end(number);
    lock_give(&profile_lock);
}

cold bool profiled_give(const void *address) {
    if (!places_have(address))
        return false;
    int error = errno;
    uint32_t number;
    lock_take(&profile_lock);
    bool is_live = places_look(address, &number) == PLACE_LIVE;
    if (is_live) {
        end(number);
        places_give(address);
    }
    lock_give(&profile_lock);
    errno = error;
    return is_live;
}

cold size_t profiled_size(const void *address) {
    if (!places_have(address))
        return NO_BLOCK;
    uint32_t number;
    lock_take(&profile_lock);
    size_t size = places_look(address, &number) == PLACE_LIVE ? profiled_at(number)->size : NO_BLOCK;
    lock_give(&profile_lock);
    return size;
}

cold bool profiled_judge(struct misuse *misuse) {
    static const char *const texts[] = {
        [PLACE_NEVER] = "never allocated",
        [PLACE_INSIDE] = "inside a profiled block, not its start",
        [PLACE_FREED] = "already freed",
        [PLACE_LIVE] = "freed by another thread at the same time",
    };
    if (!places_have(misuse->address))
        return false;
    uint32_t number;
    lock_take(&profile_lock);
    enum place_state state = places_look(misuse->address, &number);
    lock_give(&profile_lock);
    misuse->what = texts[state];
    misuse->advice =
        state == PLACE_FREED ? "Look for two owners of this block." : "Use what malloc returned.";
    return true;
}

void profiled_visit(void (*visit)(void *context, const void *base, size_t length), void *context,
                    bool is_of_blocks) {
    places_visit(visit, context, is_of_blocks);
    if (is_of_blocks)
        return;
    sites_visit(visit, context);
    if (profiled.table.open != 0)
        visit(context, profiled.table.base, profiled.table.open);
}
