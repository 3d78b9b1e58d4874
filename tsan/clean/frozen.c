/* SPDX-License-Identifier: MIT
 *
 * Forks while threads allocate and free all the time, so that some are in the middle of an edit of their
 * slabs. A child takes over those that are whole, and checks all that it has then. usage: frozen SECONDS. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "freehold.h"

#define THREADS 3
#define BLOCKS  400
#define SIZE    100

static _Atomic bool stop;

static void *trade(void *argument) {
    void *blocks[BLOCKS];
    while (!atomic_load(&stop)) {
        for (int i = 0; i < BLOCKS; i++)
            if ((blocks[i] = fh_malloc(SIZE)) == NULL)
                abort();
        for (int i = 0; i < BLOCKS; i++)
            fh_free(blocks[i]);
    }
    return argument;
}

/* Enough blocks for all slabs of the class to be adopted, and checked while they are its own. */
static void live_as_child(void) {
    fh_malloc_trim(0);
    for (int i = 0; i < 20 * BLOCKS; i++)
        if (fh_malloc(SIZE) == NULL)
            abort();
    fh_check();
}

int main(int argc, char **argv) {
    pthread_t threads[THREADS];
    int status = 0;
    /* Without caches every free is an edit; the options are read at start. */
    if (getenv("FREEHOLD_GUARD") == NULL) {
        setenv("FREEHOLD_GUARD", "2", 1);
        execv("/proc/self/exe", argv);
        abort();
    }
    time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 2);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, trade, NULL) != 0)
            abort();
    while (status == 0 && time(NULL) < end) {
        pid_t child = fork();
        if (child == 0) {
            live_as_child();
            _exit(0);
        }
        if (child < 0 || waitpid(child, &status, 0) != child)
            abort();
    }
    atomic_store(&stop, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return status == 0 ? 0 : 1;
}
