/* SPDX-License-Identifier: MIT
 *
 * A thread registers fork handlers while another is in fork, and the C library's table of them must grow:
 * that is done in malloc, with the lock of the table, which fork takes as well. */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "conformance/probe.h"

#define HANDLERS 200 /* the table has room for 48, then for 73, 110, 166 */
#define WATCHDOG 20  /* seconds */

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
    const struct timespec pause = {.tv_nsec = 300 * 1000 * 1000};
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

static void fork_once(void) {
    int status = 0;
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        alarm(WATCHDOG);
        register_handlers();
        _exit(0);
    }
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void) {
    pthread_t other;
    alarm(WATCHDOG);
    REQUIRE(sem_init(&fork_is_on, 0, 0) == 0);
    REQUIRE(pthread_create(&other, NULL, register_during_fork, NULL) == 0);
    atomic_store(&is_forking, true);
    fork_once();
    REQUIRE(pthread_join(other, NULL) == 0);
    fork_once();
    return 0;
}
