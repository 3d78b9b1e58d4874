/* SPDX-License-Identifier: MIT
 *
 * What pthread_atfork calls. The C library may allocate with the lock of its table of handlers, which fork
 * takes after our own handler, when that has all our locks: so no handler is registered in between. */
#ifndef FREEHOLD_SANITIZED

#include "arena/arena.h"
#include "interpose.h"
#include "lock.h"
#include "original.h"

typedef void (*fork_handler)(void);
typedef int (*handlers_function)(fork_handler prepare, fork_handler parent, fork_handler child, void *object);

static int register_handlers(fork_handler prepare, fork_handler parent, fork_handler child, void *object) {
    ORIGINAL(own, "__register_atfork");
    handlers_function call = (handlers_function)original_find(&own);
    lock_take(&handlers_lock);
    int error = call(prepare, parent, child, object);
    lock_give(&handlers_lock);
    return error;
}

/* What the start files would have, which make the loader bind four names more. */
extern __attribute__((visibility("hidden"))) void *__dso_handle;
void *__dso_handle = &__dso_handle;

INTERPOSE_AS(int, __register_atfork, register_handlers, (fork_handler, fork_handler, fork_handler, void *))

#endif
