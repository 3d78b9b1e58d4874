/* SPDX-License-Identifier: MIT
 *
 * Threads that allocate much and exit; survivors free it. A batch reaches the survivors only when the thread
 * that made it is gone, so its slabs are orphans.
 */
#include "batch.h"
#include "timeline.h"

#include <inttypes.h>
#include <sched.h>

static uint64_t room = 5000, max = 1000;
static struct batch *hands[THREADS_MAX];
static _Atomic uint64_t making; /* workers that still make batches */
static _Atomic uint64_t threads_gone;

static const struct option options[] = {
    {"batch", OPTION_NUMBER, &room, 1, 1 << 20, "blocks that a thread leaves"},
    {"max", OPTION_NUMBER, &max, 1, 1 << 20, "largest block, bytes; smaller ones are more likely"},
    {0},
};

static const struct program program = {
    .name = "orphan",
    .summary =
        "Threads that allocate much and exit, survivors free it. An operation is one block made and freed.",
    .options = options,
    .threads = 4,
    .interval = 0.05,
};

static uint64_t makers(void) {
    return stress.threads / 2;
}

/* Gives the batch of the thread before to the pool; returns an empty one, or NULL when it is time to end. */
static struct batch *leave_batch(struct batch *batch, struct worker *worker) {
    while (batch->count > 0) {
        batch = pool_swap(batch, &worker->random);
        if (batch->count > 0) {
            if (stress_stopped()) {
                return NULL;
            }
            sched_yield();
        }
    }
    return batch;
}

static bool make_and_exit(struct worker *worker) {
    worker_join_previous(worker);
    struct batch *batch = leave_batch(hands[worker->number], worker);
    uint64_t budget = batch == NULL ? 0 : worker_budget(worker, room);
    for (uint64_t i = 0; i < budget; i++) {
        batch_take(batch, worker, size_skewed(&worker->random, max));
    }
    hands[worker->number] = batch;
    worker_count(worker, budget);
    atomic_fetch_add_explicit(&threads_gone, 1, memory_order_relaxed);
    if (budget == 0) {
        atomic_fetch_sub_explicit(&making, 1, memory_order_relaxed);
    }
    return budget > 0;
}

static bool survive(struct worker *worker) {
    struct batch *batch = hands[worker->number];
    while (atomic_load_explicit(&making, memory_order_relaxed) > 0) {
        batch = pool_swap(batch, &worker->random);
        if (batch->count == 0) {
            sched_yield();
        }
        batch_free(batch, worker, (enum order)random_below(&worker->random, ORDERS));
    }
    return false;
}

static bool work(struct worker *worker) {
    return worker->number < makers() ? make_and_exit(worker) : survive(worker);
}

int main(int argc, char **argv) {
    stress_start(&program, argc, argv);
    if (stress.threads < 2) {
        stress_usage("--threads must be 2 at least");
    }
    stress.counting = makers();
    atomic_init(&making, makers());
    pool_set_up((unsigned)stress.threads, room);
    for (unsigned i = 0; i < stress.threads; i++) {
        hands[i] = pool_hand_out(i);
    }
    stress_run(work, timeline_sample);
    pool_free();
    stress_result(" batch=%" PRIu64 " threads_gone=%" PRIu64 " rss_first_kib=%" PRIu64
                  " rss_last_kib=%" PRIu64,
                  room, atomic_load(&threads_gone), timeline_first_kib(), timeline_last_kib());
}
