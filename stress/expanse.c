/* SPDX-License-Identifier: MIT
 *
 * A heap of many GiB that is hardly touched: what is searched, mapped and recorded for it is the work. First
 * it is filled, then random blocks are replaced.
 */
#include "phase.h"
#include "set.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t size = 64 * KIB, heap = GIB, forked = 0;
static struct set sets[THREADS_MAX];
static struct phase start, filled, last_filled, replaced;
static uint64_t mappings, child_faults;
static double child_seconds;

enum { LAST = 10 }; /* the last tenth of the filling has figures of its own */

static const struct option options[] = {
    {"size", OPTION_NUMBER, &size, 16, 1 << 30, "bytes of each block"},
    {"heap", OPTION_NUMBER, &heap, 1, UINT64_C(1) << 46, "bytes of all live blocks together"},
    {"forked", OPTION_NUMBER, &forked, 0, 1 << 30,
     "replacements in a child process, at the end; 0: no child"},
    {0},
};

static const struct program program = {
    .name = "expanse",
    .summary =
        "Very many bytes live, in blocks that nobody writes to unless they are verified. An operation\n"
        "is one replacement; `seconds` are of these alone.",
    .options = options,
    .threads = 1,
};

static void take(struct block *block, struct worker *worker) {
    if (stress.verify != VERIFY_NONE) {
        block_take(block, worker, size);
        return;
    }
    *block = (struct block){.at = stress_malloc(size), .size = size};
    block_check_start(block, block_alignment(size));
}

static void fill(struct set *set, struct worker *worker, uint64_t begin, uint64_t end) {
    for (uint64_t i = begin; i < end; i++) {
        take(&set->block[i], worker);
    }
}

static void replace_one(struct set *set, struct worker *worker) {
    struct block *block = &set->block[random_below(&worker->random, set->count)];
    block_free(block);
    take(block, worker);
}

/* What the child does to the set is lost with it; so are its blocks. */
static void replace_in_child(struct set *set, struct worker *worker) {
    double began = stress_clock();
    pid_t child = fork();
    if (child == 0) {
        for (uint64_t i = 0; i < forked; i++) {
            replace_one(set, worker);
        }
        _exit(0);
    }
    int status;
    struct rusage usage;
    while (child > 0 && wait4(child, &status, 0, &usage) < 0 && errno == EINTR) {
    }
    if (child < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        stress_fail("the child is no success: %s", child < 0 ? strerror(errno) : "see above");
    }
    child_seconds = stress_clock() - began;
    child_faults = (uint64_t)(usage.ru_minflt + usage.ru_majflt);
}

/* Blocks that nobody writes to should take no memory. Where they do, as huge pages, the machine comes first.
 */
static void stop_before_memory_is_out(double elapsed) {
    uint64_t bound_kib = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / KIB / 2;
    uint64_t rss_kib = stress_rss_kib();
    if (rss_kib > bound_kib) {
        stress_fail("%" PRIu64 " MiB are resident after %.1f s", rss_kib / KIB, elapsed);
    }
}

static bool work(struct worker *worker) {
    struct set *set = &sets[worker->number];
    uint64_t last = set->count - set->count / LAST;
    phase_end(worker, &start);
    fill(set, worker, 0, last);
    phase_end(worker, &filled);
    fill(set, worker, last, set->count);
    phase_end(worker, &last_filled);
    if (worker->number == 0) {
        mappings = stress_mappings();
    }
    phase_end(worker, NULL);
    for (; worker_budget(worker, 1) > 0; worker_count(worker, 1)) {
        replace_one(set, worker);
    }
    phase_end(worker, &replaced);
    if (worker->number == 0 && forked > 0) {
        replace_in_child(set, worker);
    }
    block_check_apart(set->block, set->count, (const struct block **)(set->block + set->count));
    set_free(set);
    return false;
}

int main(int argc, char **argv) {
    stress_start(&program, argc, argv);
    phases_set_up();
    uint64_t share = heap / size / stress.threads + 1;
    for (unsigned i = 0; i < stress.threads; i++) {
        sets[i] = (struct set){
            .block = stress_map_resident(share * (sizeof(struct block) + sizeof(struct block *))),
            .count = share};
    }
    stress_run(work, stop_before_memory_is_out);
    stress.elapsed = replaced.seconds;
    uint64_t last = share / LAST * stress.threads;
    stress_result(" size=%" PRIu64 " heap=%" PRIu64 " fill_ns=%.2f last_ns=%.2f mappings=%" PRIu64
                  " rss_start_kib=%" PRIu64 " rss_full_kib=%" PRIu64 " child_ns=%.0f child_faults=%" PRIu64,
                  size, heap, (filled.seconds + last_filled.seconds) * 1e9 / (double)(share * stress.threads),
                  last > 0 ? last_filled.seconds * 1e9 / (double)last : 0, mappings, start.rss_kib,
                  last_filled.rss_kib, child_seconds * 1e9, child_faults);
}
