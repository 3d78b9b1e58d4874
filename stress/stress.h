/* SPDX-License-Identifier: MIT
 *
 * What all stress programs share: options, workers, the clock, memory figures and the result line. Nothing
 * here allocates, so the allocator under test sees the calls of the program and of the C library alone.
 */
#ifndef STRESS_H
#define STRESS_H

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* The allocator comes by preload, or, where a preload is not possible (sanitizers), as the fh_ functions. */
#ifdef STRESS_FH
#include "freehold.h"
#define stress_malloc         fh_malloc
#define stress_free           fh_free
#define stress_calloc         fh_calloc
#define stress_realloc        fh_realloc
#define stress_posix_memalign fh_posix_memalign
#define stress_aligned_alloc  fh_aligned_alloc
#define stress_memalign       fh_memalign
#define stress_usable_size    fh_malloc_usable_size
#define stress_mallinfo2      fh_mallinfo2
#define stress_malloc_info    fh_malloc_info
#define stress_malloc_trim    fh_malloc_trim
#else
#define stress_malloc         malloc
#define stress_free           free
#define stress_calloc         calloc
#define stress_realloc        realloc
#define stress_posix_memalign posix_memalign
#define stress_aligned_alloc  aligned_alloc
#define stress_memalign       memalign
#define stress_usable_size    malloc_usable_size
#define stress_mallinfo2      mallinfo2
#define stress_malloc_info    malloc_info
#define stress_malloc_trim    malloc_trim
#endif

#define KIB UINT64_C(1024)
#define MIB (KIB * KIB)
#define GIB (KIB * MIB)

enum { THREADS_MAX = 1024, CACHE_LINES = 128 };

/* How much of a block is filled when it is taken and checked before it is freed. */
enum verify { VERIFY_NONE, VERIFY_CHEAP, VERIFY_FULL };

enum option_kind { OPTION_NUMBER, OPTION_SECONDS, OPTION_TEXT };

struct option {
    const char *name;
    enum option_kind kind;
    void *value; /* uint64_t, double or const char *, by kind; holds the default */
    uint64_t min, max;
    const char *help;
};

struct program {
    const char *name;
    const char *summary;
    const char *positional;       /* usage of the arguments that are no options; NULL: there are none */
    const struct option *options; /* ends with a NULL name; NULL: only the common ones */
    uint64_t threads;             /* default of --threads */
    double interval;              /* seconds between two ticks; 0: 0.1 */
    bool ends_itself;             /* --seconds is not the deadline of the workers */
};

/* Set by stress_start, constant while workers run, except for the results. */
struct stress {
    const struct program *program;
    char **arguments; /* the positional ones */
    int argument_count;
    double seconds;
    uint64_t threads;
    uint64_t seed;
    uint64_t operations; /* 0: as many as fit into seconds */
    uint64_t counting;   /* the first workers, which share the operations; 0: all do */
    enum verify verify;
    double elapsed; /* result of stress_run: the wall time of all workers */
    uint64_t done;  /* result of stress_run: their operations */
};
extern struct stress stress;

/* One line of succession of threads; at any time one thread is the worker. */
struct worker {
    _Alignas(CACHE_LINES) _Atomic uint64_t operations; /* written by the worker only */
    uint64_t limit;                                    /* of operations */
    uint64_t random;
    uint64_t next_id; /* of a block; no two blocks of a run share one */
    uint64_t lives;   /* threads that have been the worker so far */
    unsigned number;
    bool previous_unjoined;
    pthread_t previous; /* the thread before, if unjoined */
    double ended;
};

/* Returns true if a successor, a new thread, shall go on as this worker. */
typedef bool worker_function(struct worker *worker);
typedef void tick_function(double elapsed);

/* Reads the command line; prints help or a usage error and exits if it says so. */
void stress_start(const struct program *program, int argc, char **argv);

/* Runs stress.threads workers to their end; tick, if given, is called in intervals from the main thread. */
void stress_run(worker_function *work, tick_function *tick);

/* Prints the result line, with further keys, and ends the program. */
void stress_result(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Prints evidence of what is wrong and ends the process with status 1. */
void stress_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Prints a complaint about the command line and exits with status 2. */
void stress_usage(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

uint64_t stress_number(const char *text, const char *name, uint64_t min, uint64_t max);

double stress_clock(void); /* seconds */
uint64_t stress_rss_kib(void);
uint64_t stress_mappings(void); /* of the process, by the kernel's count */
void *stress_map(size_t bytes); /* zeroed memory that is not the allocator's */
void *stress_map_resident(
    size_t bytes); /* the same, all there from the start, so that it adds to no figure later */

/* True once workers shall end. */
bool stress_stopped(void);

/* Names the calling thread in evidence; for threads that a program starts itself. */
void worker_name_thread(const struct worker *worker);

/* For a worker that needs its predecessor to be gone. */
void worker_join_previous(struct worker *worker);

/* How many of `wanted` operations the worker may do now; 0: it shall end. */
uint64_t worker_budget(struct worker *worker, uint64_t wanted);

static inline void worker_count(struct worker *worker, uint64_t operations) {
    uint64_t before = atomic_load_explicit(&worker->operations, memory_order_relaxed);
    atomic_store_explicit(&worker->operations, before + operations, memory_order_relaxed);
}

static inline uint64_t random_next(uint64_t *state) {
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545f4914f6cdd1dULL;
}

/* Uniform in 0..bound-1; bound is below 2^32. */
static inline uint64_t random_below(uint64_t *state, uint64_t bound) {
    return ((random_next(state) >> 32) * bound) >> 32;
}

#endif
