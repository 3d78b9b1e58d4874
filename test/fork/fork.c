/* SPDX-License-Identifier: MIT
 *
 * Forks while six threads allocate. Every child allocates, frees what it inherited, starts threads, and ends;
 * the parent waits for it with a limit, so that a hang is a failure. `fork CASE` runs one case. */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "conformance/probe.h"

#define BUSY_THREADS 6
#define SHELF        500
#define FORKS        1000
#define FEW_FORKS    50
#define HANG_SECONDS 20

enum { SIZES = 6 };
static const size_t sizes[SIZES] = {24, 100, 700, 5000, 40 * KIB, 3 * MIB};

/* What the busy threads allocate and free; a child finds it as it was at the fork. */
static _Atomic(void *) shelf[SHELF];
static atomic_bool stop;

static size_t random_size(uint64_t *random) {
    /* Huge blocks are slow: one in 64. */
    return sizes[random_next(random) % 64 ? random_next(random) % (SIZES - 1) : SIZES - 1];
}

static void *allocate_all_the_time(void *argument) {
    uint64_t random = (uint64_t)(uintptr_t)argument;
    while (!atomic_load(&stop)) {
        char *block = malloc(random_size(&random));
        REQUIRE(block != NULL);
        block[0] = 1;
        free(atomic_exchange(&shelf[random_next(&random) % SHELF], block));
    }
    return NULL;
}

static void *allocate_a_while(void *argument) {
    uint64_t random = (uint64_t)(uintptr_t)argument;
    void *blocks[20] = {NULL};
    for (int i = 0; i < 100; i++) {
        size_t place = random_next(&random) % 20;
        free(blocks[place]);
        blocks[place] = malloc(sizes[random_next(&random) % (SIZES - 1)]);
        REQUIRE(blocks[place] != NULL);
    }
    for (int i = 0; i < 20; i++) {
        free(blocks[i]);
    }
    return NULL;
}

static void run_two_threads(void) {
    pthread_t threads[2];
    for (uintptr_t i = 0; i < 2; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, allocate_a_while, (void *)(i + 1)) == 0);
    }
    for (int i = 0; i < 2; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    }
}

/* What every child does. Threads that the child does not have may own the blocks that it frees. */
static void live_as_child(void) {
    allocate_a_while((void *)7);
    for (int i = 0; i < SHELF; i++) {
        free(atomic_exchange(&shelf[i], NULL));
    }
    run_two_threads();
    free(malloc(3 * MIB));
    malloc_trim(0);
    check_invariants();
}

static void wait_for_success(pid_t child) {
    struct timespec pause = {0, 1000000};
    int status = 0;
    pid_t done = 0;
    for (int i = 0; i < HANG_SECONDS * 1000 && (done = waitpid(child, &status, WNOHANG)) == 0; i++) {
        nanosleep(&pause, NULL);
    }
    if (done == 0) {
        kill(child, SIGKILL);
    }
    REQUIRE(done == child);
    REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Forks a child that runs `live` and then what exit runs. */
static void fork_child(void (*live)(void)) {
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        live();
        exit(0);
    }
    wait_for_success(child);
}

static void fork_often(void) {
    for (int i = 0; i < FORKS; i++) {
        fork_child(live_as_child);
    }
}

static void *fork_in_thread(void *unused) {
    (void)unused;
    for (int i = 0; i < FEW_FORKS; i++) {
        fork_child(live_as_child);
    }
    return NULL;
}

/* From two threads at once, so that a fork can meet a fork. */
static void fork_from_threads(void) {
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, fork_in_thread, NULL) == 0);
    }
    for (int i = 0; i < 2; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    }
}

static void *fork_once(void *unused) {
    (void)unused;
    fork_child(live_as_child);
    return NULL;
}

/* A child that has threads again, and forks from one of them. */
static void live_as_parent(void) {
    pthread_t busy;
    pthread_t forker;
    live_as_child();
    REQUIRE(pthread_create(&busy, NULL, allocate_all_the_time, (void *)99) == 0);
    REQUIRE(pthread_create(&forker, NULL, fork_once, NULL) == 0);
    REQUIRE(pthread_join(forker, NULL) == 0);
    fork_child(live_as_child);
    atomic_store(&stop, true);
    REQUIRE(pthread_join(busy, NULL) == 0);
}

