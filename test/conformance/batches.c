/* SPDX-License-Identifier: MIT
 *
 * Batches of blocks of a few size classes at a time, which fight over the quotas of the thread's caches:
 * after each batch, and within some, every invariant holds, among them that no cache has more than it may. */
#include <stdlib.h>

#include "conformance/probe.h"

#define KEPT   2000 /* blocks of a class at most */
#define ROUNDS 1500

enum { CLASSES = 4, OTHERS = 9 };

static const size_t sizes[CLASSES] = {10240, 12000, 14000, 16384};
static const size_t other_sizes[OTHERS] = {4096, 5000, 6000, 7000, 8192, 20000, 24000, 28000, 32768};

static void *blocks[CLASSES][KEPT];
static size_t counts[CLASSES];
static uint64_t seed = 2;

static size_t below(size_t limit) {
    return random_next(&seed) % limit;
}

static void allocate(size_t class, size_t count) {
    for (size_t i = 0; i < count && counts[class] < KEPT; i++) {
        void *block = malloc(sizes[class]);
        REQUIRE(block != NULL);
        blocks[class][counts[class]++] = block;
    }
}

static void release(size_t class, size_t count) {
    for (size_t i = 0; i < count && counts[class] > 0; i++) {
        free(blocks[class][--counts[class]]);
    }
}

static void allocate_and_release(size_t class, size_t count) {
    for (size_t i = 0; i < count; i++) {
        void *block = malloc(sizes[class]);
        REQUIRE(block != NULL);
        free(opaque_pointer(block));
    }
}

/* Leaves the class's caches in any state. */
static void work(size_t class) {
    size_t wanted = 300 + below(400);
    allocate(class, wanted - (counts[class] < wanted ? counts[class] : wanted));
    release(class, below(300));
    allocate_and_release(class, below(80));
    allocate(class, below(64));
}

static void release_slowly(size_t class) {
    allocate(class, 1 + below(2) * below(64));
    for (int i = 0; i < 150; i++) {
        release(class, 1);
        check_invariants();
    }
}

int main(void) {
    static void *others[100];
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t class = 0; class < CLASSES; class ++) {
            work(class);
        }
        check_invariants();
        size_t size = other_sizes[below(OTHERS)], count = below(100);
        for (size_t i = 0; i < count; i++) {
            others[i] = malloc(size);
            REQUIRE(others[i] != NULL);
        }
        for (size_t class = 0; class < CLASSES; class ++) {
            release_slowly(class);
        }
        for (size_t i = 0; i < count; i++) {
            free(others[i]);
        }
        check_invariants();
    }
    return 0;
}
