/* SPDX-License-Identifier: MIT
 *
 * Threads start when the cheap keys are taken: from the 33rd on pthread_setspecific callocs, also for whoever
 * sets a key in the middle of a malloc. */
#include <pthread.h>
#include <stdlib.h>

#include "conformance/probe.h"

#define KEYS    200
#define THREADS 50

static pthread_key_t keys[KEYS];
static int destroyed[THREADS];

struct value {
    int thread;
    char contents[200];
};

static void destroy(void *argument) {
    struct value *value = argument;
    destroyed[value->thread]++;
    free(value);
    free(malloc(1000));
}

static void *run(void *argument) {
    int thread = (int)(intptr_t)argument;
    for (size_t i = 0; i < KEYS; i++) {
        struct value *value = malloc(sizeof(*value));
        value->thread = thread;
        REQUIRE(pthread_setspecific(keys[i], value) == 0);
    }
    return NULL;
}

/* A thread whose first malloc of all is the one that its first key beyond the 32nd makes. */
static void *run_high_keys(void *argument) {
    static const char constant[] = "no block";
    (void)argument;
    pthread_key_t high;
    REQUIRE(pthread_key_create(&high, NULL) == 0);
    REQUIRE(pthread_setspecific(high, constant) == 0);
    REQUIRE(pthread_getspecific(high) == constant);
    REQUIRE(pthread_key_delete(high) == 0);
    return NULL;
}

int main(void) {
    for (size_t i = 0; i < KEYS; i++) {
        REQUIRE(pthread_key_create(&keys[i], destroy) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_t threads[2];
        REQUIRE(pthread_create(&threads[0], NULL, run_high_keys, NULL) == 0);
        REQUIRE(pthread_create(&threads[1], NULL, run, (void *)(intptr_t)i) == 0);
        REQUIRE(pthread_join(threads[0], NULL) == 0);
        REQUIRE(pthread_join(threads[1], NULL) == 0);
        REQUIRE(destroyed[i] == KEYS);
    }
    return 0;
}
