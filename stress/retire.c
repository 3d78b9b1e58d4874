/* SPDX-License-Identifier: MIT
 *
 * Slabs and SuperSlabs are filled and emptied by some threads while others look pointers up, free remotely
 * and walk the statistics: whatever metadata the allocator retires is being read at that moment.
 */
#include "batch.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>

#include "freehold.h"

static uint64_t bytes = 8 * MIB, huge = 6 * MIB;
static _Atomic uint64_t lookups;

enum { ROOM = 64 * KIB, SIZE_LOG_MIN = 6, SIZE_LOG_MAX = 15 };

static const struct option options[] = {
    {"bytes", OPTION_NUMBER, &bytes, 1, UINT64_C(1) << 40, "filled at a time by each thread"},
    {"huge", OPTION_NUMBER, &huge, 1, UINT64_C(1) << 40, "bytes of the one huge block of every fourth batch"},
    {0},
};

static const struct program program = {
    .name = "retire",
    .summary =
        "Much is filled and freed whole while others look blocks up and walk statistics. An operation is "
        "one block.",
    .options = options,
    .threads = 4,
};

/* Blocks of one size, so that whole slabs become empty with them. */
static uint64_t fill(struct batch *batch, struct worker *worker, uint64_t budget) {
    unsigned log = SIZE_LOG_MIN + (unsigned)random_below(&worker->random, SIZE_LOG_MAX - SIZE_LOG_MIN + 1);
    if (random_below(&worker->random, 4) == 0) {
        batch_take(batch, worker, huge);
    }
    while (batch->count < budget && batch->count << log < bytes) {
        batch_take(batch, worker, (size_t)1 << log);
    }
    return batch->count;
}

/* Only the holder of a batch may look: the blocks are live, and made by another thread mostly. */
static void look_up(const struct batch *batch) {
    for (uint64_t i = 0; i < batch->count; i++) {
        const struct block *block = &batch->block[i];
        size_t usable = stress_usable_size(block->at);
        if (usable < block->size) {
            stress_fail("wrong usable size: block %p: expected %zu at least, found %zu", (void *)block->at,
                        block->size, usable);
        }
    }
    atomic_fetch_add_explicit(&lookups, batch->count, memory_order_relaxed);
}

static void walk_statistics(void) {
    char text[64 * KIB]; /* more than that is cut off */
    struct mallinfo2 info = stress_mallinfo2();
    FILE *memory = fmemopen(text, sizeof text, "w");
    if (memory == NULL || stress_malloc_info(0, memory) != 0) {
        stress_fail("malloc_info fails; mallinfo2 says %zu bytes in use", info.uordblks);
    }
    fclose(memory);
}

static bool work(struct worker *worker) {
    struct batch *batch = pool_hand_out(worker->number);
    for (uint64_t budget, round = worker->number; (budget = worker_budget(worker, ROOM)) > 0; round++) {
        worker_count(worker, fill(batch, worker, budget));
        look_up(batch);
        if (random_below(&worker->random, 2) == 0) {
            batch = pool_swap(batch, &worker->random);
            look_up(batch);
        }
        batch_free(batch, worker, (enum order)random_below(&worker->random, ORDERS));
        if (round % 8 == 0) {
            walk_statistics();
            stress_malloc_trim(0); /* what is empty may be retired now, under the eyes of the others */
        }
    }
    return false;
}

/* The counters of Freehold, if that is the allocator; all zero otherwise. */
static struct fh_counts read_counters(void) {
    struct fh_counts counters = {0};
#ifdef STRESS_FH
    fh_counters(&counters);
#else
    void (*read)(struct fh_counts *);
    *(void **)&read = dlsym(RTLD_DEFAULT, "fh_counters");
    if (read != NULL) {
        read(&counters);
    }
#endif
    return counters;
}

int main(int argc, char **argv) {
    stress_start(&program, argc, argv);
    pool_set_up((unsigned)(stress.threads + 1) / 2, ROOM + 1);
    stress_run(work, NULL);
    pool_free();
    struct fh_counts counters = read_counters();
    stress_result(" lookups=%" PRIu64 " superslabs_made=%" PRIu64 " retirements=%" PRIu64
                  " unmappings=%" PRIu64 " grace_periods=%" PRIu64 " limbo_bytes=%" PRIu64,
                  atomic_load(&lookups), counters.superslabs_made, counters.retirements, counters.unmappings,
                  counters.grace_periods, counters.limbo_bytes);
}
