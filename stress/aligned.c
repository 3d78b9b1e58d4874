/* SPDX-License-Identifier: MIT
 *
 * Aligned blocks by every function that makes them, random alignments and sizes in a working set per thread.
 */
#include "set.h"

#include <inttypes.h>

static uint64_t max = 4096, max_alignment = 64 * KIB, blocks = 256;
static struct set sets[THREADS_MAX];

static const struct option options[] = {
    {"max", OPTION_NUMBER, &max, 1, 1 << 30, "largest block, bytes; smaller ones are more likely"},
    {"alignment", OPTION_NUMBER, &max_alignment, 8, 1 << 30, "largest alignment, bytes"},
    {"set", OPTION_NUMBER, &blocks, 1, 1 << 24, "working set: blocks per thread"},
    {0},
};

static const struct program program = {
    .name = "aligned",
    .summary = "posix_memalign, aligned_alloc and memalign. An operation is one block made and freed.",
    .options = options,
    .threads = 4,
};

static void take(struct block *block, struct worker *worker) {
    uint64_t *random = &worker->random;
    unsigned logs = 64 - (unsigned)__builtin_clzll(max_alignment) - 3; /* from 8 on */
    size_t alignment = (size_t)8 << random_below(random, logs);
    size_t size = 1 + random_below(random, 1 + random_below(random, max));
    void *at = NULL;
    switch (random_below(random, 3)) {
    case 0:
        if (stress_posix_memalign(&at, alignment, size) != 0) {
            at = NULL;
        }
        break;
    case 1:
        size = (size + alignment - 1) & ~(alignment - 1);
        at = stress_aligned_alloc(alignment, size);
        break;
    default:
        at = stress_memalign(alignment, size);
        break;
    }
    block_set(block, worker, at, size, alignment);
}

static bool work(struct worker *worker) {
    struct set *set = &sets[worker->number];
    while (worker_budget(worker, 1) > 0) {
        struct block *block = &set->block[random_below(&worker->random, set->count)];
        if (block->at != NULL) {
            block_free(block);
        }
        take(block, worker);
        worker_count(worker, 1);
    }
    set_free(set);
    return false;
}

int main(int argc, char **argv) {
    stress_start(&program, argc, argv);
    sets_map(sets, blocks, 1, max);
    stress_run(work, NULL);
    stress_result(" max=%" PRIu64 " alignment=%" PRIu64 " set=%" PRIu64, max, max_alignment, blocks);
}
