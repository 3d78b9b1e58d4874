/* SPDX-License-Identifier: MIT
 *
 * Producers allocate, consumers free: every free is remote. Between each pair is a bounded ring.
 */
#include "ring.h"

#include <inttypes.h>
#include <sched.h>

static uint64_t producers = 0, min = 16, max = 1024, depth = 4096;
static struct ring *rings; /* of producer p and consumer c: p * consumers + c */
static _Atomic uint64_t producing;
static uint64_t live_peak_kib, rss_peak_kib;

static const struct option options[] = {
    {"producers", OPTION_NUMBER, &producers, 0, THREADS_MAX - 1, "threads that produce; 0: half of them"},
    {"min", OPTION_NUMBER, &min, 1, 1 << 30, "smallest block, bytes"},
    {"max", OPTION_NUMBER, &max, 1, 1 << 30, "largest block, bytes"},
    {"depth", OPTION_NUMBER, &depth, 1, 1 << 24, "blocks that wait between a producer and a consumer"},
    {0},
};

static const struct program program = {
    .name = "pipeline",
    .summary = "Producers and consumers, n to m, with bounded queues. An operation is one block, made by one "
               "thread and freed by another.",
    .options = options,
    .threads = 2,
    .interval = 0.02,
};

static uint64_t consumers(void) {
    return stress.threads - producers;
}

static void produce(struct worker *worker) {
    for (uint64_t budget, made = 0; (budget = worker_budget(worker, 100)) > 0; worker_count(worker, budget)) {
        for (uint64_t i = 0; i < budget; i++, made++) {
            struct ring *ring = &rings[worker->number * consumers() + made % consumers()];
            struct block block;
            block_take(&block, worker, min + random_below(&worker->random, max - min + 1));
            while (!ring_push(ring, &block)) {
                sched_yield();
            }
        }
    }
    atomic_fetch_sub_explicit(&producing, 1, memory_order_release);
}

/* Frees some of each ring of the consumer: one that is always full must not starve the others. */
static uint64_t drain(uint64_t consumer) {
    uint64_t freed = 0;
    for (uint64_t p = 0; p < producers; p++) {
        struct ring *ring = &rings[p * consumers() + consumer];
        struct block block;
        for (uint64_t i = 0; i < 256 && ring_pop(ring, &block); i++) {
            block_free(&block);
            freed++;
        }
    }
    return freed;
}

/* The producers' end must be seen before the last look into the rings. */
static void consume(struct worker *worker) {
    bool last = false;
    for (uint64_t freed = 1; freed > 0 || !last;) {
        last = atomic_load_explicit(&producing, memory_order_acquire) == 0;
        freed = drain(worker->number - producers);
        if (freed == 0) {
            sched_yield();
        }
    }
}

static bool work(struct worker *worker) {
    if (worker->number < producers) {
        produce(worker);
    } else {
        consume(worker);
    }
    return false;
}

static void sample(double elapsed) {
    (void)elapsed;
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < producers * consumers(); i++) {
        bytes += ring_bytes(&rings[i]);
    }
    uint64_t rss_kib = stress_rss_kib();
    live_peak_kib = bytes / KIB > live_peak_kib ? bytes / KIB : live_peak_kib;
    rss_peak_kib = rss_kib > rss_peak_kib ? rss_kib : rss_peak_kib;
}

int main(int argc, char **argv) {
    stress_start(&program, argc, argv);
    producers = producers > 0 ? producers : stress.threads / 2;
    if (producers == 0 || producers >= stress.threads) {
        stress_usage("--threads must be over --producers, and 2 at least");
    }
    if (min > max) {
        stress_usage("the minimum is over the maximum");
    }
    rings = rings_map(producers * consumers(), depth);
    stress.counting = producers;
    atomic_init(&producing, producers);
    stress_run(work, sample);
    double rss_over_live = live_peak_kib > 0 ? (double)rss_peak_kib / (double)live_peak_kib : 0;
    stress_result(" producers=%" PRIu64 " consumers=%" PRIu64 " depth=%" PRIu64 " frees_per_second=%.0f"
                  " live_peak_kib=%" PRIu64 " rss_over_live=%.2f",
                  producers, consumers(), depth, (double)stress.done / stress.elapsed, live_peak_kib,
                  rss_over_live);
}