static void fork_nested(void) {
    for (int i = 0; i < FEW_FORKS; i++) {
        fork_child(live_as_parent);
    }
}

static void exec_true(void) {
    char *const arguments[] = {"/bin/true", NULL};
    free(malloc(100));
    execv(arguments[0], arguments);
    REQUIRE(!"exec returned");
}

static void spawn_programs(void) {
    char *const arguments[] = {"/bin/true", NULL};
    for (int i = 0; i < FEW_FORKS; i++) {
        fork_child(exec_true);
        pid_t child = 0;
        REQUIRE(posix_spawn(&child, arguments[0], NULL, NULL, arguments, environ) == 0);
        wait_for_success(child);
        child = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork): it is what is tested */
        if (child == 0) {
            execv(arguments[0], arguments);
            _exit(1);
        }
        REQUIRE(child > 0);
        wait_for_success(child);
        FILE *pipe = popen("echo spawned", "re"); /* NOLINT(cert-env33-c): likewise */
        REQUIRE(pipe != NULL);
        char line[16] = "";
        REQUIRE(fgets(line, sizeof(line), pipe) && strcmp(line, "spawned\n") == 0);
        REQUIRE(pclose(pipe) == 0);
    }
}

#define LEFT    20000 /* blocks of a thread that has exited, which handlers free, */
#define AT_ONCE 2000  /* each call so many */

static void *left[LEFT];
static size_t left_count;
static void *kept_by_handler;
static atomic_size_t handler_calls;

/* Many blocks of every kind, so that the slow paths are taken too. */
static void handle_fork(void) {
    void *blocks[300];
    for (size_t i = 0; i < 300; i++) {
        blocks[i] = malloc(sizes[i % SIZES]);
        REQUIRE(blocks[i] != NULL);
    }
    for (size_t i = 0; i < 300; i++) {
        free(blocks[i]);
    }
    free(kept_by_handler);
    kept_by_handler = malloc(100);
    for (size_t i = 0; i < AT_ONCE && left_count > 0; i++) {
        free(left[--left_count]);
    }
    atomic_fetch_add(&handler_calls, 1);
}

static void fork_with_handlers(void) {
    atomic_store(&handler_calls, 0);
    REQUIRE(pthread_atfork(handle_fork, handle_fork, handle_fork) == 0);
    for (int i = 0; i < FEW_FORKS; i++) {
        fork_child(live_as_child);
    }
    REQUIRE(atomic_load(&handler_calls) >= (size_t)2 * FEW_FORKS);
}

static atomic_bool handler_forks;

/* A child of the handler's own, which comes to life with every lock held. */
static void fork_in_handler(void) {
    if (atomic_exchange(&handler_forks, false)) {
        fork_child(exec_true);
    }
}

static void fork_from_handlers(void) {
    for (int i = 0; i < FEW_FORKS; i++) {
        atomic_store(&handler_forks, true);
        fork_child(live_as_child);
        REQUIRE(!atomic_load(&handler_forks));
    }
}

#define OWN     1000 /* blocks that a thread frees before it forks: none, one, two ... */
#define ORPHANS ((size_t)200 * OWN)

static void *orphans[ORPHANS];
static size_t orphans_freed;

/* Far from each other, so that each is of a slab that nobody has claimed yet. */
static void free_orphan(void) {
    if (orphans_freed < OWN) {
        free(orphans[ORPHANS / OWN * orphans_freed++]);
    }
}

/* Registered before any constructor has run, so prepare is called after the allocator's own prepare. */
static void register_early(int argc, char **argv, char **environment) {
    (void)environment;
    if (argc == 2 && strcmp(argv[1], "early-handler") == 0) {
        REQUIRE(pthread_atfork(handle_fork, handle_fork, handle_fork) == 0);
    }
    if (argc == 2 && strcmp(argv[1], "early-orphan") == 0) {
        REQUIRE(pthread_atfork(free_orphan, NULL, NULL) == 0);
    }
    if (argc == 2 && strcmp(argv[1], "from-handler") == 0) {
        REQUIRE(pthread_atfork(fork_in_handler, NULL, NULL) == 0);
    }
}

__attribute__((section(".preinit_array"), used)) static void (*const preinit)(int, char **,
                                                                              char **) = register_early;

struct places {
    void **blocks;
    size_t count;
};

