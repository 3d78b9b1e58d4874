/* SPDX-License-Identifier: MIT
 *
 * Threads allocate, hand blocks on and exit, while another one takes the account again and again: it adds up
 * each time. usage: account [SECONDS]. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "freehold.h"

#define WORKERS 3u
#define BLOCKS  400u

static const size_t sizes[] = {32, 700, 9000, 100000, 3000000};
static _Atomic(void *) shelf[BLOCKS];
static atomic_bool is_over;

/* Each takes what another one has left, frees it, and leaves a block of its own. */
static void *work(void *seed) {
    uint32_t state = (uint32_t)(uintptr_t)seed;
    for (unsigned i = 0; i < 4 * BLOCKS; i++) {
        state = state * 1664525u + 1013904223u;
        size_t size = sizes[(state >> 8) % (i % 64 == 0 ? 5 : 3)];
        char *block = fh_malloc(size);
        if (block == NULL)
            abort();
        block[0] = block[size - 1] = 1;
        fh_free(atomic_exchange(&shelf[(state >> 16) % BLOCKS], block));
    }
    return NULL;
}

static void *churn(void *seed) {
    while (!atomic_load(&is_over)) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, work, seed) != 0 || pthread_join(thread, NULL) != 0)
            abort();
    }
    return NULL;
}

static void look(void) {
    struct fh_account account;
    if (fh_stats(&account) != 0)
        abort();
    uint64_t sum = account.live + account.rounding + account.cached + account.in_flight +
                   account.partly_used + account.free_units + account.kept + account.quarantine +
                   account.samples + account.metadata + account.huge_page_swell;
    if (sum != account.resident || account.resident == 0)
        abort();
}

int main(int argc, char **argv) {
    pthread_t threads[WORKERS];
    time_t end = time(NULL) + (argc > 1 ? (time_t)strtoul(argv[1], NULL, 10) : 2);
    for (uintptr_t i = 0; i < WORKERS; i++)
        if (pthread_create(&threads[i], NULL, churn, (void *)(i + 1)) != 0)
            return 1;
    do
        look();
    while (time(NULL) < end);
    atomic_store(&is_over, true);
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
