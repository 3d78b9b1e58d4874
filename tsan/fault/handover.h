/* SPDX-License-Identifier: MIT
 *
 * Two threads with one block: the first acts on it, and then the second. */
#ifndef FAULT_HANDOVER_H
#define FAULT_HANDOVER_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "freehold.h"

typedef void act(void *block);

static void *handed;
static atomic_bool first_done;
static act *second_act;
static memory_order second_order;

static inline void *run_second(void *argument) {
    while (!atomic_load_explicit(&first_done, second_order))
        sched_yield();
    second_act(handed);
    return argument;
}

/* The second thread sees that the first is done, and sees what the first did if order is acquire. */
static inline void hand_over(size_t size, act *first, act *second, memory_order order) {
    pthread_t thread;
    handed = fh_calloc(1, size);
    second_act = second;
    second_order = order;
    if (handed == NULL || pthread_create(&thread, NULL, run_second, NULL) != 0)
        abort();
    first(handed);
    atomic_store_explicit(&first_done, true,
                          order == memory_order_relaxed ? memory_order_relaxed : memory_order_release);
    pthread_join(thread, NULL);
}

/* What the faults are made of. */
static inline void touch_not(void *block) {
    (void)block;
}

static inline void read_block(void *block) {
    if (((volatile char *)block)[40] != 0)
        abort();
}

static inline void write_block(void *block) {
    ((volatile char *)block)[40] = 1;
}

static inline void free_block(void *block) {
    fh_free(block);
}

#endif
