/* SPDX-License-Identifier: MIT
 *
 * What must hold in a thread or a child of a test, where cmocka's asserts cannot be used: they end the test
 * by a jump in the thread that runs it. */
#ifndef UNIT_REQUIRE_H
#define UNIT_REQUIRE_H

#include <stdio.h>
#include <stdlib.h>

#define require(condition)                                                                                   \
    ((condition)                                                                                             \
         ? (void)0                                                                                           \
         : (void)(fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition), abort()))

#endif
