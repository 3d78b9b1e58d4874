/* SPDX-License-Identifier: MIT
 *
 * What pthread_atfork calls. The C library may allocate with the lock of its table of handlers, which fork
 * takes after our own handler, when that has all our locks: so no handler is registered in between. */
#ifndef FREEHOLD_SANITIZED

#include <dlfcn.h>

#include "arena/arena.h"
#include "interpose.h"
#include "lock.h"

typedef void (*fork_handler)(void);
typedef int (*handlers_function)(fork_handler prepare, fork_handler parent, fork_handler child, void *object);

static int register_handlers(fork_handler prepare, fork_handler parent, fork_handler child, void *object) {
    static _Atomic(handlers_function) own;
    handlers_function call = atomic_load_explicit(&own, memory_order_relaxed);
    if (unlikely(call == NULL)) {
        call = (handlers_function)(uintptr_t)dlsym(RTLD_NEXT, "__register_atfork");
        atomic_store_explicit(&own, call, memory_order_relaxed);
    }
    lock_take(&handlers_lock);
    int error = call(prepare, parent, child, object);
    lock_give(&handlers_lock);
    return error;
}

INTERPOSE_AS(int, __register_atfork, register_handlers, (fork_handler, fork_handler, fork_handler, void *))

#endif
