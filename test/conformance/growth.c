/* SPDX-License-Identifier: MIT
 *
 * A huge block grows and shrinks in place or by moving its pages: a copy would show as page faults. */
#include <sys/resource.h>

#include "conformance/unit.h"

#define TOUCHED (256 * MIB)
#define STEPS   200

static size_t minor_faults(void) {
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (size_t)usage.ru_minflt;
}

static void huge_realloc_does_not_copy(void **state) {
    (void)state;
    size_t size = TOUCHED;
    unsigned char *block = malloc(size);
    assert_non_null(block);
    memset(block, 0x5a, size);
    size_t faults = minor_faults();
    for (size_t step = 1; step <= STEPS; step++) {
        /* By a page each, then by ever more, so that the block must move some time. */
        size += step <= STEPS / 2 ? 4 * KIB : step * 64 * KIB;
        block = resized(block, size);
        block[size - 1] = 0x5a;
    }
    while (size > TOUCHED) {
        size -= MIB < size - TOUCHED ? MIB : size - TOUCHED;
        block = resized(block, size);
    }
    faults = minor_faults() - faults;
    assert_true(block_is_all(block, TOUCHED, 0x5a));
    free(block);
    /* The page written at each step, and some of the allocator's own; a single copy is 65536. */
    assert_in_range(faults, 1, 2000);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(huge_realloc_does_not_copy)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
