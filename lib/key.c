/* SPDX-License-Identifier: MIT
 *
 * The functions that set the value of a thread's key: a thread that calls them will run destructors, and is
 * watched from then on. */
#ifndef FREEHOLD_SANITIZED

#include <pthread.h>
#include <threads.h>

#include "arena/life.h"
#include "interpose.h"
#include "original.h"

typedef int (*set_value)(unsigned key, const void *value);

static int set(struct original *own, unsigned key, const void *value) {
    if (unlikely(thread.state == THREAD_FRESH) && value != NULL)
        thread_watch();
    return ((set_value)original_find(own))(key, value);
}

static int set_pthread(pthread_key_t key, const void *value) {
    ORIGINAL(own, "pthread_setspecific");
    return set(&own, key, value);
}

static int set_tss(tss_t key, void *value) {
    ORIGINAL(own, "tss_set");
    return set(&own, key, value);
}

INTERPOSE_AS(int, pthread_setspecific, set_pthread, (pthread_key_t, const void *))
INTERPOSE_AS(int, tss_set, set_tss, (tss_t, void *))

#endif
