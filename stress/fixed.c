/* SPDX-License-Identifier: MIT
 *
 * Blocks of one size, or of every size class in turn.
 */
#include "set.h"

#include <inttypes.h>

static uint64_t size = 0, blocks = 1000;
static struct set sets[THREADS_MAX];

enum { SIZE_LAST = 256 * KIB, SET_BYTES = 8 * MIB };

static const struct option options[] = {
    {"size", OPTION_NUMBER, &size, 0, 1 << 30, "bytes of each block; 0: every size class in turn"},
    {"set", OPTION_NUMBER, &blocks, 1, 1 << 24, "working set: blocks per thread, at most 8 MiB of them"},
    {0},
};

static const struct program program = {
    .name = "fixed",
    .summary = "One size in a working set per thread. An operation is one replacement.",
    .options = options,
    .threads = 4,
};

/* Steps of an eighth of the power of two below, and of 16 bytes at least, so no allocator whose classes
 * are no closer than that has one which is left out. */
static uint64_t next_size(uint64_t current) {
    uint64_t power = UINT64_C(1) << (63 - (unsigned)__builtin_clzll(current));
    uint64_t next = current + (power / 8 > 16 ? power / 8 : 16);
    return next > SIZE_LAST ? 16 : next;
}

static void replace_portion(struct set *set, struct worker *worker, uint64_t portion) {
    const struct block **scratch = (const struct block **)(set->block + blocks);
    set_fill(set, worker);
    for (uint64_t budget; (budget = worker_budget(worker, portion < 1000 ? portion : 1000)) > 0;) {
        set_replace(set, worker, budget);
        worker_count(worker, budget);
        portion -= budget;
    }
    block_check_apart(set->block, set->count, scratch);
    set_free(set);
}

static bool replace(struct worker *worker) {
    struct set *set = &sets[worker->number];
    uint64_t current = size > 0 ? size : 16;
    while (worker_budget(worker, 1) > 0) {
        uint64_t fitting = SET_BYTES / current > 4 ? SET_BYTES / current : 4;
        set->min = set->max = current;
        set->count = fitting < blocks ? fitting : blocks;
        replace_portion(set, worker, size > 0 ? UINT64_MAX : 4 * set->count);
        current = size > 0 ? size : next_size(current);
    }
    return false;
}

int main(int argc, char **argv) {
    stress_start(&program, argc, argv);
    for (unsigned i = 0; i < stress.threads; i++) {
        sets[i].block = stress_map(blocks * (sizeof(struct block) + sizeof(struct block *)));
    }
    stress_run(replace, NULL);
    stress_result(" size=%" PRIu64 " set=%" PRIu64, size, blocks);
}
