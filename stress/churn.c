/* SPDX-License-Identifier: MIT
 *
 * Threads that live for a few hundred allocations: thread start and exit are the work.
 */
#include "set.h"

#include <inttypes.h>

static uint64_t allocations = 300, max = 1000;
static struct set sets[THREADS_MAX];
static _Atomic uint64_t threads_ended;

static const struct option options[] = {
    {"allocations", OPTION_NUMBER, &allocations, 2, 1 << 20, "in the life of a thread"},
    {"max", OPTION_NUMBER, &max, 1, 1 << 20, "largest block, bytes"},
    {0},
};

static const struct program program = {
    .name = "churn",
    .summary =
        "Threads that live for a few hundred allocations, one after the other. An operation is one block "
        "made and freed.",
    .options = options,
    .threads = 4,
};

/* Half of the allocations fill a working set, the others replace; the thread leaves nothing. */
static bool live(struct worker *worker) {
    struct set *set = &sets[worker->number];
    uint64_t budget = worker_budget(worker, allocations);
    set->count = (budget + 1) / 2;
    set_fill(set, worker);
    set_replace(set, worker, budget / 2);
    set_free(set);
    worker_count(worker, budget);
    atomic_fetch_add_explicit(&threads_ended, 1, memory_order_relaxed);
    return budget > 0;
}

int main(int argc, char **argv) {
    stress_start(&program, argc, argv);
    sets_map(sets, (allocations + 1) / 2, 1, max);
    stress_run(live, NULL);
    stress_result(" allocations=%" PRIu64 " threads_ended=%" PRIu64, allocations,
                  atomic_load(&threads_ended));
}
