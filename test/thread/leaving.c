/* SPDX-License-Identifier: MIT
 *
 * Threads that exit one after the other give back at once what they leave empty, though there is a
 * housekeeper and it would not do so for long. */
#include <pthread.h>
#include <stdlib.h>

#include "../conformance/probe.h"

#define MEMBERS    24
#define BLOCKS     8192
#define BLOCK      1000
#define RESIDENT   (48 * MIB) /* added; what all of them have is four times as much */
#define STATM_SIZE 128

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

static size_t resident(void) {
    char text[STATM_SIZE];
    unsigned long size, pages;
    FILE *statm = fopen("/proc/self/statm", "r");
    REQUIRE(statm != NULL && fgets(text, sizeof text, statm) != NULL);
    REQUIRE(sscanf(text, "%lu %lu", &size, &pages) == 2);
    fclose(statm);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

int main(void) {
    pthread_t member[MEMBERS];
    pthread_attr_t small;
    REQUIRE(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, 128 * KIB) == 0);
    REQUIRE(pthread_barrier_init(&all, NULL, MEMBERS) == 0);
    size_t start = resident();
    for (int i = 0; i < MEMBERS; i++)
        REQUIRE(pthread_create(&member[i], &small, live, NULL) == 0);
    for (int i = 0; i < MEMBERS; i++)
        REQUIRE(pthread_join(member[i], NULL) == 0);
    size_t end = resident();
    if (end > start + RESIDENT)
        probe_write(STDERR_FILENO, "%zu KiB added\n", (end - start) / KIB);
    return end > start + RESIDENT;
}
