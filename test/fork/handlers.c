/* SPDX-License-Identifier: MIT
 *
 * A thread registers fork handlers while another is in fork, and the C library's table of them must grow:
 * that is done in malloc, with the lock of the table, which fork takes as well. usage: handlers wait|storm.
 * wait: the thread registers when the allocator's own handler has run. storm: whenever it happens. */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "conformance/child.h"

#define HANDLERS 200 /* the table has room for 48, then for 73, 110, 166 */
#define WATCHDOG 100 /* seconds */

#define STORMS         8
#define STORM_HANDLERS 2000
#define STORM_FORKS    100

static sem_t fork_is_on;
static atomic_bool is_forking, is_registered;

static void register_handlers(void) {
    for (int i = 0; i < HANDLERS; i++) {
        REQUIRE(pthread_atfork(NULL, NULL, NULL) == 0);
    }
}

/* By now the allocator's own handler has run, as this one is older. Lets the other thread register, or wait.
 */
static void wait_for_the_other(void) {
    const struct timespec pause = {.tv_nsec = 300000000L};
    if (atomic_load(&is_forking) && !atomic_load(&is_registered)) {
        sem_post(&fork_is_on);
        nanosleep(&pause, NULL);
    }
}

static void register_early(void) {
    REQUIRE(pthread_atfork(wait_for_the_other, NULL, NULL) == 0);
}

__attribute__((section(".preinit_array"), used)) static void (*const preinit)(void) = register_early;

static void *register_during_fork(void *unused) {
    sem_wait(&fork_is_on);
    register_handlers();
    atomic_store(&is_registered, true);
    return unused;
}

static void fork_while_one_registers(void) {
    pthread_t other;
    REQUIRE(sem_init(&fork_is_on, 0, 0) == 0);
    REQUIRE(pthread_create(&other, NULL, register_during_fork, NULL) == 0);
    atomic_store(&is_forking, true);
    child_run(register_handlers, WATCHDOG);
    REQUIRE(pthread_join(other, NULL) == 0);
    child_run(register_handlers, WATCHDOG);
}

static void *register_at_leisure(void *unused) {
    const struct timespec pause = {.tv_nsec = 50000};
    for (int i = 0; i < STORM_HANDLERS; i++) {
        REQUIRE(pthread_atfork(NULL, NULL, NULL) == 0);
        if (i % 16 == 0) {
            nanosleep(&pause, NULL);
        }
    }
    return unused;
}

static void *allocate(void *unused) {
    while (!atomic_load(&is_registered)) {
        for (size_t size = 8; size < (size_t)100 * KIB; size += size / 2) {
            free(malloc(size));
        }
    }
    return unused;
}

static void nothing(void) {
}

/* Handlers that do something are left to the test above: beside them glibc 2.36 reads a table that is gone.
 */
static void storm(void) {
    pthread_t threads[2];
    REQUIRE(pthread_create(&threads[0], NULL, register_at_leisure, NULL) == 0);
    REQUIRE(pthread_create(&threads[1], NULL, allocate, NULL) == 0);
    for (int i = 0; i < STORM_FORKS; i++) {
        child_run(nothing, WATCHDOG);
    }
    atomic_store(&is_registered, true);
    REQUIRE(pthread_join(threads[0], NULL) == 0);
    REQUIRE(pthread_join(threads[1], NULL) == 0);
}

/* Each in a process of its own, whose table is small at first. */
static void storms(void) {
    for (int i = 0; i < STORMS; i++) {
        child_run(storm, WATCHDOG);
    }
}

int main(int argc, char **argv) {
    REQUIRE(argc == 2);
    alarm(WATCHDOG);
    if (strcmp(argv[1], "storm") == 0) {
        storms();
    } else {
        fork_while_one_registers();
    }
    return 0;
}
