/* SPDX-License-Identifier: MIT
 *
 * A thread is stopped after each instruction of some calls, and the process forks. A child takes over those
 * of the thread's slabs that are whole, and checks all that it has then. The calls take no locks, for which a
 * fork would wait. */
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "freehold.h"

#define BLOCKS   3000 /* some slabs */
#define SIZE     40
#define STEPS    3000 /* instructions that are looked at; the first calls free */
#define WATCHDOG 60   /* seconds */

static int stopped[2], go_on[2]; /* pipes: a byte for each instruction */
static void *blocks[BLOCKS], *fresh[2];

static void pass(int file) {
    if (write(file, "", 1) != 1)
        abort();
}

/* false if the other has come to its end. */
static bool wait_for(int file) {
    char byte;
    return read(file, &byte, 1) == 1;
}

static void stop(int signal) {
    (void)signal;
    pass(stopped[1]);
    if (!wait_for(go_on[0]))
        abort();
}

/* The processor's trap flag; the compiler may have something below the stack pointer. */
static void trace_start(void) {
    __asm__ volatile("lea -128(%%rsp), %%rsp\n pushfq\n orq $0x100, (%%rsp)\n popfq\n lea 128(%%rsp), %%rsp"
                     :
                     :
                     : "cc", "memory");
}

static void trace_end(void) {
    __asm__ volatile("lea -128(%%rsp), %%rsp\n pushfq\n andq $~0x100, (%%rsp)\n popfq\n lea 128(%%rsp), %%rsp"
                     :
                     :
                     : "cc", "memory");
}

/* A slab of its own loses blocks and gets them, one that it has let go too, and a new one is made. */
static void *edit(void *unused) {
    for (int i = 0; i < BLOCKS; i++)
        if ((blocks[i] = fh_malloc(SIZE)) == NULL)
            abort();
    trace_start();
    fh_free(blocks[BLOCKS - 1]);
    fh_free(blocks[BLOCKS - 2]);
    blocks[BLOCKS - 1] = fh_malloc(SIZE);
    blocks[BLOCKS - 2] = fh_malloc(SIZE);
    fh_free(blocks[0]);
    blocks[0] = fh_malloc(SIZE);
    fresh[0] = fh_malloc(2 * SIZE);
    fresh[1] = fh_malloc(2 * SIZE);
    fh_free(fresh[1]);
    fh_free(fresh[0]);
    trace_end();
    close(stopped[1]);
    return unused;
}

/* What is free in slabs that it has claimed is handed out, and checked before and after. */
static void live_as_child(void) {
    alarm(WATCHDOG);
    fh_malloc_trim(0);
    fh_check();
    for (int i = 0; i < BLOCKS / 100; i++)
        if (fh_malloc(SIZE) == NULL || fh_malloc(2 * SIZE) == NULL)
            abort();
    fh_check();
}

static bool child_lives(void) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        live_as_child();
        _exit(0);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

int main(int argc, char **argv) {
    (void)argc;
    const struct sigaction action = {.sa_handler = stop};
    pthread_t editor;
    /* Every call is an edit, where there are no caches. The options are read at start. */
    if (getenv("FREEHOLD_GUARD") == NULL) {
        setenv("FREEHOLD_GUARD", "2", 1);
        setenv("FREEHOLD_QUARANTINE", "0", 1);
        execv("/proc/self/exe", argv);
        abort();
    }
    alarm(WATCHDOG);
    if (pipe(stopped) != 0 || pipe(go_on) != 0 || sigaction(SIGTRAP, &action, NULL) != 0 ||
        pthread_create(&editor, NULL, edit, NULL) != 0)
        abort();
    unsigned long steps = 0;
    for (; steps < STEPS && wait_for(stopped[0]); steps++) {
        if (!child_lives()) {
            fprintf(stderr, "frozen: a child does not live when a thread is stopped at step %lu\n", steps);
            return 1;
        }
        pass(go_on[1]);
    }
    return 0;
}
