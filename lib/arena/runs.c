/* SPDX-License-Identifier: MIT */
#include "runs.h"

#include "../superslab/large.h"
#include "../thread.h"
#include "arenas.h"

#define LONGEST (LARGE_MAX / UNIT)

static_assert(LONGEST < 64, "a bit for each length");

static __thread struct {
    struct slab *first[LONGEST + 1]; /* by length in units; linked through next */
    uint64_t lengths;                /* a bit per length that there is */
    uint32_t passed;                 /* runs taken and kept, since the thread last tidied */
    bool was_used;                   /* since the last runs_flush_idle */
} runs;

/* Bytes of all that is kept. */
static size_t kept(void) {
    return atomic_load_explicit(&thread.own->counters.kept_runs, memory_order_relaxed);
}

/* The shortest that is long enough and wastes an eighth at most. */
static unsigned find(unsigned units) {
    uint64_t lengths = runs.lengths >> units << units;
    if (lengths == 0)
        return 0;
    unsigned found = (unsigned)__builtin_ctzl(lengths);
    return found <= units + units / 8 ? found : 0;
}

static struct slab *pop(unsigned units) {
    struct slab *slab = runs.first[units];
    runs.first[units] = slab->next;
    if (slab->next == NULL)
        runs.lengths &= ~(1ul << units);
    counter_add(&thread.own->counters.kept_runs, -(units * UNIT));
    return slab;
}

struct slab *runs_take(size_t size) {
    unsigned units = find((unsigned)((size + UNIT - 1) / UNIT));
    if (units == 0)
        return NULL;
    runs.passed++;
    runs.was_used = true;
    struct slab *slab = pop(units);
    /* Release; partner: large_end. */
    atomic_store_explicit(&slab->owner, OWNER_LARGE, memory_order_release);
    return slab;
}

static uint64_t most(void) {
    uint64_t share = arenas_share();
    return share < RUNS_MOST ? share : RUNS_MOST;
}

bool runs_keep(struct slab *slab) {
    unsigned units = slab->units;
    if (kept() + units * UNIT > most())
        return false;
    runs.passed++;
    slab->next = runs.first[units];
    runs.first[units] = slab;
    runs.lengths |= 1ul << units;
    counter_add(&thread.own->counters.kept_runs, units * UNIT);
    return true;
}

bool runs_are_due(void) {
    if (runs.passed < RUNS_TIDY)
        return false;
    runs.passed = 0;
    return true;
}

void runs_flush(void) {
    while (runs.lengths != 0)
        large_release(pop((unsigned)__builtin_ctzl(runs.lengths)));
}

void runs_flush_idle(void) {
    if (!runs.was_used)
        runs_flush();
    runs.was_used = false;
}
