/* SPDX-License-Identifier: MIT */
#include "worker.h"

#include "arena/arena.h"
#include "freehold.h"
#include "require.h"

static void *work(void *argument) {
    struct worker *worker = argument;
    pthread_mutex_lock(&worker->lock);
    while (!worker->ending) {
        if (worker->next == NULL) {
            pthread_cond_wait(&worker->changed, &worker->lock);
            continue;
        }
        worker->next(worker->argument);
        worker->next = NULL;
        pthread_cond_broadcast(&worker->changed);
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

static void tell_locals(void *worker) {
    ((struct worker *)worker)->locals = &thread;
}

void worker_start(struct worker *worker) {
    *worker = (struct worker){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    require(pthread_create(&worker->id, NULL, work, worker) == 0);
    worker_run(worker, tell_locals, worker);
}

void worker_run(struct worker *worker, task *next, void *argument) {
    pthread_mutex_lock(&worker->lock);
    worker->next = next;
    worker->argument = argument;
    pthread_cond_broadcast(&worker->changed);
    while (worker->next != NULL)
        pthread_cond_wait(&worker->changed, &worker->lock);
    pthread_mutex_unlock(&worker->lock);
}

void worker_stop(struct worker *worker) {
    pthread_mutex_lock(&worker->lock);
    worker->ending = true;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
    require(pthread_join(worker->id, NULL) == 0);
}

void run_alone(task *next, void *argument) {
    struct worker worker;
    worker_start(&worker);
    worker_run(&worker, next, argument);
    worker_stop(&worker);
}

void allocate_blocks(void *blocks) {
    struct blocks *wanted = blocks;
    for (size_t i = 0; i < wanted->count; i++)
        require((wanted->at[i] = fh_malloc(wanted->size)) != NULL);
}

void free_blocks(void *blocks) {
    const struct blocks *unwanted = blocks;
    for (size_t i = 0; i < unwanted->count; i++)
        fh_free(unwanted->at[i]);
}

void trim(void *unused) {
    (void)unused;
    arena_trim();
}
