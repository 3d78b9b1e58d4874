/* SPDX-License-Identifier: MIT
 *
 * A child that works a little for longer than the decay time copies few pages of its parent's: what its
 * parent's thread has cached, and it does not use, it leaves alone. usage: quiet [threads]. threads: the
 * parent has another thread, which sleeps. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "conformance/child.h"

#define WATCHDOG 150   /* seconds */
#define DECAY_MS 100   /* FREEHOLD_DECAY */
#define SMALLEST 16u   /* bytes; the sizes grow by a quarter */
#define LARGEST  8000u /* bytes */
#define WORK     5000u
#define WORKED   48u
#define BYTES    200000u /* of each size */
#define MOST     300u    /* KiB that the child copies */

static void *sleep_long(void *unused) {
    sleep(WATCHDOG);
    return unused;
}

/* Free blocks that the thread has cached are in many pages, each beside a live one. */
static void fill_caches(size_t size) {
    static void *blocks[BYTES / SMALLEST];
    size_t count = BYTES / size;
    for (size_t i = 0; i < count; i++) {
        blocks[i] = malloc(size);
        REQUIRE(blocks[i] != NULL);
    }
    for (size_t i = 0; i < count; i += 2) {
        free(blocks[i]);
    }
}

static size_t private_kib(void) {
    char line[200];
    size_t kib = 0;
    FILE *maps = fopen("/proc/self/smaps_rollup", "re");
    while (maps && fgets(line, sizeof(line), maps)) {
        (void)sscanf(line, "Private_Dirty: %zu", &kib);
    }
    REQUIRE(maps != NULL);
    fclose(maps);
    return kib;
}

/* Blocks of one size, and more than a cache holds. */
static void work(void) {
    static void *blocks[WORK];
    for (size_t i = 0; i < WORK; i++) {
        blocks[i] = malloc(WORKED);
        REQUIRE(blocks[i] != NULL);
    }
    for (size_t i = 0; i < WORK; i++) {
        free(blocks[i]);
    }
}

static void live_quietly(void) {
    const struct timespec pause = {.tv_nsec = DECAY_MS * 1000000L / 5};
    work();
    size_t before = private_kib();
    for (int i = 0; i < 20; i++) {
        work();
        nanosleep(&pause, NULL);
    }
    size_t after = private_kib();
    size_t copied = after < before ? 0 : after - before;
    probe_write(STDERR_FILENO, "quiet: %zu KiB copied, %u at most\n", copied, MOST);
    REQUIRE(copied <= MOST);
    check_invariants();
}

int main(int argc, char **argv) {
    pthread_t thread;
    (void)argv;
    REQUIRE(argc == 1 || pthread_create(&thread, NULL, sleep_long, NULL) == 0);
    for (size_t size = SMALLEST; size <= LARGEST; size += size / 4) {
        fill_caches(size);
    }
    child_run(live_quietly, WATCHDOG);
    _exit(0);
}
