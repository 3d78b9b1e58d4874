/* SPDX-License-Identifier: MIT
 *
 * Slabs change hands while others push to them, and whoever had them goes to sleep: their last owner must be
 * told of every push, so that it drains them all. usage: wakeup [SECONDS].
 *
 * In each round a thread fills slabs and exits. A sleeper and a pusher free blocks of them at the same time:
 * each claims slabs for a moment, and pushes to those that the other has claimed. The sleeper then sleeps, as
 * soon as it has pushed: a call that tidies would make good what was missed. An heir adopts the slabs, or
 * makes new ones where they were, the pusher frees blocks in them, and the heir whatever else there is: then
 * nothing is left that anybody counts as used, but for what the sleeper, which has not moved, keeps. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "freehold.h"

#define BLOCKS 8192u
#define LARGE  64u    /* blocks that fill the sleeper's outbox */
#define SIZE   32768u /* bytes: of each */

/* What a round is about: of so many blocks the sleeper frees one, and the pusher another. */
static const struct kind {
    size_t size;
    unsigned blocks, every;
} kinds[] = {
    {64, 900, 30}, /* of one slab: most are left, and it is adopted */
    {8192, 8, 2},  /* of one slab: none is left, and it is given up */
    {64, BLOCKS, 32},
    {8192, 400, 2},
};

static struct kind kind;
static void *blocks[BLOCKS], *large[LARGE], *heirs[BLOCKS];
static pthread_barrier_t filled, freed, adopted, emptied, looked;

static void wait_at(pthread_barrier_t *barrier) {
    pthread_barrier_wait(barrier);
}

static void allocate(void **at, unsigned count, size_t size) {
    for (unsigned i = 0; i < count; i++)
        if ((at[i] = fh_malloc(size)) == NULL)
            abort();
}

static void free_some(void **at, unsigned count, unsigned first, unsigned every) {
    for (unsigned i = first; i < count; i += every) {
        fh_free(at[i]);
        at[i] = NULL;
    }
}

/* As many blocks as the sleeper and the pusher free. */
static unsigned count_of_heir(void) {
    return 2 * kind.blocks / kind.every;
}

/* What the sleeper has not freed, nor the pusher. */
static uint64_t bytes_left(void) {
    uint64_t bytes = 0;
    for (unsigned i = 0; i < kind.blocks; i++)
        bytes += blocks[i] != NULL ? kind.size : 0;
    for (unsigned i = 0; i < LARGE; i++)
        bytes += large[i] != NULL ? SIZE : 0;
    return bytes;
}

static struct fh_counts count(void) {
    struct fh_counts counts;
    fh_counters(&counts);
    return counts;
}

static void *fill(void *argument) {
    allocate(blocks, kind.blocks, kind.size);
    allocate(large, LARGE, SIZE);
    return argument;
}

/* Frees large blocks until the outbox has been pushed once, and then so many that there is room for one.
 * Returns how many. Nobody else pushes meanwhile. */
static unsigned fill_outbox(void) {
    uint64_t before = count().remote_frees;
    unsigned often = 0;
    while (count().remote_frees == before)
        free_some(large, LARGE, often++, LARGE);
    unsigned most = 2 * often - 3;
    if (often < 3 || most + 2 > LARGE)
        abort();
    for (unsigned i = often; i < most; i++)
        free_some(large, LARGE, i, LARGE);
    return most;
}

static void *sleep_after(void *argument) {
    fh_free(fh_malloc(1000)); /* it has an arena */
    unsigned first = fill_outbox();
    wait_at(&filled);
    free_some(blocks, kind.blocks, 0, kind.every);
    free_some(large, first + 2, first, 1);
    wait_at(&freed);
    wait_at(&looked);
    return argument;
}

static void *push(void *argument) {
    fh_free(fh_malloc(1000));
    wait_at(&filled);
    free_some(blocks, kind.blocks, kind.every / 2, kind.every);
    fh_malloc_trim(0);
    wait_at(&freed);
    wait_at(&adopted);
    free_some(blocks, kind.blocks, 0, 1);
    free_some(large, LARGE, 0, 1);
    free_some(heirs, count_of_heir(), 0, 2);
    fh_malloc_trim(0);
    wait_at(&emptied);
    wait_at(&looked);
    return argument;
}

/* Says what is used and not the sleeper's. */
static void *inherit(void *used) {
    wait_at(&filled);
    wait_at(&freed);
    uint64_t kept = count().used_bytes - bytes_left();
    allocate(heirs, count_of_heir(), kind.size);
    wait_at(&adopted);
    wait_at(&emptied);
    free_some(heirs, count_of_heir(), 0, 1);
    fh_malloc_trim(0);
    *(uint64_t *)used = count().used_bytes - kept;
    wait_at(&looked);
    return NULL;
}

static uint64_t run_round(void) {
    static void *(*const bodies[])(void *) = {sleep_after, push, inherit};
    pthread_t threads[3], filler;
    uint64_t used = 0;
    if (pthread_create(&filler, NULL, fill, NULL) != 0)
        abort();
    pthread_join(filler, NULL);
    for (unsigned i = 0; i < 3; i++)
        if (pthread_create(&threads[i], NULL, bodies[i], &used) != 0)
            abort();
    for (unsigned i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    return used;
}

int main(int argc, char **argv) {
    time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 2);
    pthread_barrier_init(&filled, NULL, 3);
    pthread_barrier_init(&freed, NULL, 3);
    pthread_barrier_init(&adopted, NULL, 2);
    pthread_barrier_init(&emptied, NULL, 2);
    pthread_barrier_init(&looked, NULL, 3);
    for (unsigned round = 0; time(NULL) < end; round++) {
        kind = kinds[round % (sizeof kinds / sizeof *kinds)];
        uint64_t used = run_round();
        if (used == 0)
            continue;
        fprintf(stderr, "wakeup: round %u: %llu bytes used\n", round, (unsigned long long)used);
        return 1;
    }
    return 0;
}
