/* SPDX-License-Identifier: MIT
 *
 * Guard level 2, which the suite switches on: what is written beyond a block, before it, or after it was
 * freed. */
#include "check.h"

#include <stdlib.h>
#include <unistd.h>

#include "child.h"
#include "config.h"
#include "require.h"
#include "superslab/size_class.h"

#define BEYOND "written beyond its end, or before the block behind it. Block 0x"
#define BEFORE "written before its start, or beyond the block before it. Block 0x"
#define AFTER  "written to after it was freed. Block 0x"

/* A block that is written to at an offset, by one byte. */
struct stain {
    char *block;
    ptrdiff_t offset;
};

static void stain_and_free(void *argument) {
    const struct stain *stain = argument;
    stain->block[stain->offset] ^= 1;
    fh_free(stain->block);
}

static void free_and_stain(void *argument) {
    const struct stain *stain = argument;
    fh_free(stain->block);
    stain->block[stain->offset] ^= 1;
    fh_malloc_trim(0);
}

static void one_byte_beyond_is_seen(void **state) {
    (void)state;
    assert_int_equal(config.guard, 2);
    for (size_t size = 0; size <= 8192; size += size < 300 ? 1 : 997) {
        struct stain stain = {fh_malloc(size), (ptrdiff_t)size};
        assert_true(aborts(stain_and_free, &stain, BEYOND));
        fh_free(stain.block);
    }
}

/* Whatever the address: else a byte that is written too far would be unseen now and then. */
static void the_bytes_at_a_block_s_ends_are_fixed(void **state) {
    static const size_t sizes[] = {24, 56, 1000, 2 * 65536 - 16, 3 * 65536 - 16};
    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        for (unsigned j = 0; j < sizeof sizes / sizeof *sizes; j++) {
            char *block = fh_malloc(sizes[j]);
            assert_non_null(block);
            assert_int_equal((unsigned char)block[sizes[j]], 0xa5);
            if (j < 2)
                assert_int_equal((unsigned char)block[sizes[j] + 7], 0xa5);
            if (i % 2 == 0)
                fh_free(block);
        }
}

static const size_t mapped[] = {32760, 32761, 65519, 65520, 65521, 100000, 3u << 20, (6u << 20) - 16};
#define MAPPED (sizeof mapped / sizeof *mapped)

static void one_byte_beyond_a_large_block_is_seen(void **state) {
    (void)state;
    for (unsigned i = 0; i < MAPPED; i++) {
        struct stain stain = {fh_malloc(mapped[i]), (ptrdiff_t)mapped[i]};
        assert_int_equal(fh_malloc_usable_size(stain.block), mapped[i]);
        assert_true(aborts(stain_and_free, &stain, BEYOND));
        fh_free(stain.block);
    }
}

static void grow(void *argument) {
    const struct stain *stain = argument;
    stain->block[stain->offset] ^= 1;
    fh_realloc(stain->block, (size_t)stain->offset + 1000);
}

/* In place or not, the block ends where its new size says. */
static void a_large_block_that_is_resized_is_filled_again(void **state) {
    (void)state;
    char *block = fh_malloc(100000);
    for (size_t size = 500000; size > 90000; size -= 7001) {
        block = fh_realloc(block, size);
        assert_int_equal(fh_malloc_usable_size(block), size);
        struct stain stain = {block, (ptrdiff_t)size};
        assert_true(aborts(stain_and_free, &stain, BEYOND));
        assert_true(aborts(grow, &stain, BEYOND));
    }
    fh_free(block);
}

static void nothing_may_be_written_to_size_0(void **state) {
    (void)state;
    for (size_t alignment = 16; alignment <= 8u << 20; alignment *= 4) {
        struct stain stain = {fh_memalign(alignment, 0), 0};
        assert_int_equal((uintptr_t)stain.block % alignment, 0);
        assert_int_equal(fh_malloc_usable_size(stain.block), 0);
        assert_true(aborts(stain_and_free, &stain, BEYOND));
        fh_free(stain.block);
    }
}

/* By chance a block follows the one before now and then. */
static void blocks_come_in_any_order(void **state) {
    enum { BLOCKS = 500 };
    static char *blocks[BLOCKS];
    unsigned follow = 0;
    (void)state;
    for (unsigned i = 0; i < BLOCKS; i++)
        blocks[i] = fh_malloc(200);
    for (unsigned i = 1; i < BLOCKS; i++)
        follow += blocks[i] - blocks[i - 1] == 208;
    assert_in_range(follow, 0, BLOCKS / 4);
    for (unsigned i = 0; i < BLOCKS; i++)
        fh_free(blocks[i]);
}

static void stain_and_end(void *argument) {
    const struct stain *stain = argument;
    stain->block[stain->offset] ^= 1;
    exit(0);
}

static void what_is_never_freed_is_seen_at_the_end(void **state) {
    (void)state;
    struct stain stain = {fh_malloc(100), 100};
    assert_true(aborts(stain_and_end, &stain, "check(0x"));
    assert_true(aborts(stain_and_end, &stain, BEYOND));
    fh_free(stain.block);
}

static void one_byte_before_is_seen(void **state) {
    (void)state;
    for (size_t size = 24; size <= 8192; size += 501) {
        char *before = fh_malloc(size);
        struct stain stain = {fh_malloc(size), -1};
        assert_true(aborts(stain_and_free, &stain, BEFORE));
        fh_free(before);
        fh_free(stain.block);
    }
}

