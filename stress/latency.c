/* SPDX-License-Identifier: MIT
 *
 * Each call of malloc and free by the clock. Threads form a circle: a part of what each makes is freed by the
 * next one. The clock itself is in every figure; what it costs is reported beside them.
 */
#include "ring.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static uint64_t max = 1000, blocks = 1000, depth = 1000, remote = 50;
static uint64_t decay = 0, piece = 4096, kept = 0, waits = 1, cpu = 0;
static const char *csv = NULL;

enum call { CALL_MALLOC, CALL_FREE_LOCAL, CALL_FREE_REMOTE, CALLS };
static const char *const call_names[CALLS] = {"malloc", "free_local", "free_remote"};

/* Sixteen buckets to each power of two, so a figure is right to 7 %. */
enum { FINE = 16, FINE_LOG = 4, BUCKETS = (64 - FINE_LOG + 1) * FINE };

struct histogram {
    uint64_t bucket[BUCKETS];
    uint64_t count, worst;
};

static struct histogram histograms[CALLS][THREADS_MAX + 1]; /* the last: of all threads */
static struct block *sets[THREADS_MAX];
static struct ring *rings; /* to worker i, from the one before */

static const struct option options[] = {
    {"max", OPTION_NUMBER, &max, 1, 1 << 20, "largest block, bytes"},
    {"set", OPTION_NUMBER, &blocks, 1, 1 << 24, "blocks that each thread keeps"},
    {"remote", OPTION_NUMBER, &remote, 0, 100, "percent of the blocks that another thread frees"},
    {"decay", OPTION_NUMBER, &decay, 0, UINT64_C(1) << 40, "bytes that are made, written and freed before"},
    {"piece", OPTION_NUMBER, &piece, 16, 1 << 30, "bytes of each block of these"},
    {"kept", OPTION_NUMBER, &kept, 0, 1 << 20, "one in so many of these is freed at the end only; 0: none"},
    {"waits", OPTION_NUMBER, &waits, 0, 1, "0: what a thread waits for a processor is no part of a call"},
    {"cpu", OPTION_NUMBER, &cpu, 0, 1, "1: the clock is the thread's own, of what it does on a processor"},
    {"csv", OPTION_TEXT, &csv, 0, 0, "file for the histograms: call,nanoseconds,calls,share"},
    {0},
};

static const struct program program = {
    .name = "latency",
    .summary = "Histograms of single calls of malloc and free. An operation is one malloc and one free.\n"
               "In the CSV, `nanoseconds` is the end of a bucket and `share` that of the calls up to there.",
    .options = options,
    .threads = 2,
};

static uint64_t nanoseconds(void) {
    struct timespec now;
    clock_gettime(cpu ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static unsigned bucket_of(uint64_t value) {
    if (value < FINE) {
        return (unsigned)value;
    }
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - FINE_LOG;
    return shift * FINE + (unsigned)(value >> shift);
}

/* The largest value in the bucket. */
static uint64_t bucket_end(unsigned bucket) {
    if (bucket < 2 * FINE) {
        return bucket;
    }
    unsigned shift = bucket / FINE - 1;
    return (((uint64_t)bucket % FINE + FINE + 1) << shift) - 1;
}

/* What this thread has waited for a processor since it last asked, by the kernel's account; a machine that
 * does other things as well would else be measured in place of the longest calls. */
static uint64_t waited(void) {
    static _Thread_local int file = -1;
    static _Thread_local uint64_t before;
    if (file < 0) {
        file = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC); /* closed when the process ends */
    }
    char text[64] = "";
    char *second = text;
    if (pread(file, text, sizeof text - 1, 0) > 0) {
        strtoull(text, &second, 10); /* nanoseconds on a processor; then those of waiting for one */
    }
    uint64_t now = strtoull(second, NULL, 10);
    uint64_t since = now - before;
    before = now;
    return since;
}

enum {
    LONG_NS = 10000,
    WAITS_ASKED = 64
}; /* a call that may hold a wait; operations after which it is asked */

static void record(enum call call, const struct worker *worker, uint64_t start) {
    uint64_t took = nanoseconds() - start;
    if (took > LONG_NS && !waits) {
        uint64_t wait = waited();
        took = took > wait ? took - wait : 0;
    }
    struct histogram *histogram = &histograms[call][worker->number];
    histogram->bucket[bucket_of(took)]++;
    histogram->count++;
    histogram->worst = took > histogram->worst ? took : histogram->worst;
}

static void timed_take(struct block *block, struct worker *worker) {
    size_t size = 1 + random_below(&worker->random, max);
    uint64_t start = nanoseconds();
    void *at = stress_malloc(size);
    record(CALL_MALLOC, worker, start);
    block_set(block, worker, at, size, block_alignment(size));
}

static void timed_free(struct block *block, struct worker *worker, enum call call) {
    block_check(block);
    uint64_t start = nanoseconds();
    stress_free(block->at);
    record(call, worker, start);
    block->at = NULL;
}

static bool work(struct worker *worker) {
    struct ring *in = &rings[worker->number];
    struct ring *out = &rings[(worker->number + 1) % stress.threads];
    struct block *set = sets[worker->number];
    struct block received;
    for (uint64_t i = 0; worker_budget(worker, 1) > 0; worker_count(worker, 1), i++) {
        if (i % WAITS_ASKED == 0 && !waits) {
            waited(); /* so that what a long call holds is its own */
        }
        struct block *block = &set[random_below(&worker->random, blocks)];
        if (block->at != NULL && !(random_below(&worker->random, 100) < remote && ring_push(out, block))) {
            timed_free(block, worker, CALL_FREE_LOCAL);
        }
        timed_take(block, worker);
        if (ring_pop(in, &received)) {
            timed_free(&received, worker, stress.threads > 1 ? CALL_FREE_REMOTE : CALL_FREE_LOCAL);
        }
    }
    for (uint64_t i = 0; i < blocks; i++) {
        if (set[i].at != NULL) {
            block_free(&set[i]);
        }
    }
    return false;
}

/* What is free now goes back to the kernel while the clock runs, by whoever does it. */
static uint64_t leave_to_decay(struct block *pieces) {
    struct worker maker = {.random = stress.seed | 1};
    uint64_t count = decay / piece;
    for (uint64_t i = 0; i < count; i++) {
        block_take(&pieces[i], &maker, piece);
        for (size_t offset = 8; offset + 8 < piece; offset += 4096) {
            pieces[i].at[offset] = 1;
        }
    }
    for (uint64_t i = 0; i < count; i++) {
        if (kept == 0 || i % kept != 0) {
            block_free(&pieces[i]);
        }
    }
    return count;
}

static void sum_histograms(enum call call) {
    struct histogram *sum = &histograms[call][THREADS_MAX];
    for (unsigned i = 0; i < stress.threads; i++) {
        const struct histogram *part = &histograms[call][i];
        for (unsigned b = 0; b < BUCKETS; b++) {
            sum->bucket[b] += part->bucket[b];
        }
        sum->count += part->count;
        sum->worst = part->worst > sum->worst ? part->worst : sum->worst;
    }
}

/* The nanoseconds that this share of the calls does not exceed. */
static uint64_t quantile(const struct histogram *histogram, double share) {
    double wanted = share * (double)histogram->count;
    uint64_t seen = 0;
    for (unsigned b = 0; b < BUCKETS; b++) {
        seen += histogram->bucket[b];
        if (histogram->bucket[b] > 0 && (double)seen >= wanted) {
            return bucket_end(b) < histogram->worst ? bucket_end(b) : histogram->worst;
        }
    }
    return 0;
}

static uint64_t clock_cost(void) {
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 1000; i++) {
        uint64_t start = nanoseconds();
        uint64_t took = nanoseconds() - start;
        best = took < best ? took : best;
    }
    return best;
}

