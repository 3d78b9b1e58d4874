/* SPDX-License-Identifier: MIT
 *
 * The functions that set the value of a thread's key: a thread that calls them will run destructors, and is
 * watched from then on. */
#ifndef FREEHOLD_SANITIZED

#include <dlfcn.h>
#include <pthread.h>
#include <threads.h>

#include "arena/life.h"
#include "interpose.h"

typedef int (*set_value)(unsigned key, const void *value);

/* The C library's own. */
static int set(_Atomic(set_value) *own, const char *name, unsigned key, const void *value) {
    set_value call = atomic_load_explicit(own, memory_order_relaxed);
    if (unlikely(call == NULL)) {
        call = (set_value)(uintptr_t)dlsym(RTLD_NEXT, name);
        atomic_store_explicit(own, call, memory_order_relaxed);
    }
    return call(key, value);
}

static int set_pthread(pthread_key_t key, const void *value) {
    static _Atomic(set_value) own;
    if (unlikely(thread.state == THREAD_FRESH) && value != NULL)
        thread_watch();
    return set(&own, "pthread_setspecific", key, value);
}

static int set_tss(tss_t key, void *value) {
    static _Atomic(set_value) own;
    if (unlikely(thread.state == THREAD_FRESH) && value != NULL)
        thread_watch();
    return set(&own, "tss_set", key, value);
}

INTERPOSE_AS(int, pthread_setspecific, set_pthread, (pthread_key_t, const void *))
INTERPOSE_AS(int, tss_set, set_tss, (tss_t, void *))

#endif