static void a_write_after_free_is_seen_when_the_quarantine_ends(void **state) {
    (void)state;
    for (size_t size = 16; size <= 30000; size += size < 1000 ? 41 : 1999) {
        struct stain stain = {fh_malloc(size), (ptrdiff_t)size - 1};
        assert_true(aborts(free_and_stain, &stain, AFTER));
        stain.offset = 0;
        assert_true(aborts(free_and_stain, &stain, AFTER));
        fh_free(stain.block);
    }
}

static void stain_what_is_free(void *argument) {
    const struct stain *stain = argument;
    config.quarantine = 0;
    fh_free(stain->block);
    stain->block[stain->offset] ^= 1;
    fh_malloc(100);
}

static void a_write_after_free_is_seen_when_the_block_is_handed_out(void **state) {
    (void)state;
    struct stain stain = {fh_malloc(100), 50};
    assert_true(aborts(stain_what_is_free, &stain, "malloc(0x"));
    assert_true(aborts(stain_what_is_free, &stain, AFTER));
    fh_free(stain.block);
}

static void a_freed_block_is_not_used_again_at_once(void **state) {
    (void)state;
    void *block = fh_malloc(100);
    fh_free(block);
    for (unsigned i = 0; i < 1000; i++) {
        void *other = fh_malloc(100);
        assert_ptr_not_equal(other, block);
        fh_free(other);
    }
}

static void what_may_be_used_is_what_was_asked_for(void **state) {
    (void)state;
    for (size_t size = 0; size <= 20000; size += 37) {
        char *block = fh_malloc(size);
        assert_int_equal(fh_malloc_usable_size(block), size);
        memset(block, 7, size);
        block = fh_realloc(block, size + 10);
        assert_int_equal(fh_malloc_usable_size(block), size + 10);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(block[i], 7);
        memset(block, 7, size + 10);
        fh_free(block);
    }
}

static void aligned_blocks_are_filled_as_well(void **state) {
    (void)state;
    for (size_t alignment = 16; alignment <= 65536; alignment *= 2) {
        char *block = fh_memalign(alignment, 100);
        assert_int_equal((uintptr_t)block % alignment, 0);
        memset(block, 1, 100);
        struct stain stain = {block, 100};
        assert_true(alignment > 16384 || aborts(stain_and_free, &stain, BEYOND));
        fh_free(block);
    }
}

static void go_on(void *argument) {
    const struct stain *stain = argument;
    config.on_error = ON_ERROR_REPORT;
    stain->block[stain->offset] ^= 1;
    fh_free(stain->block);
    require(fh_malloc(100) != stain->block);
}

static void a_damaged_block_is_left_alone(void **state) {
    (void)state;
    struct child child;
    struct stain stain = {fh_malloc(100), 100};
    child_run(&child, go_on, &stain);
    assert_true(child_returned(&child));
    assert_non_null(strstr(child.errors, BEYOND));
    fh_free(stain.block);
}

static void free_as_larger(void *block) {
    fh_free_sized(block, 101);
}

static void free_aligned_as_smaller(void *block) {
    fh_free_aligned_sized(block, 16, 0);
}

/* To no power of two, so never by chance. */
static void free_as_aligned(void *block) {
    fh_free_aligned_sized(block, 48, 100);
}

static void a_wrong_size_is_seen(void **state) {
    static const char wrong[] = "freed with another size than it was allocated with. Block 0x";
    (void)state;
    void *block = fh_malloc(100);
    assert_true(aborts(free_as_larger, block, wrong));
    assert_true(aborts(free_aligned_as_smaller, block, wrong));
    fh_free_sized(block, 100);
    fh_free_sized(NULL, 5);
    fh_free_sized(fh_malloc(0), 0);
    fh_free_sized(fh_malloc(100000), 100000);
    fh_free_aligned_sized(fh_memalign(64, 100), 64, 100);
    fh_free_aligned_sized(fh_memalign(64, 100), 16, 100);
    void *large = fh_malloc(100000);
    assert_true(aborts(free_as_larger, large, wrong));
    fh_free(large);
    assert_true(
        aborts(free_as_aligned, block = fh_malloc(100), "freed as aligned to more than it is. Block 0x"));
    fh_free(block);
}

int main(int count, char **arguments) {
    (void)count;
    if (getenv("FREEHOLD_GUARD") == NULL) { /* a sanitizer's runs set no option */
        setenv("FREEHOLD_GUARD", "2", 1);
        execv("/proc/self/exe", arguments);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_byte_beyond_is_seen),
        cmocka_unit_test(the_bytes_at_a_block_s_ends_are_fixed),
        cmocka_unit_test(one_byte_beyond_a_large_block_is_seen),
        cmocka_unit_test(a_large_block_that_is_resized_is_filled_again),
        cmocka_unit_test(nothing_may_be_written_to_size_0),
        cmocka_unit_test(blocks_come_in_any_order),
        cmocka_unit_test(what_is_never_freed_is_seen_at_the_end),
        cmocka_unit_test(one_byte_before_is_seen),
        cmocka_unit_test(a_write_after_free_is_seen_when_the_quarantine_ends),
        cmocka_unit_test(a_write_after_free_is_seen_when_the_block_is_handed_out),
        cmocka_unit_test(a_freed_block_is_not_used_again_at_once),
        cmocka_unit_test(what_may_be_used_is_what_was_asked_for),
        cmocka_unit_test(aligned_blocks_are_filled_as_well),
        cmocka_unit_test(a_damaged_block_is_left_alone),
        cmocka_unit_test(a_wrong_size_is_seen),
    };
    return cmocka_run_group_tests(tests, check_start, NULL);
}
