/* SPDX-License-Identifier: MIT
 *
 * plant [-h] CAUSE [FILE]: has much more memory than it uses, for one cause, says "ready", and waits until
 * its standard input ends. With FILE it writes there what fh_stats_json says. The causes:
 *
 *   sleepers  threads own slabs, sleep, and have all their blocks freed by another
 *   drift     sizes change again and again, and of each a few blocks live on
 *   leak      a thread allocates all the time and frees nothing
 *   swell     huge pages cover SuperSlabs in which a single block lives
 *   pool      threads have used large blocks, freed them, and sleep with what they keep
 *
 * With -h the program does what the doctor says would help.
 *
 * Status 77 means that the machine cannot do it. */
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MIB       (1ul << 20)
#define SUPERSLAB (4 * MIB)
#define HUGE_PAGE (2 * MIB)
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static pthread_barrier_t barrier;
static void *volatile lost;
static bool helps;

static void *take(size_t size) {
    void *block = malloc(size);
    if (block == NULL) {
        perror("plant");
        exit(1);
    }
    memset(block, 1, size);
    return block;
}

static void *sleep_for_good(void) {
    for (;;)
        pause();
    return NULL;
}

static void start(void *(*work)(void *), void *of) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, of) != 0) {
        fputs("plant: no thread\n", stderr);
        exit(1);
    }
}

static void *idle(void *unused) {
    (void)unused;
    return sleep_for_good();
}

enum { SLEEPERS = 4, SLEEPER_BLOCKS = 9 * 1024 };

static void *sleeper(void *blocks) {
    for (size_t i = 0; i < SLEEPER_BLOCKS; i++)
        ((void **)blocks)[i] = take(1000);
    pthread_barrier_wait(&barrier);
    if (helps) {
        pthread_barrier_wait(&barrier);
        malloc_trim(0);
        pthread_barrier_wait(&barrier);
    }
    return sleep_for_good();
}

static void plant_sleepers(void) {
    static void *blocks[SLEEPERS][SLEEPER_BLOCKS];
    pthread_barrier_init(&barrier, NULL, SLEEPERS + 1);
    for (unsigned i = 0; i < SLEEPERS; i++)
        start(sleeper, blocks[i]);
    pthread_barrier_wait(&barrier);
    for (unsigned i = 0; i < SLEEPERS; i++)
        for (size_t j = 0; j < SLEEPER_BLOCKS; j++)
            free(blocks[i][j]);
    if (helps) {
        malloc_trim(0); /* sends what the outbox has */
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
    }
}

static void plant_drift(void) {
    static void *blocks[16 * MIB / 200];
    for (size_t size = 200; size < 1000; size += size / 4) {
        size_t count = 16 * MIB / size;
        for (size_t i = 0; i < count; i++)
            blocks[i] = take(size);
        for (size_t i = 0; i < count; i++)
            if (i % 16 != 0)
                free(blocks[i]);
    }
}

static void *leaker(void *unused) {
    (void)unused;
    for (;;) {
        for (unsigned i = 0; i < 64; i++)
            lost = take(4096);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    return NULL;
}

/* Started before the program is ready, so that there is something to see. */
static void plant_leak(void) {
    for (unsigned i = 0; i < 2048; i++)
        lost = take(4096);
    start(leaker, NULL);
}

enum { SWELL_SUPERSLABS = 24, SWELL_BLOCKS = SWELL_SUPERSLABS * 64 };

static bool make_huge(char *base) {
    return madvise(base, HUGE_PAGE, MADV_HUGEPAGE) == 0 && madvise(base, HUGE_PAGE, MADV_COLLAPSE) == 0;
}

static void plant_swell(void) {
    static void *blocks[SWELL_BLOCKS];
    static uintptr_t kept[SWELL_BLOCKS];
    unsigned count = 0;
    for (unsigned i = 0; i < SWELL_BLOCKS; i++)
        blocks[i] = take(60000);
    for (unsigned i = 0; i < SWELL_BLOCKS; i++) {
        uintptr_t base = (uintptr_t)blocks[i] / SUPERSLAB;
        bool is_first = true;
        for (unsigned j = 0; j < count && is_first; j++)
            is_first = kept[j] / SUPERSLAB != base;
        if (is_first)
            kept[count++] = (uintptr_t)blocks[i];
        else
            free(blocks[i]);
    }
    malloc_trim(0);
    unsigned made = 0;
    for (unsigned i = 0; i < count; i++)
        made += make_huge((char *)(kept[i] / HUGE_PAGE * HUGE_PAGE));
    if (made < SWELL_SUPERSLABS / 2) {
        puts("this kernel makes no huge pages when asked for");
        exit(77);
    }
}

enum { POOL = 8, POOL_BLOCKS = 64 };

static void *pool_thread(void *unused) {
    void *blocks[POOL_BLOCKS];
    (void)unused;
    for (unsigned round = 0; round < 100; round++) {
        for (unsigned i = 0; i < POOL_BLOCKS; i++)
            blocks[i] = take(60000);
        for (unsigned i = 0; i < POOL_BLOCKS; i++)
            free(blocks[i]);
    }
    if (helps)
        malloc_trim(0);
    pthread_barrier_wait(&barrier);
    return sleep_for_good();
}

static void plant_pool(void) {
    pthread_barrier_init(&barrier, NULL, POOL + 1);
    for (unsigned i = 0; i < POOL; i++)
        start(pool_thread, NULL);
    pthread_barrier_wait(&barrier);
}

static const struct {
    const char *name;
    void (*plant)(void);
} causes[] = {{"sleepers", plant_sleepers},
              {"drift", plant_drift},
              {"leak", plant_leak},
              {"swell", plant_swell},
              {"pool", plant_pool}};

static void write_account(const char *path) {
    int (*stats_json)(FILE *);
    *(void **)&stats_json = dlsym(RTLD_DEFAULT, "fh_stats_json");
    FILE *file = fopen(path, "w");
    if (stats_json == NULL || file == NULL || stats_json(file) != 0 || fclose(file) != 0)
        exit(1);
}

int main(int count, char **words) {
    if (count > 1 && strcmp(words[1], "-h") == 0) {
        helps = true;
        count--;
        words++;
    }
    for (unsigned i = 0; count > 1 && i < sizeof causes / sizeof *causes; i++) {
        if (strcmp(words[1], causes[i].name) != 0)
            continue;
        start(idle, NULL); /* and with it the housekeeper */
        causes[i].plant();
        if (count > 2)
            write_account(words[2]);
        puts("ready");
        fflush(stdout);
        while (getchar() != EOF)
            ;
        _exit(0);
    }
    fputs("usage: plant [-h] sleepers|drift|leak|swell|pool [FILE]\n", stderr);
    return 2;
}
