/* SPDX-License-Identifier: MIT
 *
 * One thread makes many blocks, others free them in random order: two frees in a row are of the same slab
 * only by chance. The maker lives on, or exits before the first free and leaves orphans.
 */
#include "phase.h"
#include "block.h"

#include <inttypes.h>

static uint64_t size = 100, blocks = 50000;
static const char *maker_text = "lives";
static bool maker_exits;
static struct block *table;
static uint64_t made; /* blocks that wait in the table; the maker writes it while it makes them */
static bool waiting;  /* the maker's: they have not been handed over yet */
static struct phase making, shuffling, freeing;

static const struct option options[] = {
    {"size", OPTION_NUMBER, &size, 1, 1 << 30, "bytes of each block"},
    {"blocks", OPTION_NUMBER, &blocks, 1, 1 << 30, "made before the first of them is freed"},
    {"maker", OPTION_TEXT, &maker_text, 0, 0, "lives or exits while its blocks are freed"},
    {0},
};

static const struct program program = {
    .name = "shuffle",
    .summary = "One thread makes blocks, all others free them in random order.\n"
               "An operation is one block made and freed; `seconds` are of these alone.",
    .options = options,
    .threads = 2,
};

static void hand_over(struct worker *worker) {
    phase_end(worker, &making);
    blocks_shuffle(table, made, &worker->random);
    phase_end(worker, &shuffling);
    phase_end(worker, &freeing);
    worker_count(worker, made);
    waiting = false;
}

/* If the maker exits, its successor hands over what it has left. */
static bool make(struct worker *worker) {
    worker_join_previous(worker);
    for (;;) {
        if (waiting) {
            hand_over(worker);
        }
        made = worker_budget(worker, blocks);
        if (made == 0) {
            phase_end(worker, &making);
            return false;
        }
        for (uint64_t i = 0; i < made; i++) {
            block_take(&table[i], worker, size);
        }
        waiting = true;
        if (maker_exits) {
            return true;
        }
    }
}

static void free_share(const struct worker *worker) {
    uint64_t freers = stress.threads - 1;
    uint64_t end = made * worker->number / freers;
    for (uint64_t i = made * (worker->number - 1) / freers; i < end; i++) {
        block_free(&table[i]);
    }
}

static bool work(struct worker *worker) {
    if (worker->number == 0) {
        return make(worker);
    }
    for (;;) {
        phase_end(worker, &making);
        if (made == 0) {
            return false;
        }
        phase_end(worker, &shuffling);
        free_share(worker);
        phase_end(worker, &freeing);
    }
}

int main(int argc, char **argv) {
    stress_start(&program, argc, argv);
    maker_exits = strcmp(maker_text, "exits") == 0;
    if (!maker_exits && strcmp(maker_text, "lives") != 0) {
        stress_usage("maker: '%s' is not lives or exits", maker_text);
    }
    if (stress.threads < 2) {
        stress_usage("--threads must be 2 at least");
    }
    stress.counting = 1;
    phases_set_up();
    table = stress_map(blocks * sizeof *table);
    stress_run(work, NULL);
    stress.elapsed = making.seconds + freeing.seconds;
    double nanoseconds = stress.done > 0 ? 1e9 / (double)stress.done : 0;
    stress_result(" size=%" PRIu64 " blocks=%" PRIu64 " maker=%s make_ns=%.2f free_ns=%.2f", size, blocks,
                  maker_text, making.seconds * nanoseconds, freeing.seconds * nanoseconds);
}
