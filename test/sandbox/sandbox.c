/* SPDX-License-Identifier: MIT
 *
 * A program that closes a seccomp sandbox round itself and then works on, with new threads. usage: sandbox
 * kill, or sandbox deny ERRNO. kill: the process is killed at any system call but those that the C library
 * makes for threads and for its own malloc, and at any advice to the kernel but that pages are not needed.
 * deny: the calls that an allocator can do without fail with the number ERRNO. Nothing may be printed.
 *
 * sandbox service: the filter is not announced, and kills for the calls that services are usually denied; all
 * that is told of the heap is asked for in it, and, with FREEHOLD_ON_ERROR, a message is made. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "conformance/probe.h"
#include "freehold.h"

#define THREADS      4
#define LIVES        5
#define BLOCKS       3000
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What the C library needs for its malloc, for threads, to write and to end. */
static const unsigned needed[] = {
    SYS_brk,
    SYS_mmap,
    SYS_munmap,
    SYS_mprotect,
    SYS_mremap,
    SYS_madvise,
    SYS_futex,
    SYS_clone,
    SYS_exit,
    SYS_write,
    SYS_clone3,
    SYS_rseq,
    SYS_set_robust_list,
    SYS_exit_group,
    SYS_rt_sigprocmask,
    SYS_rt_sigaction,
    SYS_rt_sigreturn,
    SYS_sched_getaffinity,
    SYS_getrandom,
};

static const unsigned dispensable[] = {
    SYS_mremap,      SYS_madvise,         SYS_membarrier, SYS_clock_gettime, SYS_gettid,
    SYS_sched_yield, SYS_getcpu,          SYS_prctl,      SYS_openat,        SYS_read,
    SYS_nanosleep,   SYS_clock_nanosleep, SYS_poll,       SYS_sysinfo,       SYS_prlimit64,
};

/* As systemd's ~@resources, and what is left of ~@signal where threads are made. */
static const unsigned resources[] = {
    SYS_ioprio_set,    SYS_mbind,          SYS_migrate_pages,      SYS_move_pages,    SYS_sched_setaffinity,
    SYS_sched_setattr, SYS_sched_setparam, SYS_sched_setscheduler, SYS_set_mempolicy, SYS_setpriority,
    SYS_setrlimit,     SYS_rt_sigpending,  SYS_rt_sigqueueinfo,    SYS_rt_sigsuspend, SYS_rt_sigtimedwait,
};

static struct sock_filter filter[2 * (COUNT(needed) + COUNT(dispensable)) + 8];
static unsigned short length;

static void add(struct sock_filter instruction) {
    filter[length++] = instruction;
}

/* Before the list, with the number of the call in the filter's register. */
static void check_advice(void) {
    add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3));
    add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])));
    add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MADV_DONTNEED, 1, 0));
    add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
}

