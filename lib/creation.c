/* SPDX-License-Identifier: MIT
 *
 * The functions that make a thread: a process that calls one gets a housekeeper, and who calls one lets go of
 * what the new thread may free. */
#ifndef FREEHOLD_SANITIZED

#include <threads.h>

#include "arena/arena.h"
#include "interpose.h"
#include "original.h"
#include "superslab/housekeeper.h"

/* The C library's own. */
static thread_create find_create(void) {
    ORIGINAL(own, "pthread_create");
    return (thread_create)original_find(&own);
}

/* After the program's own thread, which may be the last one that the kernel allows. */
static int create_pthread(pthread_t *id, const pthread_attr_t *attributes, void *(*function)(void *),
                          void *argument) {
    originals_find();
    arena_before_thread();
    int error = find_create()(id, attributes, function, argument);
    if (error == 0)
        housekeeper_start(find_create());
    return error;
}

typedef int (*create_function)(thrd_t *id, thrd_start_t function, void *argument);

static int create_thrd(thrd_t *id, thrd_start_t function, void *argument) {
    ORIGINAL(own, "thrd_create");
    originals_find();
    arena_before_thread();
    create_function call = (create_function)original_find(&own);
    int result = call(id, function, argument);
    if (result == thrd_success)
        housekeeper_start(find_create());
    return result;
}

INTERPOSE_AS(int, pthread_create, create_pthread,
             (pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))
INTERPOSE_AS(int, thrd_create, create_thrd, (thrd_t *, thrd_start_t, void *))

#endif
