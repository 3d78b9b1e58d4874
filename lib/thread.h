/* SPDX-License-Identifier: MIT
 *
 * What a thread keeps in thread-local storage, and the arena of those that have none. */
#ifndef FREEHOLD_THREAD_H
#define FREEHOLD_THREAD_H

#include "types.h"

enum thread_phase {
    THREAD_FRESH,       /* has not allocated yet */
    THREAD_RUNNING,     /* has an arena */
    THREAD_REGISTERING, /* is inside liburcu, which may allocate with its locks held */
    THREAD_EXITED       /* has given its arena back */
};

extern __attribute__((visibility("hidden"))) __thread struct thread thread;

/* An arena that owns nothing: the fast paths need no test for a thread that has none. */
extern struct arena empty_arena;

/* The arena of threads that have none, shared under late_lock. */
extern struct arena late_arena;
extern pthread_mutex_t late_lock;

/* Held while a thread registers, so that a fork does not copy liburcu's locks in a locked state. */
extern pthread_mutex_t register_lock;

#endif
