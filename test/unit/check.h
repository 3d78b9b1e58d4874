/* SPDX-License-Identifier: MIT
 *
 * What the white-box tests share: cmocka, with the headers that it wants before it, and the page. */
#ifndef UNIT_CHECK_H
#define UNIT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "freehold.h"

#define PAGE 4096u /* bytes: the smallest page there is; the library itself counts in units */

/* Gives the thread an arena, and so fills the tables of size classes: a sanitizer's build has not done it for
 * cmocka. */
static inline int check_start(void **state) {
    (void)state;
    fh_free(fh_malloc(1));
    return 0;
}

#define TESTS(...)                                                                                           \
    int main(void) {                                                                                         \
        const struct CMUnitTest tests[] = {__VA_ARGS__};                                                     \
        return cmocka_run_group_tests(tests, check_start, NULL);                                             \
    }

#endif