/* The listed calls are answered with one action, all others with the other one. */
static void close_sandbox(const unsigned *calls, size_t count, unsigned listed, unsigned others,
                          bool is_announced) {
    add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
    if (others == SECCOMP_RET_KILL_PROCESS) {
        check_advice();
    }
    for (size_t i = 0; i < count; i++) {
        add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], 0, 1));
        add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, listed));
    }
    add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, others));
    const struct sock_fprog program = {.len = length, .filter = filter};
    if (is_announced) {
        REQUIRE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        REQUIRE(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
    } else {
        REQUIRE(syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        REQUIRE(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0);
    }
}

/* A message, if it is not to be the end. */
static void free_none(void) {
    static char none[100];
    if (getenv("FREEHOLD_ON_ERROR") != NULL) {
        free(opaque_pointer(none));
    }
}

static _Atomic(char *) shelf[BLOCKS];

/* Each block tells its size by its first byte and ends with the same. */
static void check_and_free(char *block) {
    REQUIRE(block == NULL || block[0] == block[malloc_usable_size(block) / 2]);
    free(block);
}

static void trade(size_t seed) {
    for (size_t i = 0; i < BLOCKS; i++) {
        size_t size = (i * 37 + seed) % 500 == 0 ? 3 * MIB
                      : (i + seed) % 50 == 0     ? 90 * KIB
                                                 : 8 + (i * seed) % 2000;
        char *block = malloc(size);
        REQUIRE(block != NULL);
        memset(block, (int)(seed & 0xff), malloc_usable_size(block));
        check_and_free(atomic_exchange(&shelf[(i + seed * 7) % BLOCKS], block));
    }
}

static void resize(void) {
    size_t size = 100;
    char *block = malloc(size);
    REQUIRE(block != NULL);
    block_fill(block, size, 3);
    for (size_t larger = 1000; larger < 32 * MIB; larger *= 3) {
        char *moved = realloc(block, larger);
        REQUIRE(moved != NULL && block_holds(moved, size, 3));
        block = moved;
        block_fill(block, larger, 3);
        size = larger;
    }
    for (; size > 100; size /= 5) {
        char *moved = realloc(block, size);
        REQUIRE(moved != NULL && block_holds(moved, size, 3));
        block = moved;
    }
    free(block);
}

static void *live(void *argument) {
    size_t seed = (size_t)(uintptr_t)argument;
    for (size_t i = 1; i <= LIVES; i++) {
        trade(seed * 13 + i);
    }
    resize();
    malloc_trim(0);
    return NULL;
}

static void run_threads(void) {
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, live, (void *)i) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    }
}

#pragma weak fh_counters

/* What was lost is in the counters, and nowhere else. */
static void check_what_is_said(bool is_denied) {
    struct fh_counts counts;
    if (fh_counters == NULL) /* another malloc */
        return;
    fh_counters(&counts);
    REQUIRE((counts.calls_denied != 0) == is_denied);
}

#pragma weak fh_stats
#pragma weak fh_live

static void tell_all(void) {
    struct fh_account account;
    FILE *nowhere = fopen("/dev/null", "w");
    char *block = calloc(1, 3 * MIB);
    REQUIRE(block != NULL && nowhere != NULL);
    block[0] = 1;
    REQUIRE(malloc_info(0, nowhere) == 0);
    REQUIRE(fh_stats == NULL || fh_stats(&account) == 0);
    REQUIRE(fh_live == NULL || fh_live(1) == 0);
    free(block);
    fclose(nowhere);
}

/* A page that is asked for where it cannot be made is refused; with FREEHOLD_LIVE=14 a signal asks. */
static void ask_in_sandbox(void) {
    if (fh_live != NULL) {
        REQUIRE(fh_live(1) == -1 && errno == EPERM);
        REQUIRE(fh_live(0) == 0);
    }
}

static void start_timer(void) {
    const struct itimerval often = {.it_interval = {.tv_usec = 5000}, .it_value = {.tv_usec = 5000}};
    if (fh_live != NULL && getenv("FREEHOLD_LIVE") != NULL)
        REQUIRE(setitimer(ITIMER_REAL, &often, NULL) == 0);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "kill") == 0) {
        start_timer();
        close_sandbox(needed, COUNT(needed), SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS, true);
        ask_in_sandbox();
    } else if (argc == 3 && strcmp(argv[1], "deny") == 0) {
        unsigned error = (unsigned)atoi(argv[2]);
        run_threads();
        close_sandbox(dispensable, COUNT(dispensable), SECCOMP_RET_ERRNO | error, SECCOMP_RET_ALLOW, true);
    } else if (argc == 2 && strcmp(argv[1], "service") == 0) {
        close_sandbox(resources, COUNT(resources), SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW, false);
        tell_all();
        free_none();
    } else {
        return 2;
    }
    for (int i = 0; i < LIVES; i++) {
        run_threads();
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        check_and_free(atomic_exchange(&shelf[i], NULL));
    }
    malloc_trim(0);
    check_what_is_said(strcmp(argv[1], "deny") == 0);
    _exit(0);
}
