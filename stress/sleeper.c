/* SPDX-License-Identifier: MIT
 *
 * Owners that sleep: threads make much and then wait without a call, while another one frees all of it and
 * makes as much itself. What was freed is of use only if it does not have to wait for those who made it.
 */
#include "phase.h"
#include "set.h"

#include <inttypes.h>

static uint64_t bytes = GIB, min = 16, max = 1024, shuffled = 1, trim = 0;
static struct set set; /* the owners each fill a share of it */
static struct phase start, made, shuffling, freed, trimmed, again;
static uint64_t live_kib;

static const struct option options[] = {
    {"bytes", OPTION_NUMBER, &bytes, 1, UINT64_C(1) << 40,
     "made by the owners together, and then by the other"},
    {"min", OPTION_NUMBER, &min, 1, 1 << 30, "smallest block, bytes"},
    {"max", OPTION_NUMBER, &max, 1, 1 << 30, "largest block, bytes"},
    {"shuffled", OPTION_NUMBER, &shuffled, 0, 1,
     "1: freed in random order; 0: in the order they were made in"},
    {"trim", OPTION_NUMBER, &trim, 0, 1, "1: malloc_trim(0) after the frees"},
    {0},
};

static const struct program program = {
    .name = "sleeper",
    .summary = "All threads but one make blocks and sleep; that one frees them and makes as many.\n"
               "An operation is one block made and freed.",
    .options = options,
    .threads = 2,
    .ends_itself = true,
};

static void fill(struct worker *worker, uint64_t begin, uint64_t end) {
    end = begin + worker_budget(worker, end - begin);
    struct set share = {.block = set.block + begin, .count = end - begin, .min = min, .max = max};
    set_fill(&share, worker);
    worker_count(worker, share.count);
}

static void own(struct worker *worker) {
    uint64_t owners = stress.threads - 1;
    phase_end(worker, &start);
    fill(worker, set.count * (worker->number - 1) / owners, set.count * worker->number / owners);
    phase_end(worker, &made);
    phase_end(worker, &shuffling);
    phase_end(worker, &freed);
    phase_end(worker, &trimmed);
    phase_end(worker, &again);
}

static void take_over(struct worker *worker) {
    phase_end(worker, &start);
    phase_end(worker, &made);
    if (shuffled) {
        blocks_shuffle(set.block, set.count, &worker->random);
    }
    phase_end(worker, &shuffling);
    set_free(&set);
    phase_end(worker, &freed);
    if (trim) {
        stress_malloc_trim(0);
    }
    phase_end(worker, &trimmed);
    fill(worker, 0, set.count);
    phase_end(worker, &again);
}

static bool work(struct worker *worker) {
    if (worker->number > 0) {
        own(worker);
    } else {
        take_over(worker);
    }
    return false;
}

int main(int argc, char **argv) {
    stress_start(&program, argc, argv);
    if (stress.threads < 2) {
        stress_usage("--threads must be 2 at least");
    }
    if (min > max) {
        stress_usage("the minimum is over the maximum");
    }
    phases_set_up();
    set = set_map_bytes(bytes, min, max);
    stress_run(work, NULL);
    for (uint64_t i = 0; i < set.count; i++) {
        live_kib += set.block[i].at != NULL ? set.block[i].size : 0;
    }
    live_kib /= KIB;
    set_free(&set);
    stress_result(" bytes=%" PRIu64 " free_ns=%.2f live_kib=%" PRIu64 " rss_start_kib=%" PRIu64
                  " rss_full_kib=%" PRIu64 " rss_freed_kib=%" PRIu64 " rss_trimmed_kib=%" PRIu64
                  " rss_again_kib=%" PRIu64,
                  bytes, freed.seconds * 1e9 / (double)set.count, live_kib, start.rss_kib, made.rss_kib,
                  freed.rss_kib, trimmed.rss_kib, again.rss_kib);
}
