/* SPDX-License-Identifier: MIT
 *
 * A thread loads an object whose constructor waits for the thread that made it, as a plug-in's may that
 * speaks to its host. Until then the loader's lock is taken, and nothing may wait for it that did not without
 * a preload: not the making of the thread, nor what that one does meanwhile. usage: waiting OBJECT. */
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <threads.h>
#include <unistd.h>

#include "conformance/probe.h"

static sem_t entered, answered;

/* Called by the object's constructor. */
void wait_for_host(void);
void wait_for_host(void) {
    REQUIRE(sem_post(&entered) == 0);
    REQUIRE(sem_wait(&answered) == 0);
}

static void *load(void *file) {
    void *object = dlopen(file, RTLD_NOW);
    REQUIRE(object != NULL);
    return object;
}

static int live(void *unused) {
    free(malloc(100));
    return unused != NULL;
}

static void nothing(void) {
}

static void work_meanwhile(void) {
    tss_t key;
    thrd_t thread;
    FILE *sink = fopen("/dev/null", "w");
    REQUIRE(sink != NULL && malloc_info(0, sink) == 0 && fclose(sink) == 0);
    REQUIRE(tss_create(&key, NULL) == thrd_success && tss_set(key, &key) == thrd_success);
    REQUIRE(pthread_atfork(nothing, nothing, nothing) == 0);
    REQUIRE(thrd_create(&thread, live, NULL) == thrd_success && thrd_join(thread, NULL) == thrd_success);
}

int main(int argc, char **argv) {
    pthread_t thread;
    REQUIRE(argc == 2);
    alarm(30);
    REQUIRE(sem_init(&entered, 0, 0) == 0 && sem_init(&answered, 0, 0) == 0);
    REQUIRE(pthread_create(&thread, NULL, load, argv[1]) == 0);
    REQUIRE(sem_wait(&entered) == 0);
    work_meanwhile();
    REQUIRE(sem_post(&answered) == 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
    return 0;
}
