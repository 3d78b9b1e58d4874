/* SPDX-License-Identifier: MIT
 *
 * Random sizes in a working set per thread, nothing shared: the local paths alone.
 */
#include "set.h"

#include <inttypes.h>

static uint64_t min = 16, max = 1040, blocks = 512;
static struct set sets[THREADS_MAX];

static const struct option options[] = {
    {"min", OPTION_NUMBER, &min, 1, 1 << 30, "smallest block, bytes"},
    {"max", OPTION_NUMBER, &max, 1, 1 << 30, "largest block, bytes"},
    {"set", OPTION_NUMBER, &blocks, 1, 1 << 30, "working set: blocks per thread"},
    {0},
};

static const struct program program = {
    .name = "mixed",
    .summary = "Random sizes, random frees in a working set per thread. An operation is one replacement.",
    .options = options,
    .threads = 4,
};

/* One replacement of a portion is by calloc, so that dirty memory is noticed. */
static bool replace(struct worker *worker) {
    struct set *set = &sets[worker->number];
    const struct block **scratch = stress_map(blocks * sizeof(void *));
    set_fill(set, worker);
    for (uint64_t budget; (budget = worker_budget(worker, 1000)) > 0;) {
        struct block *block = &set->block[random_below(&worker->random, set->count)];
        block_free(block);
        block_take_zeroed(block, worker, set_size(set, &worker->random));
        set_replace(set, worker, budget - 1);
        worker_count(worker, budget);
    }
    block_check_apart(set->block, set->count, scratch);
    set_free(set);
    return false;
}

int main(int argc, char **argv) {
    stress_start(&program, argc, argv);
    sets_map(sets, blocks, min, max);
    stress_run(replace, NULL);
    stress_result(" min=%" PRIu64 " max=%" PRIu64 " set=%" PRIu64, min, max, blocks);
}
