/* SPDX-License-Identifier: MIT
 *
 * A random half of many live blocks is freed, and as many are made again: free memory lies in single blocks
 * all over the heap, and allocation has to gather it.
 */
#include "phase.h"
#include "set.h"

#include <inttypes.h>

static uint64_t size = 64, blocks = 100000;
static struct set sets[THREADS_MAX];
static struct phase shuffled, replaced;
static bool more; /* rounds are to come; worker 0 writes it while the blocks are shuffled */

static const struct option options[] = {
    {"size", OPTION_NUMBER, &size, 1, 1 << 30, "bytes of each block"},
    {"set", OPTION_NUMBER, &blocks, 2, 1 << 30, "live blocks per thread"},
    {0},
};

static const struct program program = {
    .name = "scatter",
    .summary = "A random half of the live blocks is freed, then as many are made.\n"
               "An operation is one block freed and made; `seconds` are of these alone.",
    .options = options,
    .threads = 1,
};

static void replace(struct set *set, struct worker *worker, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        block_free(&set->block[i]);
    }
    for (uint64_t i = 0; i < count; i++) {
        block_take(&set->block[i], worker, size);
    }
}

static bool work(struct worker *worker) {
    struct set *set = &sets[worker->number];
    set_fill(set, worker);
    for (;;) {
        uint64_t budget = worker_budget(worker, blocks / 2);
        if (worker->number == 0) {
            more = budget > 0;
        }
        blocks_shuffle(set->block, set->count, &worker->random);
        phase_end(worker, &shuffled);
        if (!more) {
            break;
        }
        replace(set, worker, budget);
        worker_count(worker, budget);
        phase_end(worker, &replaced);
    }
    set_free(set);
    return false;
}

int main(int argc, char **argv) {
    stress_start(&program, argc, argv);
    phases_set_up();
    for (unsigned i = 0; i < stress.threads; i++) {
        sets[i] = set_map(blocks, size, size);
    }
    stress_run(work, NULL);
    stress.elapsed = replaced.seconds;
    stress_result(" size=%" PRIu64 " set=%" PRIu64, size, blocks);
}
