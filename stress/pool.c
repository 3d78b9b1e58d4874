/* SPDX-License-Identifier: MIT
 *
 * A pool of threads that take turns, each with a burst of load while all others sleep. What lives is bounded
 * and common to all, so what the process holds should not be the sum of what each of them once needed.
 */
#include "phase.h"
#include "set.h"

#include <inttypes.h>
#include <semaphore.h>

static uint64_t live = 64 * MIB, burst = 8 * MIB, min = 16, max = 1024;
static struct phase start, asleep;
static sem_t turns[THREADS_MAX];
/* Of whoever has the turn: a queue of what lives, oldest first, in a ring of records. */
static struct set queue;
static uint64_t made, freed, live_bytes;
static bool over;

static const struct option options[] = {
    {"live", OPTION_NUMBER, &live, 1, UINT64_C(1) << 40, "bytes that live at a time"},
    {"burst", OPTION_NUMBER, &burst, 1, UINT64_C(1) << 40, "bytes that are made in a turn"},
    {"min", OPTION_NUMBER, &min, 1, 1 << 30, "smallest block, bytes"},
    {"max", OPTION_NUMBER, &max, 1, 1 << 30, "largest block, bytes"},
    {0},
};

static const struct program program = {
    .name = "pool",
    .summary = "Threads take turns: one makes a burst of blocks, frees the oldest of all, and sleeps.\n"
               "An operation is one block made and freed.",
    .options = options,
    .threads = 200,
};

static size_t make_newest(struct worker *worker) {
    struct block *block = &queue.block[made++ % queue.count];
    block_take(block, worker, set_size(&queue, &worker->random));
    live_bytes += block->size;
    return block->size;
}

static void free_oldest(void) {
    struct block *block = &queue.block[freed++ % queue.count];
    live_bytes -= block->size;
    block_free(block);
}

static void take_turn(struct worker *worker) {
    for (uint64_t bytes = 0; bytes < burst; worker_count(worker, 1)) {
        if (worker_budget(worker, 1) == 0) {
            over = true;
            return;
        }
        bytes += make_newest(worker);
        while (live_bytes > live || made - freed == queue.count) {
            free_oldest();
        }
    }
}

static bool work(struct worker *worker) {
    phase_end(worker, &start);
    for (bool last = false; !last;) {
        while (sem_wait(&turns[worker->number]) != 0) {
        }
        take_turn(worker);
        last = over;
        sem_post(&turns[(worker->number + 1) % stress.threads]);
    }
    phase_end(worker, &asleep);
    return false;
}

int main(int argc, char **argv) {
    stress_start(&program, argc, argv);
    if (min > max) {
        stress_usage("the minimum is over the maximum");
    }
    phases_set_up();
    for (unsigned i = 0; i < stress.threads; i++) {
        sem_init(&turns[i], 0, i == 0);
    }
    queue = set_map_bytes(live / 4 * 5, min, max); /* sizes are random: with room to spare */
    stress_run(work, NULL);
    uint64_t live_kib = live_bytes / KIB;
    while (freed < made) {
        free_oldest();
    }
    stress_result(" live_kib=%" PRIu64 " rss_start_kib=%" PRIu64 " rss_asleep_kib=%" PRIu64, live_kib,
                  start.rss_kib, asleep.rss_kib);
}
