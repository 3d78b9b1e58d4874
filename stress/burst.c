/* SPDX-License-Identifier: MIT
 *
 * The question of every server operator: after a burst of load, does the memory come back while the process
 * is idle? Threads allocate much, free all of it, and then wait without a call.
 */
#include "set.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static uint64_t bytes = 256 * MIB, min = 16, max = 4096;
static struct set sets[THREADS_MAX];
static pthread_barrier_t all_workers;
static _Atomic(const char *) phase = "fill";
static uint64_t rss_full_kib, rss_freed_kib, rss_idle_kib; /* written by worker 0 */

static const struct option options[] = {
    {"bytes", OPTION_NUMBER, &bytes, 1, UINT64_C(1) << 40, "allocated by all threads together"},
    {"min", OPTION_NUMBER, &min, 1, 1 << 30, "smallest block, bytes"},
    {"max", OPTION_NUMBER, &max, 1, 1 << 30, "largest block, bytes"},
    {0},
};

static const struct program program = {
    .name = "burst",
    .summary =
        "Much is allocated and freed, then all threads sleep for --seconds. Resident memory over time is "
        "printed, ten lines a second.\nAn operation is one block made and freed.",
    .options = options,
    .threads = 16,
    .ends_itself = true,
};

static void print_rss(double elapsed) {
    printf("rss seconds=%.3f phase=%s rss_kib=%" PRIu64 "\n", elapsed, atomic_load(&phase), stress_rss_kib());
}

static void fill(struct set *set, struct worker *worker) {
    uint64_t share = bytes / stress.threads;
    for (uint64_t filled = 0; filled < share && worker_budget(worker, 1) > 0; set->count++) {
        struct block *block = &set->block[set->count];
        block_take(block, worker, set_size(set, &worker->random));
        filled += block->size;
        worker_count(worker, 1);
    }
}

/* Ends a phase for all workers; worker 0 notes the resident memory at that moment. */
static void end_phase(const struct worker *worker, uint64_t *rss_kib, const char *next) {
    pthread_barrier_wait(&all_workers);
    if (worker->number == 0) {
        *rss_kib = stress_rss_kib();
        atomic_store(&phase, next);
    }
    pthread_barrier_wait(&all_workers);
}

static bool work(struct worker *worker) {
    fill(&sets[worker->number], worker);
    end_phase(worker, &rss_full_kib, "free");
    set_free(&sets[worker->number]);
    end_phase(worker, &rss_freed_kib, "idle");
    struct timespec idle = {.tv_sec = (time_t)stress.seconds};
    idle.tv_nsec = (long)((stress.seconds - (double)idle.tv_sec) * 1e9);
    nanosleep(&idle, NULL);
    end_phase(worker, &rss_idle_kib, "end");
    return false;
}

int main(int argc, char **argv) {
    stress_start(&program, argc, argv);
    if (min > max) {
        stress_usage("the minimum is over the maximum");
    }
    pthread_barrier_init(&all_workers, NULL, (unsigned)stress.threads);
    for (unsigned i = 0; i < stress.threads; i++) {
        sets[i] = set_map(bytes / stress.threads / min + 1, min, max);
        sets[i].count = 0;
    }
    stress_run(work, print_rss);
    stress_result(" bytes=%" PRIu64 " rss_full_kib=%" PRIu64 " rss_freed_kib=%" PRIu64
                  " rss_idle_kib=%" PRIu64,
                  bytes, rss_full_kib, rss_freed_kib, rss_idle_kib);
}
