/* SPDX-License-Identifier: MIT
 *
 * dlopen without RTLD_DEEPBIND. An object that is loaded with that flag is bound to the C library's free
 * before ours, and would give it what strdup and others, which call ours, have allocated. */
#ifndef FREEHOLD_SANITIZED

#include <dlfcn.h>

#include "interpose.h"
#include "original.h"

typedef void *(*open_function)(const char *file, int flags);

static void *open_object(const char *file, int flags) {
    ORIGINAL(own, "dlopen");
    open_function call = (open_function)original_find(&own);
    /* A jump, for the C library looks at who called: it searches the caller's own paths. */
    return call(file, flags & ~RTLD_DEEPBIND);
}

INTERPOSE_AS(void *, dlopen, open_object, (const char *, int))

#endif
