/* SPDX-License-Identifier: MIT
 *
 * The mutexes of the cold paths. A thread that is in fork holds them all, and may still allocate and free, in
 * the program's own fork handlers: to it they are open. Each thread knows how many it has, or is about to
 * have, for a signal handler may interrupt it and fork. */
#ifndef FREEHOLD_LOCK_H
#define FREEHOLD_LOCK_H

#include "thread.h"

static inline void lock_take(pthread_mutex_t *lock) {
    if (unlikely(thread.state == THREAD_FORKING))
        return;
    thread.locks++;
    pthread_mutex_lock(lock);
}

/* Not for a thread that is in fork. */
static inline bool lock_try(pthread_mutex_t *lock) {
    thread.locks++;
    bool taken = pthread_mutex_trylock(lock) == 0;
    if (!taken)
        thread.locks--;
    return taken;
}

static inline void lock_give(pthread_mutex_t *lock) {
    if (unlikely(thread.state == THREAD_FORKING))
        return;
    pthread_mutex_unlock(lock);
    thread.locks--;
}

#endif
