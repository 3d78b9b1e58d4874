/* SPDX-License-Identifier: MIT
 *
 * Alignments: every valid one to 1 GiB, and what the invalid ones are answered with. */
#include "conformance/unit.h"

#define LIVE 24

/* Odd strides: the alignment must come from the address, not from the size of the block. */
static const size_t odd_sizes[] = {1, 17, 33, 100, 511, 513, 1000, 1025, 3000, 5000, 9001, 33000, 70001};

static void *posix_memaligned(size_t alignment, size_t size) {
    void *block = NULL;
    return posix_memalign(&block, alignment, size) == 0 ? block : NULL;
}

static void *(*const aligned[])(size_t, size_t) = {aligned_alloc, memalign, posix_memaligned};

static void alignments_times_sizes(void **state) {
    (void)state;
    for (size_t alignment = 8; alignment <= 8 * MIB; alignment <<= 1) {
        for (size_t s = 0; s < COUNT(odd_sizes); s++) {
            void *blocks[LIVE];
            for (size_t i = 0; i < LIVE; i++) {
                blocks[i] = aligned[i % COUNT(aligned)](alignment, odd_sizes[s]);
                assert_non_null(blocks[i]);
                assert_true(is_aligned(blocks[i], alignment));
                assert_true(is_aligned(blocks[i], 16));
                assert_true(malloc_usable_size(blocks[i]) >= odd_sizes[s]);
                block_fill(blocks[i], odd_sizes[s], i);
            }
            for (size_t i = 0; i < LIVE; i++) {
                size_t mixed = i * 7 % LIVE;
                assert_true(block_holds(blocks[mixed], odd_sizes[s], mixed));
                free(blocks[mixed]);
            }
        }
    }
}

static void alignments_to_a_gibibyte(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 100 * KIB, 3 * MIB};
    for (size_t alignment = 16 * MIB; alignment <= GIB; alignment <<= 1) {
        for (size_t s = 0; s < COUNT(sizes); s++) {
            for (size_t f = 0; f < COUNT(aligned); f++) {
                unsigned char *block = aligned[f](alignment, sizes[s]);
                assert_non_null(block);
                assert_true(is_aligned(block, alignment));
                block[0] = 1;
                block[sizes[s] - 1] = 1;
                free(block);
            }
        }
    }
}

static const size_t no_powers[] = {0, 3, 24, 48, 4095, 4097, SIZE_MAX / 2 + 2, SIZE_MAX};

/* For POSIX a power of two is not enough: it must be a multiple of a pointer's size. */
static void posix_memalign_is_einval(void **state) {
    (void)state;
    void *untouched = &untouched;
    errno = 4711;
    for (size_t i = 0; i < COUNT(no_powers); i++) {
        assert_int_equal(posix_memalign(&untouched, opaque_size(no_powers[i]), 100), EINVAL);
    }
    for (size_t alignment = 1; alignment < sizeof(void *); alignment <<= 1) {
        assert_int_equal(posix_memalign(&untouched, alignment, 100), EINVAL);
    }
    assert_int_equal(errno, 4711);
    assert_ptr_equal(untouched, &untouched);
}

/* As in glibc since 2.38. */
static void aligned_alloc_is_einval(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(no_powers); i++) {
        errno = 0;
        assert_null(aligned_alloc(opaque_size(no_powers[i]), 100));
        assert_int_equal(errno, EINVAL);
    }
}

static void memalign_rounds_up(void **state) {
    (void)state;
    static const size_t rounded[][2] = {{0, 16}, {3, 16}, {24, 32}, {33, 64}, {100, 128}, {4097, 8192}};
    for (size_t i = 0; i < COUNT(rounded); i++) {
        for (size_t n = 0; n < 32; n++) {
            void *block = memalign(opaque_size(rounded[i][0]), 40);
            assert_non_null(block);
            assert_true(is_aligned(block, rounded[i][1]));
            free(block);
        }
    }
    errno = 0;
    assert_null(memalign(opaque_size(SIZE_MAX / 2 + 2), 100));
    assert_int_equal(errno, EINVAL);
}

static void pages(void **state) {
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t size = 1; size < 100000; size = size * 3 + 1) {
        void *block = valloc(size);
        assert_non_null(block);
        assert_true(is_aligned(block, page));
        block_fill(block, size, size);
        void *whole = pvalloc(size);
        assert_non_null(whole);
        assert_true(is_aligned(whole, page));
        size_t rounded = (size + page - 1) / page * page;
        assert_true(malloc_usable_size(whole) >= rounded);
        block_fill(whole, rounded, rounded);
        assert_true(block_holds(block, size, size));
        free(block);
        assert_true(block_holds(whole, rounded, rounded));
        free(whole);
    }
}

static void realloc_keeps_aligned_blocks(void **state) {
    (void)state;
    for (size_t alignment = 16; alignment <= 16 * MIB; alignment <<= 1) {
        for (size_t s = 0; s < COUNT(odd_sizes); s++) {
            for (size_t to = 1; to <= 3 * MIB; to *= 12) {
                size_t both = to < odd_sizes[s] ? to : odd_sizes[s];
                unsigned char *block = aligned_alloc(alignment, odd_sizes[s]);
                assert_non_null(block);
                block_fill(block, odd_sizes[s], s);
                block = resized(block, to);
                assert_true(block_holds(block, both, s));
                block[to - 1] = 1;
                free(block);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alignments_times_sizes),       cmocka_unit_test(alignments_to_a_gibibyte),
        cmocka_unit_test(posix_memalign_is_einval),     cmocka_unit_test(aligned_alloc_is_einval),
        cmocka_unit_test(memalign_rounds_up),           cmocka_unit_test(pages),
        cmocka_unit_test(realloc_keeps_aligned_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