static void *fill(void *argument) {
    const struct places *places = argument;
    for (size_t i = 0; i < places->count; i++) {
        places->blocks[i] = malloc(100);
        REQUIRE(places->blocks[i] != NULL);
    }
    return NULL;
}

/* So many blocks of a thread that has exited. */
static void leave(void **blocks, size_t count) {
    struct places places = {blocks, count};
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, fill, &places) == 0 && pthread_join(thread, NULL) == 0);
}

static void fork_with_early_handlers(void) {
    leave(left, LEFT);
    left_count = LEFT;
    free(malloc(100));
    for (int i = 0; i < FEW_FORKS; i++) {
        fork_child(live_as_child);
    }
    REQUIRE(atomic_load(&handler_calls) >= (size_t)2 * FEW_FORKS);
}

static void live_for_a_moment(void) {
}

/* With room for so many blocks in the cache of the forking thread, among them for none. */
static void fork_with_full_caches(void) {
    static void *own[OWN];
    leave(orphans, ORPHANS);
    for (size_t count = 0; count < OWN; count++) {
        for (size_t i = 0; i < OWN; i++) {
            own[i] = malloc(100);
            REQUIRE(own[i] != NULL);
        }
        for (size_t i = 0; i < count; i++) {
            free(own[i]);
        }
        fork_child(live_for_a_moment);
        for (size_t i = count; i < OWN; i++) {
            free(own[i]);
        }
    }
    REQUIRE(orphans_freed == OWN);
}

#define HEAP   4800 /* blocks that a thread leaves to its child */
#define LEAVE  4    /* threads that do */
#define ROUNDS 10

static void *heap[LEAVE][HEAP];
static pthread_barrier_t is_filled;

/* Of its own slabs, as they are no more than its share of memory. */
static void *fill_heap(void *argument) {
    void **blocks = argument;
    for (size_t i = 0; i < HEAP; i++) {
        blocks[i] = malloc(sizes[i % 4]);
        memset(blocks[i], 1, sizes[i % 4]);
    }
    pthread_barrier_wait(&is_filled);
    for (;;) {
        pause();
    }
    return NULL;
}

/* Every other block anew, again and again. */
static void renew_heap(void) {
    size_t early = resident_bytes();
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < (size_t)LEAVE * HEAP; i++) {
            void **block = &heap[i % LEAVE][i / LEAVE];
            if ((i / LEAVE + round) % 2) {
                free(*block);
                *block = malloc(sizes[i / LEAVE % 4]);
                memset(*block, 2, sizes[i / LEAVE % 4]);
            }
        }
    }
    probe_write(STDOUT_FILENO, "%zu KiB at first, %zu at last\n", early / KIB, resident_bytes() / KIB);
    REQUIRE(resident_bytes() < early + early / 8);
    check_invariants();
}

/* A child that lives long does not grow: what it frees of the vanished threads' blocks it uses again. */
static void fork_and_renew(void) {
    pthread_t thread;
    REQUIRE(pthread_barrier_init(&is_filled, NULL, LEAVE + 1) == 0);
    for (size_t i = 0; i < LEAVE; i++) {
        REQUIRE(pthread_create(&thread, NULL, fill_heap, heap[i]) == 0);
    }
    pthread_barrier_wait(&is_filled);
    fork_child(renew_heap);
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    {"often", fork_often},
    {"from-threads", fork_from_threads},
    {"nested", fork_nested},
    {"spawn", spawn_programs},
    {"handler", fork_with_handlers},
    {"early-handler", fork_with_early_handlers},
    {"early-orphan", fork_with_full_caches},
    {"from-handler", fork_from_handlers},
};

static bool run_case(const char *name) {
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (strcmp(cases[i].name, name) == 0) {
            cases[i].run();
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv) {
    pthread_t busy[BUSY_THREADS];
    REQUIRE(argc == 2);
    if (strcmp(argv[1], "renew") == 0) {
        fork_and_renew();
        return 0;
    }
    for (uintptr_t i = 0; i < BUSY_THREADS; i++) {
        REQUIRE(pthread_create(&busy[i], NULL, allocate_all_the_time, (void *)(i + 1)) == 0);
    }
    REQUIRE(run_case(argv[1]));
    atomic_store(&stop, true);
    for (int i = 0; i < BUSY_THREADS; i++) {
        REQUIRE(pthread_join(busy[i], NULL) == 0);
    }
    return 0;
}
