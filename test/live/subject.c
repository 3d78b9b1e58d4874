/* SPDX-License-Identifier: MIT
 *
 * A process with a heap to be looked at. usage: subject CASE SECONDS. It writes "ready" when there is
 * something to see, and what the case needs to be known. Cases: alone has no other thread, crowd three that
 * allocate and free, fork a child, heir sends itself the signal and forks, nested has a child in a PID
 * namespace of its own, guest children that share its memory (vfork) and allocate, closed and closed-crowd
 * close all descriptors, denied has no kernel with memfd_create. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "conformance/probe.h"

#define BLOCKS  20000u
#define WORKERS 3
#define GUESTS  3
#define STAY    2 /* seconds: longer than from one look for what the page needs to the next */
#define STACK   (256 * KIB)

static const size_t sizes[] = {24, 100, 700, 3000, 20000, 90000, 500000, 3000000};
static _Atomic(void *) shelf[BLOCKS];
static time_t end;

/* Blocks of all sizes, few large ones, that other threads free. */
static void *work(void *argument) {
    uint32_t state = (uint32_t)(uintptr_t)argument;
    for (unsigned i = 0; i < 256 || (i & 255) != 0 || time(NULL) < end; i++) {
        state = state * 1664525u + 1013904223u;
        unsigned place = (state >> 8) % BLOCKS;
        size_t size = sizes[place % 1000 == 0 ? 7 : place % 100 == 0 ? 5 + place % 2 : place % 5];
        char *block = malloc(size);
        REQUIRE(block != NULL);
        memset(block, 1, size);
        free(atomic_exchange(&shelf[place], block));
    }
    return NULL;
}

static void fill(void) {
    time_t before = end;
    end = 0;
    for (unsigned i = 0; i < BLOCKS / 256; i++)
        work((void *)(uintptr_t)i); /* 256 blocks */
    end = before;
}

static void deny(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    REQUIRE(syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    REQUIRE(syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void crowd(void) {
    pthread_t threads[WORKERS];
    for (uintptr_t i = 0; i < WORKERS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, work, (void *)(i + 1)) == 0);
    for (unsigned i = 0; i < WORKERS; i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
}

static void with_child(void) {
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child != 0)
        probe_write(STDOUT_FILENO, "child %d\n", (int)child);
    work((void *)1);
    if (child == 0)
        _exit(0);
    REQUIRE(waitpid(child, NULL, 0) == child);
}

static int (*live)(int);

static int visit(void *unused) {
    (void)unused;
    work((void *)1);
    if (live(0) != -1 || live(1) != -1)
        _exit(1);
    _exit(0);
}

/* As a vfork's child, which is not to return, but may do what it likes otherwise. */
static void with_guests(void) {
    time_t before = end;
    char *stack = malloc(STACK);
    for (unsigned i = 0; i < GUESTS; i++) {
        int status;
        end = time(NULL) + STAY;
        pid_t guest = clone(visit, stack + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
        REQUIRE(guest > 0 && waitpid(guest, &status, 0) == guest && status == 0);
        end = time(NULL) + STAY;
        work((void *)2);
    }
    end = before;
    probe_write(STDOUT_FILENO, "visited\n");
    work((void *)1);
}

static void close_all(void) {
    REQUIRE(syscall(SYS_close_range, STDERR_FILENO + 1u, UINT32_MAX, 0u) == 0);
    probe_write(STDOUT_FILENO, "closed\n");
}

/* Threads that look after their page, and a main one that does not. */
static void closed_crowd(void) {
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, work, (void *)1) == 0);
    close_all();
    REQUIRE(pthread_join(thread, NULL) == 0);
}

int main(int argc, char **argv) {
    REQUIRE(argc == 3);
    const char *which = argv[1];
    end = time(NULL) + atoi(argv[2]);
    live = (int (*)(int))dlsym(RTLD_DEFAULT, "fh_live");
    fill();
    if (strcmp(which, "denied") == 0) {
        deny();
        REQUIRE(live(1) == -1 && errno == EPERM);
        REQUIRE(live(0) == 0);
    }
    probe_write(STDOUT_FILENO, "ready\n");
    if (strcmp(which, "crowd") == 0)
        crowd();
    else if (strcmp(which, "fork") == 0)
        with_child();
    else if (strcmp(which, "heir") == 0) {
        REQUIRE(raise(SIGUSR2) == 0);
        with_child();
    } else if (strcmp(which, "nested") == 0) {
        REQUIRE(unshare(CLONE_NEWPID) == 0);
        with_child();
    } else if (strcmp(which, "guest") == 0)
        with_guests();
    else if (strcmp(which, "closed-crowd") == 0)
        closed_crowd();
    else if (strcmp(which, "closed") == 0) {
        close_all();
        work((void *)1);
    } else if (strcmp(which, "switch") == 0) {
        REQUIRE(live(1) == 0 && live(1) == 0);
        REQUIRE(live(0) == 0 && live(0) == 0);
        REQUIRE(live(1) == 0);
        probe_write(STDOUT_FILENO, "on\n");
        work((void *)1);
    } else
        work((void *)1);
    return 0;
}
