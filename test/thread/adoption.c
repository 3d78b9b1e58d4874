/* SPDX-License-Identifier: MIT
 *
 * 30 threads at a time that leave live blocks behind when they exit; those that follow free them and allocate
 * the same size class, so that orphans are claimed and adopted all the time. Contents tell if two ever hold
 * one block. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "conformance/probe.h"

#define THREADS  30
#define WAVES    15
#define SHELF    20000
#define PER_WAVE 4000

struct book {
    size_t size;
    size_t seed;
};

/* Blocks whose threads may be long gone. */
static _Atomic(struct book *) shelf[SHELF];

/* Few classes, so that everybody wants everybody's slabs. */
static const size_t sizes[] = {48, 112, 640, 2048, 9000};

static struct book *write_book(uint64_t *random) {
    size_t size = sizes[random_next(random) % 5];
    struct book *book = malloc(size);
    REQUIRE(book != NULL);
    book->size = size;
    book->seed = random_next(random);
    block_fill(book + 1, size - sizeof(*book), book->seed);
    return book;
}

static void burn_book(struct book *book) {
    if (book) {
        REQUIRE(block_holds(book + 1, book->size - sizeof(*book), book->seed));
        memset(book, 0xee, book->size);
        free(book);
    }
}

static void *live(void *argument) {
    uint64_t random = (uint64_t)(uintptr_t)argument;
    for (int i = 0; i < PER_WAVE; i++) {
        struct book *book = random_next(&random) % 2 ? write_book(&random) : NULL;
        burn_book(atomic_exchange(&shelf[random_next(&random) % SHELF], book));
    }
    return NULL;
}

int main(void) {
    for (uintptr_t wave = 0; wave < WAVES; wave++) {
        pthread_t threads[THREADS];
        for (uintptr_t i = 0; i < THREADS; i++) {
            REQUIRE(pthread_create(&threads[i], NULL, live, (void *)(1 + wave * THREADS + i)) == 0);
        }
        for (uintptr_t i = 0; i < THREADS; i++) {
            REQUIRE(pthread_join(threads[i], NULL) == 0);
        }
    }
    struct fh_counts counters;
    if (read_counters(&counters)) {
        probe_write(STDOUT_FILENO, "orphans %zu, claims %zu, adoptions %zu\n", (size_t)counters.orphans,
                    (size_t)counters.claims, (size_t)counters.adoptions);
        /* The test is worth nothing if threads do not inherit. */
        REQUIRE(counters.orphans > WAVES && counters.adoptions > WAVES);
    }
    for (size_t i = 0; i < SHELF; i++) {
        burn_book(atomic_exchange(&shelf[i], NULL));
    }
    check_invariants();
    return 0;
}