static void write_csv(void) {
    FILE *file = fopen(csv, "w");
    if (file == NULL) {
        stress_usage("%s: %s", csv, strerror(errno));
    }
    fprintf(file, "call,nanoseconds,calls,share\n");
    for (unsigned call = 0; call < CALLS; call++) {
        const struct histogram *sum = &histograms[call][THREADS_MAX];
        uint64_t seen = 0;
        for (unsigned b = 0; b < BUCKETS; b++) {
            seen += sum->bucket[b];
            if (sum->bucket[b] > 0) {
                fprintf(file, "%s,%" PRIu64 ",%" PRIu64 ",%.9f\n", call_names[call], bucket_end(b),
                        sum->bucket[b], (double)seen / (double)sum->count);
            }
        }
    }
    if (fclose(file) != 0) {
        stress_fail("%s: %s", csv, strerror(errno));
    }
}

/* Prints the table; returns the same figures as keys of the result line. */
static const char *summarize(void) {
    static const struct {
        const char *name;
        double share;
    } columns[] = {{"p50", 0.5},     {"p90", 0.9},       {"p99", 0.99},
                   {"p99.9", 0.999}, {"p99.99", 0.9999}, {"worst", 1}};
    enum { COLUMNS = sizeof columns / sizeof *columns };
    static char keys[2048];
    size_t length = 0;
    uint64_t worst = 0; /* of all calls */
    printf("%-12s %12s", "nanoseconds", "calls");
    for (int i = 0; i < COLUMNS; i++) {
        printf(" %10s", columns[i].name);
    }
    for (unsigned call = 0; call < CALLS; call++) {
        sum_histograms((enum call)call);
        const struct histogram *sum = &histograms[call][THREADS_MAX];
        worst = sum->worst > worst ? sum->worst : worst;
        printf("\n%-12s %12" PRIu64, call_names[call], sum->count);
        for (int i = 0; i < COLUMNS; i++) {
            uint64_t figure = quantile(sum, columns[i].share);
            printf(" %10" PRIu64, figure);
            length += (size_t)snprintf(keys + length, sizeof keys - length, " %s_%s_ns=%" PRIu64,
                                       call_names[call], columns[i].name, figure);
        }
    }
    printf("\n");
    snprintf(keys + length, sizeof keys - length, " worst_ns=%" PRIu64, worst);
    return keys;
}

int main(int argc, char **argv) {
    stress_start(&program, argc, argv);
    rings = rings_map(stress.threads, depth);
    for (unsigned i = 0; i < stress.threads; i++) {
        sets[i] = stress_map(blocks * sizeof(struct block));
    }
    struct block *pieces = stress_map((decay / piece + 1) * sizeof *pieces);
    uint64_t count = leave_to_decay(pieces);
    stress_run(work, NULL);
    for (uint64_t i = 0; kept > 0 && i < count; i += kept) {
        block_free(&pieces[i]);
    }
    for (unsigned i = 0; i < stress.threads; i++) {
        for (struct block block; ring_pop(&rings[i], &block);) {
            block_free(&block);
        }
    }
    const char *keys = summarize();
    if (csv != NULL) {
        write_csv();
    }
    stress_result(" decay=%" PRIu64 " clock_ns=%" PRIu64 "%s", decay, clock_cost(), keys);
}
