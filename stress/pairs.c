/* SPDX-License-Identifier: MIT
 *
 * Batches: so many blocks are made, then all of them are freed. With a batch of one, a block is freed at
 * once.
 */
#include "batch.h"

#include <inttypes.h>

static uint64_t min = 4096, max = 0, room = 64;
static const char *order_text = "both";
static struct batch batches[THREADS_MAX];

static const struct option options[] = {
    {"min", OPTION_NUMBER, &min, 1, 1 << 30, "smallest block, bytes"},
    {"max", OPTION_NUMBER, &max, 0, 1 << 30, "largest block, bytes; 0: as the smallest"},
    {"batch", OPTION_NUMBER, &room, 1, 1 << 20, "blocks of a batch"},
    {"order", OPTION_TEXT, &order_text, 0, 0,
     "of frees: fifo, lifo, random, or both, which is fifo and lifo in turn"},
    {0},
};

static const struct program program = {
    .name = "pairs",
    .summary = "Batches of blocks, made and freed by one thread. An operation is one block made and freed.",
    .options = options,
    .threads = 1,
};

enum { BOTH = ORDERS };
static int order;

static void read_order(void) {
    static const char *const names[] = {
        [ORDER_LIFO] = "lifo", [ORDER_FIFO] = "fifo", [ORDER_RANDOM] = "random", [BOTH] = "both"};
    for (order = 0; order <= BOTH && strcmp(order_text, names[order]) != 0; order++) {
    }
    if (order > BOTH) {
        stress_usage("order: '%s' is not fifo, lifo, random or both", order_text);
    }
}

static enum order order_of(uint64_t round) {
    return order != BOTH ? (enum order)order : round % 2 == 0 ? ORDER_FIFO : ORDER_LIFO;
}

static bool work(struct worker *worker) {
    struct batch *batch = &batches[worker->number];
    uint64_t sizes = max - min + 1;
    for (uint64_t round = 0, budget; (budget = worker_budget(worker, room)) > 0; round++) {
        while (batch->count < budget) {
            batch_take(batch, worker, sizes == 1 ? min : min + random_below(&worker->random, sizes));
        }
        batch_free(batch, worker, order_of(round));
        worker_count(worker, budget);
    }
    return false;
}

int main(int argc, char **argv) {
    stress_start(&program, argc, argv);
    max = max > 0 ? max : min;
    if (min > max) {
        stress_usage("the minimum is over the maximum");
    }
    read_order();
    for (unsigned i = 0; i < stress.threads; i++) {
        batches[i] = (struct batch){.block = stress_map(room * sizeof(struct block)), .room = room};
    }
    stress_run(work, NULL);
    stress_result(" min=%" PRIu64 " max=%" PRIu64 " batch=%" PRIu64 " order=%s", min, max, room, order_text);
}
