/* SPDX-License-Identifier: MIT
 *
 * The question of every server operator: after a burst of load, does the memory come back while the process
 * is idle? Threads allocate much, all of it is freed, and then they wait without a call, or are gone.
 */
#include "phase.h"
#include "set.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static uint64_t bytes = 256 * MIB, min = 16, max = 4096, bursts = 1;
static const char *freed_text = "self";
static struct set sets[THREADS_MAX];
static struct phase start, full, freed, idle;
static _Atomic(const char *) running = "fill"; /* the phase */

enum freed { FREED_SELF, FREED_ONE, FREED_HALF, FREED_EXIT, FREED_WAYS };
static unsigned way;

static const struct option options[] = {
    {"bytes", OPTION_NUMBER, &bytes, 1, UINT64_C(1) << 40, "allocated by all threads together"},
    {"min", OPTION_NUMBER, &min, 1, 1 << 30, "smallest block, bytes"},
    {"max", OPTION_NUMBER, &max, 1, 1 << 30, "largest block, bytes"},
    {"bursts", OPTION_NUMBER, &bursts, 1, 1 << 30, "one after the other, each followed by the sleep"},
    {"freed", OPTION_TEXT, &freed_text, 0, 0,
     "by self: who made it; one thread; half: who made it and a neighbour; exit: who made it, and then "
     "exits"},
    {0},
};

static const struct program program = {
    .name = "burst",
    .summary =
        "Much is allocated and freed, then the process sleeps for --seconds. Resident memory over time is "
        "printed, ten lines a second.\nAn operation is one block made and freed; `seconds` are of these "
        "alone.",
    .options = options,
    .threads = 16,
    .ends_itself = true,
};

static void print_rss(double elapsed) {
    printf("rss seconds=%.3f phase=%s rss_kib=%" PRIu64 "\n", elapsed, atomic_load(&running),
           stress_rss_kib());
}

static void end(const struct worker *worker, struct phase *phase, const char *next) {
    phase_end(worker, phase);
    if (worker->number == 0) {
        atomic_store(&running, next);
    }
}

static void free_blocks(const struct set *set, uint64_t begin, uint64_t end) {
    set_free(&(struct set){.block = set->block + begin, .count = end - begin});
}

static void free_part(const struct worker *worker) {
    const struct set *own = &sets[worker->number];
    const struct set *other = &sets[(worker->number + 1) % stress.threads];
    switch (way) {
    case FREED_ONE:
        for (unsigned i = 0; i < stress.threads && worker->number == 0; i++) {
            set_free(&sets[i]);
        }
        break;
    case FREED_HALF:
        free_blocks(own, 0, own->count / 2);
        free_blocks(other, other->count / 2, other->count);
        break;
    default:
        free_blocks(own, 0, own->count);
    }
}

static void fill(struct worker *worker) {
    struct set made = sets[worker->number];
    made.count = worker_budget(worker, made.count);
    set_fill(&made, worker);
    worker_count(worker, made.count);
}

static void sleep_out(void) {
    struct timespec span = {.tv_sec = (time_t)stress.seconds};
    span.tv_nsec = (long)((stress.seconds - (double)span.tv_sec) * 1e9);
    nanosleep(&span, NULL);
}

static bool work(struct worker *worker) {
    phase_end(worker, &start);
    for (uint64_t i = 0; i < bursts; i++) {
        fill(worker);
        end(worker, &full, "free");
        free_part(worker);
        if (way == FREED_EXIT) {
            return false;
        }
        end(worker, &freed, "idle");
        sleep_out();
        end(worker, &idle, i + 1 < bursts ? "fill" : "end");
    }
    return false;
}

/* As the workers do, where they are gone. */
static void sleep_alone(void) {
    freed.rss_kib = stress_rss_kib();
    atomic_store(&running, "idle");
    struct timespec tenth = {.tv_nsec = 100000000};
    double began = stress_clock();
    while (stress_clock() < began + stress.seconds) {
        nanosleep(&tenth, NULL);
        print_rss(stress.elapsed + stress_clock() - began);
    }
    idle.rss_kib = stress_rss_kib();
}

static void read_way(void) {
    static const char *const names[FREED_WAYS] = {"self", "one", "half", "exit"};
    while (way < FREED_WAYS && strcmp(freed_text, names[way]) != 0) {
        way++;
    }
    if (way == FREED_WAYS) {
        stress_usage("freed: '%s' is not self, one, half or exit", freed_text);
    }
    if (way == FREED_EXIT && bursts > 1) {
        stress_usage("no more bursts than one when threads exit");
    }
}

int main(int argc, char **argv) {
    stress_start(&program, argc, argv);
    if (min > max) {
        stress_usage("the minimum is over the maximum");
    }
    read_way();
    phases_set_up();
    for (unsigned i = 0; i < stress.threads; i++) {
        sets[i] = set_map_bytes(bytes / stress.threads, min, max);
    }
    stress_run(work, print_rss);
    if (way == FREED_EXIT) {
        sleep_alone();
    }
    stress.elapsed = full.seconds + freed.seconds;
    stress_result(" bytes=%" PRIu64 " freed=%s rss_start_kib=%" PRIu64 " rss_full_kib=%" PRIu64
                  " rss_freed_kib=%" PRIu64 " rss_idle_kib=%" PRIu64,
                  bytes, freed_text, start.rss_kib, full.rss_kib, freed.rss_kib, idle.rss_kib);
}
