/* SPDX-License-Identifier: MIT
 *
 * Forks at awkward moments. usage: interrupt alone|crowd|stdio. alone: in a process of one thread, from a
 * signal handler that has interrupted malloc and free anywhere; the child goes on where the handler
 * interrupted it. crowd: the same in a process of several threads; the child does what a handler may do in
 * it, and ends. stdio: while fflush(NULL) waits for a file whose reader waits for memory. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "conformance/probe.h"

#define FORKS    400
#define WATCHDOG 200 /* seconds */
#define BLOCKS   64
#define THREADS  3

static atomic_int forks;
static pid_t parent;
static bool is_child;
static _Atomic(void *) shelf[BLOCKS];

static void wait_for(pid_t child) {
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void fork_once(void) {
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        is_child = true;
        alarm(WATCHDOG);
        return;
    }
    wait_for(child);
    atomic_fetch_add(&forks, 1);
}

static void handle(int signal) {
    (void)signal;
    if (!is_child) {
        fork_once();
    }
}

static void use_malloc(size_t seed) {
    static const size_t sizes[] = {24, 700, 5000, 30000, 100000, 1 << 20, 5 << 20, 12 << 20};
    for (size_t i = 0; i < BLOCKS; i++) {
        size_t size = sizes[(i * 5 + seed) % (sizeof(sizes) / sizeof(sizes[0]))];
        free(atomic_exchange(&shelf[(i * 11 + seed) % BLOCKS], malloc(size)));
    }
    if (seed % 8 == 0) {
        malloc_trim(0);
    }
}

/* A signal every half a millisecond of the process' own time. */
static void start_signals(void (*handler)(int)) {
    const struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    const struct itimerval interval = {{0, 500}, {0, 500}};
    REQUIRE(sigaction(SIGPROF, &action, NULL) == 0);
    REQUIRE(setitimer(ITIMER_PROF, &interval, NULL) == 0);
}

static void stop_signals(void) {
    const struct itimerval never = {{0, 0}, {0, 0}};
    REQUIRE(setitimer(ITIMER_PROF, &never, NULL) == 0);
}

/* The child has no timer: it works on, and ends. */
static void fork_alone(void) {
    start_signals(handle);
    for (size_t seed = 0; atomic_load(&forks) < FORKS; seed++) {
        use_malloc(seed);
        if (is_child) {
            for (size_t i = 0; i < 20; i++) {
                use_malloc(seed + i);
            }
            check_invariants();
            _exit(0);
        }
    }
    stop_signals();
}

static void fork_and_end(int signal) {
    (void)signal;
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        execl("/bin/true", "true", NULL);
        _exit(1);
    }
    wait_for(child);
    atomic_fetch_add(&forks, 1);
}

static void *use_malloc_long(void *seed) {
    for (size_t i = (size_t)(uintptr_t)seed; atomic_load(&forks) < FORKS; i++) {
        use_malloc(i);
    }
    return NULL;
}

static void run_threads(void *(*const functions[THREADS])(void *)) {
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, functions[i], (void *)i) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    }
}

static void *flush_all(void *unused) {
    while (atomic_load(&forks) < FORKS) {
        fflush(NULL);
    }
    return unused;
}

/* As a reader does whose line grows: it has the file, and waits for memory. */
static void *read_line(void *unused) {
    FILE *file = fopen("/dev/null", "re");
    REQUIRE(file != NULL);
    for (size_t seed = 1; atomic_load(&forks) < FORKS; seed++) {
        flockfile(file);
        use_malloc(seed);
        funlockfile(file);
    }
    fclose(file);
    return unused;
}

static void *fork_often(void *unused) {
    while (atomic_load(&forks) < FORKS) {
        fork_once();
        if (is_child) {
            use_malloc(1);
            fflush(NULL);
            _exit(0);
        }
    }
    return unused;
}

static void fork_with_stdio(void) {
    void *(*const functions[THREADS])(void *) = {flush_all, read_line, fork_often};
    run_threads(functions);
}

static void fork_in_crowd(void) {
    void *(*const functions[THREADS])(void *) = {use_malloc_long, use_malloc_long, use_malloc_long};
    start_signals(fork_and_end);
    run_threads(functions);
    stop_signals();
}

int main(int argc, char **argv) {
    alarm(WATCHDOG);
    parent = getpid();
    REQUIRE(argc == 2);
    if (strcmp(argv[1], "alone") == 0) {
        fork_alone();
    } else if (strcmp(argv[1], "crowd") == 0) {
        fork_in_crowd();
    } else {
        fork_with_stdio();
    }
    REQUIRE(getpid() == parent);
    return 0;
}
