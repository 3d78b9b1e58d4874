/* SPDX-License-Identifier: MIT */
#include "phase.h"

static pthread_barrier_t all_workers;
static double entered[THREADS_MAX]; /* by worker: when it began its part; the worker's */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static double slowest; /* part of the phase that is ending, in seconds; under the lock */

void phases_set_up(void) {
    pthread_barrier_init(&all_workers, NULL, (unsigned)stress.threads);
    for (uint64_t i = 0; i < stress.threads; i++) {
        entered[i] = stress_clock();
    }
}

/* Parts are measured by whoever runs them: how long others take to wake up is no part of a phase. */
void phase_end(const struct worker *worker, struct phase *phase) {
    double part = stress_clock() - entered[worker->number];
    pthread_mutex_lock(&lock);
    slowest = part > slowest ? part : slowest;
    pthread_mutex_unlock(&lock);
    pthread_barrier_wait(&all_workers);
    if (worker->number == 0) {
        if (phase != NULL) {
            phase->seconds += slowest;
            phase->rss_kib = stress_rss_kib();
        }
        slowest = 0;
    }
    pthread_barrier_wait(&all_workers);
    entered[worker->number] = stress_clock();
}
