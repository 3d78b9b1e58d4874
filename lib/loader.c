/* SPDX-License-Identifier: MIT
 *
 * dlopen without RTLD_DEEPBIND. An object that is loaded with that flag is bound to the C library's free
 * before ours, and would give it what strdup and others, which call ours, have allocated. */
#ifndef FREEHOLD_SANITIZED

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "interpose.h"

typedef void *(*open_function)(const char *file, int flags);

static void *open_object(const char *file, int flags) {
    static _Atomic(open_function) own;
    open_function call = atomic_load_explicit(&own, memory_order_relaxed);
    if (__builtin_expect(call == NULL, 0)) {
        call = (open_function)(uintptr_t)dlsym(RTLD_NEXT, "dlopen");
        atomic_store_explicit(&own, call, memory_order_relaxed);
    }
    /* A jump, for the C library looks at who called: it searches the caller's own paths. */
    return call(file, flags & ~RTLD_DEEPBIND);
}

INTERPOSE_AS(void *, dlopen, open_object, (const char *, int))

#endif
