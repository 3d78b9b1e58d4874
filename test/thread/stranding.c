/* SPDX-License-Identifier: MIT
 *
 * Memory that exited threads leave must come back although those who free it never allocate: a thread fills
 * some megabytes and exits, another frees few of its blocks and so claims many of its slabs, a third frees
 * the rest. usage: stranding fresh|consumer|shuffled|parent: the second is a new thread each time, or one
 * that lives on; or there is but one, which frees in random order, and may not keep the blocks that it has
 * freed last, for each of them pins a slab; or it is made by one that has filled some megabytes and sleeps,
 * frees them and fills as many. */
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>

#include "../conformance/probe.h"

#define BLOCKS   4096
#define BLOCK    1000
#define FEW      64 /* one of so many */
#define ROUNDS   200
#define RESIDENT (48 * MIB) /* what two threads may own, and what is live; all rounds fill 800 MiB */
#define SHUFFLED ((size_t)50000)
#define CACHED   (512 * KIB) /* of 100 MB */

static void *blocks[BLOCKS];
static pthread_barrier_t turn;

static void *fill(void *unused) {
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(BLOCK);
        REQUIRE(blocks[i] != NULL);
        memset(blocks[i], 1, BLOCK);
    }
    return unused;
}

static void *free_few(void *unused) {
    for (int i = 0; i < BLOCKS; i += FEW) {
        free(blocks[i]);
        blocks[i] = NULL;
    }
    return unused;
}

static void *consume(void *unused) {
    free(opaque_pointer(malloc(5 * KIB))); /* it has an arena */
    for (int i = 0; i < ROUNDS; i++) {
        pthread_barrier_wait(&turn);
        free_few(NULL);
        pthread_barrier_wait(&turn);
    }
    return unused;
}

static void run(void *(*body)(void *)) {
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, body, NULL) == 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
}

static void *free_and_fill(void *unused) {
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    return fill(unused);
}

static int hand_on(void) {
    fill(NULL);
    size_t start = resident_bytes();
    run(free_and_fill);
    size_t added = resident_bytes() - start;
    probe_write(STDERR_FILENO, "%zu KiB added\n", added / KIB);
    return added > (size_t)BLOCKS * BLOCK / 2;
}

static int free_shuffled(void) {
    static void *all[SHUFFLED];
    uint64_t random = 1;
    for (size_t i = 0; i < SHUFFLED; i++) {
        random = random * 6364136223846793005 + 1442695040888963407;
        all[i] = malloc(16 + (random >> 33) % 4000);
        REQUIRE(all[i] != NULL);
        size_t other = (random >> 20) % (i + 1);
        void *block = all[other];
        all[other] = all[i];
        all[i] = block;
    }
    for (size_t i = 0; i < SHUFFLED; i++) {
        free(all[i]);
    }
    size_t used = mallinfo2().uordblks;
    probe_write(STDERR_FILENO, "%zu KiB are not given back\n", used / KIB);
    return used > CACHED;
}

int main(int count, char **arguments) {
    REQUIRE(count == 2);
    if (strcmp(arguments[1], "shuffled") == 0) {
        return free_shuffled();
    }
    if (strcmp(arguments[1], "parent") == 0) {
        return hand_on();
    }
    bool lives_on = strcmp(arguments[1], "consumer") == 0;
    pthread_t consumer;
    REQUIRE(pthread_barrier_init(&turn, NULL, 2) == 0);
    REQUIRE(!lives_on || pthread_create(&consumer, NULL, consume, NULL) == 0);
    for (int i = 0; i < ROUNDS; i++) {
        run(fill);
        if (lives_on) {
            pthread_barrier_wait(&turn);
            pthread_barrier_wait(&turn);
        } else {
            run(free_few);
        }
        for (int j = 0; j < BLOCKS; j++)
            free(blocks[j]);
    }
    REQUIRE(!lives_on || pthread_join(consumer, NULL) == 0);
    size_t end = resident_bytes();
    if (end > RESIDENT)
        probe_write(STDERR_FILENO, "%zu KiB resident at the end\n", end / KIB);
    return end > RESIDENT;
}
