/* SPDX-License-Identifier: MIT
 *
 * Sizes: zero, odd, impossible; what of a block may be used. */
#include "conformance/unit.h"

static void zero_sizes_are_unique(void **state) {
    (void)state;
    void *blocks[1000];
    for (size_t i = 0; i < COUNT(blocks); i++) {
        blocks[i] = i % 3 == 0 ? malloc(0) : i % 3 == 1 ? calloc(0, i) : aligned_alloc(64, 0);
        assert_non_null(blocks[i]);
        for (size_t other = 0; other < i; other++) {
            assert_ptr_not_equal(blocks[i], blocks[other]);
        }
    }
    for (size_t i = 0; i < COUNT(blocks); i++) {
        free(blocks[i]);
    }
}

static void blocks_are_aligned(void **state) {
    (void)state;
    for (size_t size = 1; size <= 70000; size++) {
        void *block = malloc(size);
        assert_non_null(block);
        assert_true(is_aligned(block, 16));
        free(block);
    }
}

/* The blocks of a window are full to the last usable byte, so any that overlap spoil each other. */
static void usable_bytes_are_ours(void **state) {
    (void)state;
    struct {
        void *block;
        size_t usable;
    } window[61] = {{NULL, 0}};
    for (size_t size = 1; size <= 70000; size += 7) {
        size_t slot = size % COUNT(window);
        if (window[slot].block) {
            assert_true(block_holds(window[slot].block, window[slot].usable, slot));
            free(window[slot].block);
        }
        window[slot].block = malloc(size);
        assert_non_null(window[slot].block);
        window[slot].usable = malloc_usable_size(window[slot].block);
        assert_true(window[slot].usable >= size);
        block_fill(window[slot].block, window[slot].usable, slot);
    }
    for (size_t slot = 0; slot < COUNT(window); slot++) {
        assert_true(block_holds(window[slot].block, window[slot].usable, slot));
        free(window[slot].block);
    }
    assert_int_equal(malloc_usable_size(NULL), 0);
}

typedef void *allocate_function(size_t);
typedef void *allocate_aligned_function(size_t, size_t);

static void impossible_sizes_are_enomem(void **state) {
    (void)state;
    static const size_t sizes[] = {PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1, SIZE_MAX - 4096, SIZE_MAX - 1,
                                   SIZE_MAX};
    char *kept = malloc(100);
    block_fill(kept, 100, 1);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        size_t size = opaque_size(sizes[i]);
        allocate_function *const one_size[] = {malloc, valloc, pvalloc};
        for (size_t f = 0; f < COUNT(one_size); f++) {
            errno = 0;
            assert_null(one_size[f](size));
            assert_int_equal(errno, ENOMEM);
        }
        allocate_aligned_function *const aligned[] = {aligned_alloc, memalign};
        for (size_t f = 0; f < COUNT(aligned); f++) {
            for (size_t alignment = 16; alignment <= GIB; alignment <<= 2) {
                errno = 0;
                assert_null(aligned[f](alignment, size));
                assert_int_equal(errno, ENOMEM);
            }
        }
        void *untouched = kept;
        assert_int_equal(posix_memalign(&untouched, 4096, size), ENOMEM);
        assert_ptr_equal(untouched, kept);
        errno = 0;
        assert_null(calloc(1, size));
        assert_int_equal(errno, ENOMEM);
        errno = 0;
        assert_null(realloc(kept, size));
        assert_int_equal(errno, ENOMEM);
        errno = 0;
        assert_null(realloc(NULL, size));
        assert_int_equal(errno, ENOMEM);
    }
    assert_true(block_holds(kept, 100, 1));
    free(kept);
}

/* It answers with its result; without memory the C library sets errno as well, and there are programs that
 * print it. */
static void posix_memalign_sets_errno_without_memory(void **state) {
    (void)state;
    void *block = NULL;
    static const size_t too_large[] = {SIZE_MAX, PTRDIFF_MAX};
    for (size_t i = 0; i < COUNT(too_large); i++) {
        errno = 0;
        assert_int_equal(posix_memalign(&block, 64, opaque_size(too_large[i])), ENOMEM);
        assert_int_equal(errno, ENOMEM);
    }
    errno = 4711;
    assert_int_equal(posix_memalign(&block, opaque_size(3), 100), EINVAL);
    assert_int_equal(posix_memalign(&block, 64, 100), 0);
    assert_int_equal(errno, 4711);
    free(block);
}

