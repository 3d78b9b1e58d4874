/* SPDX-License-Identifier: MIT
 *
 * The headers of a test program made of cmocka tests. */
#ifndef UNIT_H
#define UNIT_H

#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "conformance/probe.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A realloc that must succeed. */
static inline void *resized(void *block, size_t size) {
    void *moved = realloc(block, size);
    assert_non_null(moved);
    assert_true(is_aligned(moved, 16));
    return moved;
}

#endif
