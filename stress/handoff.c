/* SPDX-License-Identifier: MIT
 *
 * Threads make batches of blocks and swap them: each frees what another made, last in first out, first in
 * first out or at random. What is live is bounded, so resident memory that grows is the allocator's.
 */
#include "batch.h"
#include "timeline.h"

#include <inttypes.h>

static uint64_t max = 1000, room = 500;

static const struct option options[] = {
    {"max", OPTION_NUMBER, &max, 1, 1 << 20, "largest block, bytes; smaller ones are more likely"},
    {"batch", OPTION_NUMBER, &room, 1, 1 << 20, "blocks of a batch"},
    {0},
};

static const struct program program = {
    .name = "handoff",
    .summary =
        "Batches of blocks, freed LIFO, FIFO and at random, three in four by another thread. An operation "
        "is one block made and freed.",
    .options = options,
    .threads = 16,
    .interval = 0.05,
};

static bool make_and_swap(struct worker *worker) {
    struct batch *batch = pool_hand_out(worker->number);
    for (uint64_t budget; (budget = worker_budget(worker, room)) > 0;) {
        while (batch->count < budget) {
            batch_take(batch, worker, size_skewed(&worker->random, max));
        }
        if (random_below(&worker->random, 4) != 0) {
            batch = pool_swap(batch, &worker->random);
        }
        batch_free(batch, worker, (enum order)random_below(&worker->random, ORDERS));
        worker_count(worker, budget);
    }
    return false;
}

int main(int argc, char **argv) {
    stress_start(&program, argc, argv);
    pool_set_up((unsigned)stress.threads, room);
    stress_run(make_and_swap, timeline_sample);
    pool_free();
    stress_result(" max=%" PRIu64 " batch=%" PRIu64 " rss_first_kib=%" PRIu64 " rss_last_kib=%" PRIu64, max,
                  room, timeline_first_kib(), timeline_last_kib());
}
