/* SPDX-License-Identifier: MIT
 *
 * The mutexes of the cold paths. A thread that is in fork holds them all, and may still allocate and free, in
 * the program's own fork handlers: to it they are open. */
#ifndef FREEHOLD_LOCK_H
#define FREEHOLD_LOCK_H

#include "thread.h"

static inline void lock_take(pthread_mutex_t *lock) {
    if (likely(thread.state != THREAD_FORKING))
        pthread_mutex_lock(lock);
}

static inline void lock_give(pthread_mutex_t *lock) {
    if (likely(thread.state != THREAD_FORKING))
        pthread_mutex_unlock(lock);
}

#endif
