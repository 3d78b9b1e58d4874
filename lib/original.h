/* SPDX-License-Identifier: MIT
 *
 * The C library's own functions, behind those that we replace or find late. Looking for one takes the lock of
 * the loader, which a thread holds while it runs an object's constructors; those may wait for whoever looks.
 * So all are found before the program's first thread is made: until then nobody else can have it. */
#ifndef FREEHOLD_ORIGINAL_H
#define FREEHOLD_ORIGINAL_H

#include <stdatomic.h>
#include <stdint.h>

#include "types.h"

struct original {
    _Atomic uintptr_t address; /* atomic: 0 until it is looked for; all find the same */
    char name[56];             /* constant */
};

static_assert(sizeof(struct original) == 64, "a table of them has no holes");

/* A variable in the table of all. */
/* NOLINTBEGIN(bugprone-macro-parentheses): a string in them does not initialise an array */
#define ORIGINAL(variable, function)                                                                         \
    static struct original variable                                                                          \
        __attribute__((section("originals"), used, aligned(64))) = {.name = function}
/* NOLINTEND(bugprone-macro-parentheses) */

uintptr_t original_look_for(struct original *original);

static inline uintptr_t original_find(struct original *original) {
    uintptr_t address = atomic_load_explicit(&original->address, memory_order_relaxed);
    return likely(address != 0) ? address : original_look_for(original);
}

/* Finds all of them. */
void originals_find(void);

#endif
