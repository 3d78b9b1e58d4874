/* SPDX-License-Identifier: MIT
 *
 * What the programs with one bug each share. `PROGRAM` lists its bugs, `PROGRAM NAME` has that bug: it writes
 * the address that it misuses to standard output and then does what such a program would do next. It ends
 * with status 0 if nobody stops it. scripts/misuse runs them all. */
#ifndef BUG_H
#define BUG_H

#include <pthread.h>
#include <stdlib.h>

#include "conformance/probe.h"

#define SMALL  ((size_t)40)
#define MEDIUM ((size_t)2000)
#define LARGE  (100 * KIB)
#define HUGE   (5 * MIB)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct bug {
    const char *name;
    const char *what;                         /* what the program does wrong */
    void (*have)(size_t size, size_t amount); /* does it, to a block of the size */
    size_t size, amount;
    /* At guard levels 0, 1 and 2: the name of a message in messages.txt, or of several, separated by |;
     * silent; crashed; unseen (one of these two); missed (is not caught every time, and should be); any. */
    const char *expected;
};

/* A block that has been written, of which the compiler knows nothing. */
static inline char *make(size_t size) {
    void *block = malloc(size);
    REQUIRE(block != NULL);
    memset(block, 1, size);
    return (char *)opaque_pointer(block);
}

/* Says which address is about to be misused. The block is not what is freed, to the compiler and the linters.
 */
static inline void *note(const void *address) {
    probe_write(STDOUT_FILENO, "%p\n", address);
    return opaque_pointer((void *)(uintptr_t)address);
}

static inline void release(void *block) {
    free(opaque_pointer(block));
}

/* The work of a program that has not noticed anything. */
static inline void carry_on(size_t size) {
    enum { ROUNDS = 3, BLOCKS = 64 };
    size_t blocks_now = size > MIB ? 4 : BLOCKS;
    for (int round = 0; round < ROUNDS; round++) {
        void *blocks[BLOCKS];
        for (size_t i = 0; i < blocks_now; i++) {
            blocks[i] = make(size);
        }
        for (size_t i = 0; i < blocks_now; i++) {
            release(blocks[i]);
        }
    }
}

static inline void run_in_thread(void *(*function)(void *), void *argument) {
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, function, argument) == 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
}

static inline void *free_in_thread(void *block) {
    release(block);
    return NULL;
}

static inline int bug_main(const struct bug *bugs, size_t count, int argc, char **argv) {
    for (size_t i = 0; i < count; i++) {
        if (argc == 1) {
            probe_write(STDOUT_FILENO, "%s\t%s\t%s\n", bugs[i].name, bugs[i].what, bugs[i].expected);
        } else if (strcmp(argv[1], bugs[i].name) == 0) {
            bugs[i].have(bugs[i].size, bugs[i].amount);
            return 0;
        }
    }
    return argc == 1 ? 0 : 2;
}

#endif
