/* SPDX-License-Identifier: MIT
 *
 * Threads allocate, others free all of it, and everybody exits: then nothing may be left, neither a block
 * that somebody counts as used nor address space that waits. usage: rest [SECONDS]. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "freehold.h"

#define OWNERS 2u
#define FREERS 2u
#define BLOCKS 512u

/* Few classes, so that orphans are adopted. */
static const size_t sizes[] = {48, 1000, 9000};

static _Atomic(void *) shelf[OWNERS][BLOCKS];
static atomic_uint to_fill, to_free, freers;
static size_t size;
static unsigned count;

static void *own(void *argument) {
    unsigned number = (unsigned)(uintptr_t)argument;
    for (unsigned i = 0; i < count; i++) {
        char *block = fh_malloc(size);
        if (block == NULL)
            abort();
        block[0] = block[size - 1] = 1;
        atomic_store_explicit(&shelf[number][i], block, memory_order_release);
    }
    atomic_fetch_sub(&to_fill, 1);
    /* One exits while its blocks are freed; the other watches, and retires what becomes empty. */
    while (number == 0 && atomic_load_explicit(&freers, memory_order_relaxed) != 0)
        fh_malloc_trim(0);
    return argument;
}

static void *free_all(void *argument) {
    while (atomic_load(&to_fill) != 0)
        sched_yield();
    while (atomic_load_explicit(&to_free, memory_order_relaxed) != 0) {
        for (unsigned i = 0; i < OWNERS * count; i++) {
            void *block =
                atomic_exchange_explicit(&shelf[i % OWNERS][i / OWNERS], NULL, memory_order_acquire);
            if (block != NULL) {
                fh_free(block);
                atomic_fetch_sub_explicit(&to_free, 1, memory_order_relaxed);
            }
        }
        sched_yield();
    }
    fh_malloc_trim(0); /* pushes the last batches, while the other freer does, too */
    atomic_fetch_sub_explicit(&freers, 1, memory_order_relaxed);
    return argument;
}

static void run_round(void) {
    pthread_t threads[OWNERS + FREERS];
    atomic_store(&to_fill, OWNERS);
    atomic_store(&freers, FREERS);
    atomic_store(&to_free, OWNERS * count);
    for (uintptr_t i = 0; i < OWNERS + FREERS; i++)
        if (pthread_create(&threads[i], NULL, i < OWNERS ? own : free_all, (void *)i) != 0)
            abort();
    for (unsigned i = 0; i < OWNERS + FREERS; i++)
        pthread_join(threads[i], NULL);
}

static void check_nothing_left(unsigned round) {
    struct fh_counts counts;
    /* The first retires, and each runs a grace period; an extent leaves limbo after two. */
    for (int i = 0; i < 3; i++)
        fh_malloc_trim(0);
    fh_counters(&counts);
    if (counts.used_bytes == 0 && counts.superslab_bytes == 0 && counts.limbo_bytes == 0)
        return;
    fprintf(stderr, "rest: round %u: %llu bytes used, %llu of SuperSlabs, %llu in limbo\n", round,
            (unsigned long long)counts.used_bytes, (unsigned long long)counts.superslab_bytes,
            (unsigned long long)counts.limbo_bytes);
    exit(1);
}

int main(int argc, char **argv) {
    time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 2);
    for (unsigned round = 0; time(NULL) < end; round++) {
        size = sizes[round % (sizeof sizes / sizeof *sizes)];
        count = 64 + round * 7 % (BLOCKS - 64);
        run_round();
        check_nothing_left(round);
    }
    return 0;
}
