/* SPDX-License-Identifier: MIT
 *
 * Large buffers, replaced at random and each written whole, as programs do with images and tables: page
 * faults are the work, and what is kept for the next buffer is the memory.
 */
#include "set.h"

#include <inttypes.h>

static uint64_t min = 5 * MIB, max = 25 * MIB, blocks = 20;
static struct set sets[THREADS_MAX];

static const struct option options[] = {
    {"min", OPTION_NUMBER, &min, 16, UINT64_C(1) << 31, "smallest block, bytes"},
    {"max", OPTION_NUMBER, &max, 16, UINT64_C(1) << 31, "largest block, bytes"},
    {"set", OPTION_NUMBER, &blocks, 1, 1 << 20, "working set: blocks per thread"},
    {0},
};

static const struct program program = {
    .name = "buffers",
    .summary =
        "Random large blocks in a working set per thread, written whole. An operation is one replacement.",
    .options = options,
    .threads = 1,
};

/* All but the ends, which tell what block it is. */
static void write_middle(const struct block *block) {
    if (stress.verify != VERIFY_FULL) {
        memset(block->at + 8, (int)block->id, block->size - 16);
    }
}

static bool work(struct worker *worker) {
    struct set *set = &sets[worker->number];
    for (; worker_budget(worker, 1) > 0; worker_count(worker, 1)) {
        struct block *block = &set->block[random_below(&worker->random, set->count)];
        if (block->at != NULL) {
            block_free(block);
        }
        block_take(block, worker, set_size(set, &worker->random));
        write_middle(block);
    }
    set_free(set);
    return false;
}

int main(int argc, char **argv) {
    stress_start(&program, argc, argv);
    sets_map(sets, blocks, min, max);
    stress_run(work, NULL);
    stress_result(" min=%" PRIu64 " max=%" PRIu64 " set=%" PRIu64, min, max, blocks);
}
