/* SPDX-License-Identifier: MIT
 *
 * A process that lacks what others have. usage: bare descriptors|threads|death|fresh-death. descriptors: all
 * are closed, and no new one can be had. threads: the kernel refuses 1,024 new ones. death: a misuse, when
 * all descriptors are closed, with a handler of SIGABRT that allocates and forks; fresh-death: likewise, by a
 * thread that has never allocated. It works on, and its memory stays flat; or dies of SIGABRT. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "conformance/child.h"

enum { REFUSED = 1024, THREADS = 8, ROUNDS = 20, BLOCKS = 500, WATCHDOG = 30 };

static const size_t sizes[] = {16, 100, 2000, 30000, 200 * KIB, 3 * MIB};

static void *work(void *unused) {
    static _Thread_local char *blocks[BLOCKS];
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < BLOCKS; i++) {
            size_t size = sizes[(i * i + round) % (i % 50 == 0 ? 6 : 4)];
            free(blocks[i]);
            blocks[i] = malloc(size);
            REQUIRE(blocks[i] != NULL);
            blocks[i][0] = blocks[i][size - 1] = 1;
        }
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        free(blocks[i]);
        blocks[i] = NULL;
    }
    return unused;
}

static void run_threads(void) {
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        REQUIRE(pthread_create(&thread, NULL, work, NULL) == 0 && pthread_join(thread, NULL) == 0);
    }
}

static void close_descriptors(void) {
    const struct rlimit none = {0, 0};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    REQUIRE(syscall(SYS_close_range, 0u, ~0u, 0u) == 0);
}

/* _exit rather than exit, and statuses rather than words: there is nowhere to write to. */
static void live_without_descriptors(void) {
    close_descriptors();
    work(NULL);
    run_threads();
    malloc_trim(0);
    check_invariants();
    work(NULL);
}

static void refuse_threads(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};
    REQUIRE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    REQUIRE(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void live_without_threads(bool had_some) {
    if (had_some) {
        run_threads();
    }
    refuse_threads();
    size_t early = 0;
    for (int i = 0; i < REFUSED; i++) {
        pthread_t thread;
        void *block = malloc(1000);
        REQUIRE(block != NULL);
        REQUIRE(pthread_create(&thread, NULL, work, NULL) == EAGAIN);
        free(block);
        if (i == REFUSED / 8) {
            early = resident_bytes();
        }
    }
    REQUIRE(resident_bytes() < early + MIB);
    work(NULL);
    malloc_trim(0);
    check_invariants();
}

static void handle_abort(int number) {
    free(malloc(100)); /* NOLINT(bugprone-signal-handler,cert-sig30-c): what handlers do all the same */
    pid_t child = fork();
    if (child == 0) {
        free(malloc(3 * MIB));
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    signal(number, SIG_DFL); /* abort raises it again */
}

static void die_without_descriptors(void) {
    static char variable[64];
    signal(SIGABRT, handle_abort);
    close_descriptors();
    free(opaque_pointer(variable));
}

static void *free_first(void *address) {
    free(address);
    return NULL;
}

/* A thread whose first call is a misuse of another's block. */
static void die_fresh(void) {
    pthread_t thread;
    char *block = malloc(100);
    signal(SIGABRT, handle_abort);
    close_descriptors();
    REQUIRE(pthread_create(&thread, NULL, free_first, block + 16) == 0);
    pthread_join(thread, NULL);
    free(block);
}

static void live_without_first_threads(void) {
    live_without_threads(false);
}

static void live_without_more_threads(void) {
    live_without_threads(true);
}

int main(int argc, char **argv) {
    const char *name = argc == 2 ? argv[1] : "";
    const struct rlimit none = {0, 0};
    REQUIRE(setrlimit(RLIMIT_CORE, &none) == 0);
    if (strcmp(name, "descriptors") == 0) {
        child_run(live_without_descriptors, WATCHDOG);
    } else if (strcmp(name, "threads") == 0) {
        child_run(live_without_first_threads, WATCHDOG);
        child_run(live_without_more_threads, WATCHDOG);
    } else if (strcmp(name, "death") == 0) {
        REQUIRE(child_status(die_without_descriptors, WATCHDOG) == 128 + SIGABRT);
    } else if (strcmp(name, "fresh-death") == 0) {
        REQUIRE(child_status(die_fresh, WATCHDOG) == 128 + SIGABRT);
    } else {
        return 2;
    }
    return 0;
}
