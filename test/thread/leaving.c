/* SPDX-License-Identifier: MIT
 *
 * Threads that exit one after the other give back at once what they leave empty, though there is a
 * housekeeper and it would not do so for long. */
#include <pthread.h>
#include <stdlib.h>

#include "../conformance/probe.h"

#define MEMBERS  24
#define BLOCKS   8192
#define BLOCK    1000
#define RESIDENT (48 * MIB) /* added; what all of them have is four times as much */

static pthread_barrier_t all;

static void *live(void *unused) {
    char *last = NULL;
    for (int i = 0; i < BLOCKS; i++) {
        char *block = malloc(BLOCK);
        REQUIRE(block != NULL);
        memset(block, 1, BLOCK);
        memcpy(block, &last, sizeof last);
        last = block;
    }
    pthread_barrier_wait(&all);
    for (char *block = last; block != NULL; block = last) {
        memcpy(&last, block, sizeof last);
        free(block);
    }
    return unused;
}

int main(void) {
    pthread_t member[MEMBERS];
    pthread_attr_t small;
    REQUIRE(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, 128 * KIB) == 0);
    REQUIRE(pthread_barrier_init(&all, NULL, MEMBERS) == 0);
    size_t start = resident_bytes();
    for (int i = 0; i < MEMBERS; i++)
        REQUIRE(pthread_create(&member[i], &small, live, NULL) == 0);
    for (int i = 0; i < MEMBERS; i++)
        REQUIRE(pthread_join(member[i], NULL) == 0);
    size_t end = resident_bytes();
    if (end > start + RESIDENT)
        probe_write(STDERR_FILENO, "%zu KiB added\n", (end - start) / KIB);
    return end > start + RESIDENT;
}
