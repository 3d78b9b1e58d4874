/* SPDX-License-Identifier: MIT
 *
 * A long life in a short time: the sizes that a program asks for shift eight times, most blocks die young and
 * a few very old, and another thread frees a part of them. What partly used slabs of sizes that nobody asks
 * for any more pin is resident at the end and not live.
 */
#include "phase.h"
#include "ring.h"

#include <inttypes.h>

static uint64_t remote = 30, room = 2048;
static struct ring *rings; /* to worker i, from the one before */
static struct phase start, shifted;

/* Generation g gets every 2^(g+1)th block and keeps as many as the others do: half of the blocks are replaced
 * after twice `room` others, a quarter after four times as many, and so on. */
enum { BANDS = 8, GENERATIONS = 12, WAITING_MAX = 1024, PORTION = 1000 };

/* The smallest size of each band; the largest is eight times as large. */
static const size_t bands[BANDS] = {64, 16, 512, 32, 1024, 128, 2048, 256};

struct generation {
    struct block *block;
    uint64_t made; /* so far: the last `room` of them live, but for what a neighbour has freed */
};
static struct generation lives[THREADS_MAX][GENERATIONS];

static const struct option options[] = {
    {"remote", OPTION_NUMBER, &remote, 0, 100, "percent of the blocks that another thread frees"},
    {"room", OPTION_NUMBER, &room, 1, 1 << 24, "blocks of each of 12 generations that live at a time"},
    {0},
};

static const struct program program = {
    .name = "drift",
    .summary = "Sizes that shift eight times, lifetimes from short to very long. An operation is one block "
               "made and freed.",
    .options = options,
    .threads = 4,
};

/* By the share of the work that is done, or of the time. */
static size_t smallest_now(const struct worker *worker, double began) {
    double done = stress.operations > 0 ? (double)atomic_load(&worker->operations) / (double)worker->limit
                                        : (stress_clock() - began) / stress.seconds;
    unsigned band = (unsigned)(done * BANDS);
    return bands[band < BANDS ? band : BANDS - 1];
}

static void replace_one(struct worker *worker, size_t smallest) {
    unsigned generation =
        (unsigned)__builtin_ctzll(random_next(&worker->random) | UINT64_C(1) << (GENERATIONS - 1));
    struct generation *life = &lives[worker->number][generation];
    struct block *block = &life->block[life->made++ % room];
    struct ring *out = &rings[(worker->number + 1) % stress.threads];
    bool posted = block->at != NULL && random_below(&worker->random, 100) < remote && ring_push(out, block);
    if (block->at != NULL && !posted) {
        block_free(block);
    }
    block_take(block, worker, smallest + random_below(&worker->random, 7 * smallest + 1));
}

static void free_posted(struct ring *in) {
    for (struct block block; ring_pop(in, &block);) {
        block_free(&block);
    }
}

static bool work(struct worker *worker) {
    phase_end(worker, &start);
    double began = stress_clock();
    for (uint64_t budget; (budget = worker_budget(worker, PORTION)) > 0; worker_count(worker, budget)) {
        size_t smallest = smallest_now(worker, began);
        for (uint64_t i = 0; i < budget; i++) {
            replace_one(worker, smallest);
        }
        free_posted(&rings[worker->number]);
    }
    phase_end(worker, &shifted);
    return false;
}

/* Once the workers have ended; returns how many bytes were live. */
static uint64_t free_all(unsigned number) {
    uint64_t bytes = ring_bytes(&rings[number]);
    free_posted(&rings[number]);
    for (unsigned g = 0; g < GENERATIONS; g++) {
        for (uint64_t i = 0; i < room; i++) {
            struct block *block = &lives[number][g].block[i];
            if (block->at != NULL) {
                bytes += block->size;
                block_free(block);
            }
        }
    }
    return bytes;
}

int main(int argc, char **argv) {
    stress_start(&program, argc, argv);
    phases_set_up();
    rings = rings_map(stress.threads, WAITING_MAX);
    for (unsigned i = 0; i < stress.threads; i++) {
        struct block *blocks = stress_map_resident(GENERATIONS * room * sizeof *blocks);
        for (unsigned g = 0; g < GENERATIONS; g++) {
            lives[i][g].block = blocks + g * room;
        }
    }
    stress_run(work, NULL);
    uint64_t live_bytes = 0;
    for (unsigned i = 0; i < stress.threads; i++) {
        live_bytes += free_all(i);
    }
    stress_result(" live_kib=%" PRIu64 " rss_start_kib=%" PRIu64 " rss_shifted_kib=%" PRIu64,
                  live_bytes / KIB, start.rss_kib, shifted.rss_kib);
}
