/* SPDX-License-Identifier: MIT
 *
 * In the child of a fork, frees of blocks whose owner does not exist there succeed, and nobody claims their
 * slabs: the owner may have been in the middle of an edit. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "freehold.h"

#define BLOCKS 1000

static void *blocks[BLOCKS];
static pthread_barrier_t filled, forked;

static void *own(void *argument) {
    for (int i = 0; i < BLOCKS; i++)
        if ((blocks[i] = fh_malloc(100)) == NULL)
            abort();
    pthread_barrier_wait(&filled);
    pthread_barrier_wait(&forked);
    return argument;
}

static int live_as_child(void) {
    struct fh_counts counts;
    for (int i = 0; i < BLOCKS; i++)
        fh_free(blocks[i]);
    for (int i = 0; i < BLOCKS; i++)
        if (fh_malloc(100) == NULL)
            abort();
    fh_check();
    fh_counters(&counts);
    if (counts.claims == 0 && counts.adoptions == 0)
        return 0;
    fprintf(stderr, "frozen: %llu slabs claimed and %llu adopted in the child\n",
            (unsigned long long)counts.claims, (unsigned long long)counts.adoptions);
    return 1;
}

int main(void) {
    pthread_t owner;
    int status = 1;
    pthread_barrier_init(&filled, NULL, 2);
    pthread_barrier_init(&forked, NULL, 2);
    if (pthread_create(&owner, NULL, own, NULL) != 0)
        abort();
    pthread_barrier_wait(&filled);
    pid_t child = fork();
    if (child == 0)
        _exit(live_as_child());
    if (child < 0 || waitpid(child, &status, 0) != child)
        abort();
    pthread_barrier_wait(&forked);
    pthread_join(owner, NULL);
    return status == 0 ? 0 : 1;
}
