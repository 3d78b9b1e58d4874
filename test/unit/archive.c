/* SPDX-License-Identifier: MIT
 *
 * A program that links the static library as any program does has the library's constructor too: its
 * environment sets an option, which is to be seen. */
#include "check.h"

#include <stdlib.h>

#include "config.h"
#include "freehold.h"

static void options_are_read(void **state) {
    (void)state;
    const char *value = getenv("FREEHOLD_KEEP_SUPERSLABS");
    fh_free(fh_malloc(1));
    assert_true(value != NULL && config.keep_superslabs == strtoul(value, NULL, 10));
}

TESTS(cmocka_unit_test(options_are_read))
