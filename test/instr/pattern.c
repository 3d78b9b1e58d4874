/* SPDX-License-Identifier: MIT
 *
 * pattern NAME OPERATIONS: mallocs and frees in a pattern, for counting the instructions of the difference of
 * two runs. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SIZE   64
#define BURST  1000
#define SLOTS  1000
#define HANDED 10000

static void pair(size_t operations) {
    for (size_t i = 0; i < operations; i++)
        free(malloc(SIZE));
}

static void burst(size_t operations) {
    static void *blocks[BURST];
    for (size_t done = 0; done < operations; done += BURST) {
        for (size_t i = 0; i < BURST; i++)
            blocks[i] = malloc(SIZE);
        for (size_t i = 0; i < BURST; i++)
            free(blocks[i]);
    }
}

static void mixed(size_t operations) {
    static void *blocks[SLOTS];
    uint64_t random = 88172645463325252u;
    for (size_t i = 0; i < operations; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        void **block = &blocks[(random >> 32) % SLOTS];
        free(*block);
        *block = malloc(16 + (random & 1023));
    }
}

static void *handed[HANDED];

static void *free_handed(void *unused) {
    for (size_t i = 0; i < HANDED; i++)
        free(handed[i]);
    return unused;
}

static void remote(size_t operations) {
    for (size_t done = 0; done < operations; done += HANDED) {
        pthread_t thread;
        for (size_t i = 0; i < HANDED; i++)
            handed[i] = malloc(SIZE);
        if (pthread_create(&thread, NULL, free_handed, NULL) != 0)
            abort();
        pthread_join(thread, NULL);
    }
}

static const struct {
    const char *name;
    void (*run)(size_t operations);
} patterns[] = {{"pair", pair}, {"burst", burst}, {"mixed", mixed}, {"remote", remote}};

int main(int count, char **arguments) {
    for (size_t i = 0; count == 3 && i < sizeof patterns / sizeof *patterns; i++)
        if (strcmp(arguments[1], patterns[i].name) == 0) {
            patterns[i].run(strtoul(arguments[2], NULL, 10));
            return 0;
        }
    return 2;
}
