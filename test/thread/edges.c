/* SPDX-License-Identifier: MIT
 *
 * Threads that begin or end in unusual ways. usage: edges passes|keyless|cancel|pending|detached|main|clone.
 * passes: the first allocation of all is made by a key's destructor, in each of the four passes. keyless: the
 * program has taken every key before the allocator could. cancel: by pthread_cancel. pending: no call of
 * malloc's kin is a place where a thread is cancelled that is to be. detached: still at work when the process
 * exits. main: leaves by pthread_exit before the others. clone: made by clone, without the C library's
 * knowledge. Memory stays flat, and arenas are used again. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "conformance/child.h"

#define MANY     5000
#define FEW      30
#define WATCHDOG 150 /* seconds */

static pthread_key_t key;
static uintptr_t wanted_pass;

static void use_malloc(void) {
    void *blocks[20];
    for (size_t i = 0; i < 20; i++) {
        blocks[i] = malloc(50 * i + 1);
        REQUIRE(blocks[i] != NULL);
    }
    for (size_t i = 0; i < 20; i++) {
        free(blocks[i]);
    }
}

static void run_many(void *(*function)(void *)) {
    size_t early = 0;
    for (int i = 0; i < MANY; i++) {
        pthread_t thread;
        REQUIRE(pthread_create(&thread, NULL, function, NULL) == 0);
        REQUIRE(pthread_join(thread, NULL) == 0);
        if (i == MANY / 10) {
            malloc_trim(0);
            early = resident_bytes();
        }
    }
    malloc_trim(0);
    REQUIRE(resident_bytes() < early + 2 * MIB);
    struct fh_counts counters;
    REQUIRE(!read_counters(&counters) || counters.arenas_made < 10);
}

static void destroy(void *pass) {
    uintptr_t number = (uintptr_t)pass;
    if (number < wanted_pass) {
        REQUIRE(pthread_setspecific(key, (void *)(number + 1)) == 0);
    } else {
        use_malloc();
    }
}

static void *set_key(void *unused) {
    REQUIRE(pthread_setspecific(key, (void *)1) == 0);
    return unused;
}

static void allocate_in_every_pass(void) {
    REQUIRE(pthread_key_create(&key, destroy) == 0);
    for (wanted_pass = 1; wanted_pass <= 4; wanted_pass++) {
        run_many(set_key);
    }
}

static void take_keys(int argc, char **argv, char **environment) {
    pthread_key_t taken;
    (void)environment;
    while (argc == 2 && strcmp(argv[1], "keyless") == 0 && pthread_key_create(&taken, NULL) == 0) {
    }
}

__attribute__((section(".preinit_array"), used)) static void (*const preinit)(int, char **,
                                                                              char **) = take_keys;

static void *allocate(void *unused) {
    use_malloc();
    return unused;
}

/* Each thread has an arena, not the one that those share who have none. */
static void live_without_keys(void) {
    struct fh_counts before;
    struct fh_counts after;
    bool is_ours = read_counters(&before);
    run_many(allocate);
    REQUIRE(!is_ours || (read_counters(&after) && after.arenas_started - before.arenas_started >= MANY));
}

static void *wait_to_be_cancelled(void *unused) {
    void *block = malloc(1000);
    pthread_cleanup_push(free, block);
    for (;;) {
        use_malloc();
        pthread_testcancel();
    }
    pthread_cleanup_pop(1);
    return unused;
}

static void cancel_threads(void) {
    size_t early = 0;
    for (int i = 0; i < MANY / 10; i++) {
        pthread_t thread;
        void *result;
        REQUIRE(pthread_create(&thread, NULL, wait_to_be_cancelled, NULL) == 0);
        REQUIRE(pthread_cancel(thread) == 0 && pthread_join(thread, &result) == 0);
        REQUIRE(result == PTHREAD_CANCELED);
        if (i == MANY / 100) {
            early = resident_bytes();
        }
    }
    REQUIRE(resident_bytes() < early + 2 * MIB);
}

static atomic_size_t survivors;

/* Every call, with slow paths, system calls and locks. */
static void use_all_calls(void) {
    static const size_t sizes[] = {1, 100, 5000, 40000, 300000, 3 * MIB, 12 * MIB};
    for (size_t i = 0; i < 3 * sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t size = sizes[i % (sizeof(sizes) / sizeof(sizes[0]))];
        void *block = calloc(1, size);
        void *aligned = NULL;
        REQUIRE(block != NULL && posix_memalign(&aligned, 4096, size) == 0);
        void *longer = realloc(block, 2 * size);
        REQUIRE(longer != NULL && malloc_usable_size(longer) >= 2 * size);
        free(aligned);
        free(longer);
    }
    malloc_trim(0);
    (void)mallinfo2();
}

static void *be_cancelled_late(void *unused) {
    REQUIRE(pthread_cancel(pthread_self()) == 0);
    use_all_calls();
    atomic_fetch_add(&survivors, 1);
    pthread_testcancel();
    REQUIRE(!"pthread_testcancel returned");
    return unused;
}

static void cancel_while_pending(void) {
    for (int i = 0; i < FEW / 5; i++) {
        pthread_t thread;
        void *result;
        REQUIRE(pthread_create(&thread, NULL, be_cancelled_late, NULL) == 0);
        REQUIRE(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
    }
    REQUIRE(atomic_load(&survivors) == FEW / 5);
    check_invariants();
}

static void *allocate_for_ever(void *unused) {
    for (;;) {
        use_malloc();
        free(malloc(3 * MIB));
    }
    return unused;
}

static void *exit_soon(void *unused) {
    usleep(1000);
    use_malloc();
    exit(0);
    return unused;
}

static void start_detached(void *(*function)(void *)) {
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, function, NULL) == 0 && pthread_detach(thread) == 0);
}

static void exit_with_detached(void) {
    start_detached(allocate_for_ever);
    start_detached(allocate_for_ever);
    usleep(2000);
    exit(0);
}

static void exit_main(void) {
    start_detached(exit_soon);
    use_malloc();
    pthread_exit(NULL);
}

static void run_children(void (*live)(void)) {
    for (int i = 0; i < FEW; i++) {
        child_run(live, WATCHDOG);
    }
}

/* It has the thread-local storage of whoever waits for it, as after vfork. */
static int be_clone(void *unused) {
    (void)unused;
    use_malloc();
    return 0;
}

static void clone_raw(void) {
    static char stack[64 * KIB] __attribute__((aligned(16)));
    for (int i = 0; i < FEW; i++) {
        int status = 0;
        pid_t child = clone(be_clone, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
        REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
        REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        use_malloc();
    }
    check_invariants();
}

int main(int argc, char **argv) {
    const char *name = argc == 2 ? argv[1] : "";
    alarm(WATCHDOG);
    if (strcmp(name, "passes") == 0) {
        allocate_in_every_pass();
    } else if (strcmp(name, "keyless") == 0) {
        live_without_keys();
    } else if (strcmp(name, "cancel") == 0) {
        cancel_threads();
    } else if (strcmp(name, "pending") == 0) {
        cancel_while_pending();
    } else if (strcmp(name, "detached") == 0) {
        run_children(exit_with_detached);
    } else if (strcmp(name, "main") == 0) {
        run_children(exit_main);
    } else if (strcmp(name, "clone") == 0) {
        clone_raw();
    } else {
        return 2;
    }
    return 0;
}