static void overflowing_products_are_enomem(void **state) {
    (void)state;
    static const size_t factors[][2] = {
        {SIZE_MAX / 2 + 1, 2},
        {2, SIZE_MAX / 2 + 1},
        {SIZE_MAX / 3 + 1, 3},
        {SIZE_MAX, SIZE_MAX},
        {(size_t)1 << 32, (size_t)1 << 32},
    };
    char *kept = malloc(100);
    block_fill(kept, 100, 2);
    for (size_t i = 0; i < COUNT(factors); i++) {
        errno = 0;
        assert_null(calloc(opaque_size(factors[i][0]), factors[i][1]));
        assert_int_equal(errno, ENOMEM);
        errno = 0;
        assert_null(reallocarray(opaque_pointer(kept), opaque_size(factors[i][0]), factors[i][1]));
        assert_int_equal(errno, ENOMEM);
    }
    assert_true(block_holds(kept, 100, 2));
    char *moved = reallocarray(kept, 40, 5);
    assert_non_null(moved);
    assert_true(block_holds(moved, 100, 2));
    free(moved);
}

static void free_keeps_errno(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 1000, 33 * KIB, 300 * KIB, 3 * MIB, 65 * MIB};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        void *blocks[8];
        for (size_t n = 0; n < COUNT(blocks); n++) {
            blocks[n] = malloc(sizes[i]);
            assert_non_null(blocks[n]);
        }
        for (size_t n = 0; n < COUNT(blocks); n++) {
            errno = 4711;
            free(blocks[n]);
            assert_int_equal(errno, 4711);
        }
    }
    errno = 4711;
    free(NULL);
    assert_int_equal(errno, 4711);
}

typedef void free_sized_function(void *, size_t);
typedef void free_aligned_sized_function(void *, size_t, size_t);

static void sized_frees_free(void **state) {
    (void)state;
    free_sized_function *sized = (free_sized_function *)dlsym(RTLD_DEFAULT, "free_sized");
    free_aligned_sized_function *aligned =
        (free_aligned_sized_function *)dlsym(RTLD_DEFAULT, "free_aligned_sized");
    if (!sized || !aligned) {
        skip();
        return;
    }
    sized(NULL, 0);
    aligned(NULL, 64, 100);
    size_t before = resident_bytes();
    for (size_t i = 0; i < 20000; i++) {
        size_t size = 1 + i * 7919 % (100 * KIB);
        void *block = malloc(size);
        void *aligned_block = aligned_alloc(256, size);
        memset(block, 1, size);
        memset(aligned_block, 1, size);
        errno = 4711;
        sized(block, size);
        aligned(aligned_block, 256, size);
        assert_int_equal(errno, 4711);
    }
    assert_true(resident_bytes() < before + 16 * MIB);
}

#ifdef __x86_64__
/* No header declares it any more, but old programs are linked with it. */
extern void old_cfree(void *);
__asm__(".symver old_cfree, cfree@GLIBC_2.2.5");

static void cfree_frees(void **state) {
    (void)state;
    old_cfree(NULL);
    size_t before = resident_bytes();
    for (size_t i = 0; i < 20000; i++) {
        void *block = malloc(10 * KIB);
        memset(block, 1, 10 * KIB);
        old_cfree(block);
    }
    assert_true(resident_bytes() < before + 16 * MIB);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_sizes_are_unique),
        cmocka_unit_test(blocks_are_aligned),
        cmocka_unit_test(usable_bytes_are_ours),
        cmocka_unit_test(impossible_sizes_are_enomem),
        cmocka_unit_test(overflowing_products_are_enomem),
        cmocka_unit_test(posix_memalign_sets_errno_without_memory),
        cmocka_unit_test(free_keeps_errno),
        cmocka_unit_test(sized_frees_free),
#ifdef __x86_64__
        cmocka_unit_test(cfree_frees),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
