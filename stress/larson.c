/* SPDX-License-Identifier: MIT
 *
 * The server simulation: each thread replaces random blocks of its slots, and after ROUNDS replacements per
 * slot it hands the slots to a new thread and dies. Most blocks are freed by a thread that did not make them.
 */
#include "set.h"

#include <inttypes.h>
#include <stdio.h>

static uint64_t min = 10, max = 500, slots = 1000, rounds = 100;
static struct set sets[THREADS_MAX];

static const struct option options[] = {
    {"min", OPTION_NUMBER, &min, 1, 1 << 30, "smallest block, bytes"},
    {"max", OPTION_NUMBER, &max, 1, 1 << 30, "largest block, bytes"},
    {"slots", OPTION_NUMBER, &slots, 1, 1 << 30, "blocks per thread"},
    {"rounds", OPTION_NUMBER, &rounds, 1, 1 << 30, "replacements per slot in the life of a thread"},
    {0},
};

static const struct program program = {
    .name = "larson",
    .summary =
        "Server simulation: slots are handed from a dying thread to its successor. An operation is one "
        "replacement, a free and a malloc.",
    .positional = "[SECONDS MIN MAX SLOTS ROUNDS SEED THREADS]",
    .options = options,
    .threads = 4,
};

static void read_positional(void) {
    char **argument = stress.arguments;
    if (stress.argument_count == 0) {
        return;
    }
    if (stress.argument_count != 7) {
        stress_usage("expected 7 arguments, found %d", stress.argument_count);
    }
    stress.seconds = (double)stress_number(argument[0], "SECONDS", 0, 1000000);
    min = stress_number(argument[1], "MIN", 1, 1 << 30);
    max = stress_number(argument[2], "MAX", 1, 1 << 30);
    slots = stress_number(argument[3], "SLOTS", 1, 1 << 30);
    rounds = stress_number(argument[4], "ROUNDS", 1, 1 << 30);
    stress.seed = stress_number(argument[5], "SEED", 0, UINT64_MAX);
    stress.threads = stress_number(argument[6], "THREADS", 1, THREADS_MAX);
}

/* In portions, so that the end of the time is seen soon. */
static bool serve(struct worker *worker) {
    const uint64_t portion = 1000;
    for (uint64_t left = slots * rounds; left > 0;) {
        uint64_t budget = worker_budget(worker, left < portion ? left : portion);
        if (budget == 0) {
            return false;
        }
        set_replace(&sets[worker->number], worker, budget);
        worker_count(worker, budget);
        left -= budget;
    }
    return true;
}

int main(int argc, char **argv) {
    stress_start(&program, argc, argv);
    read_positional();
    if (min > max) {
        printf("larson: the minimum %" PRIu64 " is over the maximum %" PRIu64 ": swapped\n", min, max);
        uint64_t swap = min;
        min = max;
        max = swap;
    }
    struct worker maker = {.random = stress.seed | 1};
    for (unsigned i = 0; i < stress.threads; i++) {
        sets[i] = set_map(slots, min, max);
        set_fill(&sets[i], &maker);
    }
    stress_run(serve, NULL);
    for (unsigned i = 0; i < stress.threads; i++) {
        set_free(&sets[i]);
    }
    stress_result(" min=%" PRIu64 " max=%" PRIu64 " slots=%" PRIu64 " rounds=%" PRIu64, min, max, slots,
                  rounds);
}
