/* SPDX-License-Identifier: MIT
 *
 * A thread that runs one task at a time while whoever gave it waits: so a test acts as several threads and
 * arenas in an order of its choice, and may look at all of them between two tasks. */
#ifndef UNIT_WORKER_H
#define UNIT_WORKER_H

#include "thread.h"

typedef void task(void *argument);

struct worker {
    pthread_t id;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    task *next;            /* lock: what to run, NULL when it is done */
    void *argument;        /* lock */
    bool ending;           /* lock */
    struct thread *locals; /* its thread-local storage */
};

void worker_start(struct worker *worker);

/* Runs a task on the worker and waits until it is done. */
void worker_run(struct worker *worker, task *next, void *argument);

/* Lets the thread exit, and waits for it. */
void worker_stop(struct worker *worker);

/* Runs a task on a thread of its own. */
void run_alone(task *next, void *argument);

/* Blocks that a worker allocates or frees. */
struct blocks {
    size_t size;
    size_t count;
    void **at;
};

void allocate_blocks(void *blocks);
void free_blocks(void *blocks);

/* Pushes the outbox, drains the inbox, and returns the caches and the empty slabs. */
void trim(void *unused);

#endif
