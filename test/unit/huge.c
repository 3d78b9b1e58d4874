/* SPDX-License-Identifier: MIT
 *
 * Huge blocks: growth without a copy, reuse, expiry, the limit, and one free each. */
#include "check.h"

#include <errno.h>
#include <sys/mman.h>

#include "config.h"
#include "freehold.h"
#include "os.h"
#include "superslab/huge.h"
#include "superslab/purge.h"
#include "superslab/registry.h"
#include "superslab/superslab.h"

#define MIB ((size_t)1 << 20)

static struct huge *take(size_t size, bool *zero) {
    char *block = huge_take(size, GRAIN, zero);
    assert_non_null(block);
    assert_int_equal((uintptr_t)block % GRANULE, 0);
    struct slab *slab = registry_find(block);
    assert_ptr_equal(slab->start, block);
    assert_ptr_equal(slab->owner, OWNER_HUGE);
    return huge_of(slab);
}

/* A mark on each page that says which it is. */
static void mark(const struct huge *huge) {
    for (size_t offset = 0; offset < huge->extent.length; offset += PAGE)
        *(size_t *)(huge->extent.base + offset) = offset + 1;
}

static bool is_marked(const struct huge *huge, size_t length) {
    for (size_t offset = 0; offset < length; offset += PAGE)
        if (*(const size_t *)(huge->extent.base + offset) != offset + 1)
            return false;
    return true;
}

static void give(struct huge *huge) {
    assert_true(huge_give(huge));
    purge_all();
    assert_int_equal(huge_kept_bytes(), 0);
}

static void a_new_block_is_zero_and_aligned(void **state) {
    bool zero;
    (void)state;
    for (size_t alignment = GRAIN; alignment <= 8 * GRANULE; alignment *= 2) {
        char *block = huge_take(2 * MIB + 1, alignment, &zero);
        assert_int_equal((uintptr_t)block % alignment, 0);
        assert_true(zero);
        for (size_t i = 0; i < 2 * MIB + 1; i += PAGE)
            assert_int_equal(block[i], 0);
        give(huge_of(registry_find(block)));
    }
}

static void a_block_grows_and_shrinks_with_its_contents(void **state) {
    static const size_t sizes[] = {7 * MIB, 3 * MIB, 40 * MIB, 4 * MIB + 1, 4 * MIB, 12 * MIB};
    bool zero;
    (void)state;
    struct huge *huge = take(5 * MIB, &zero);
    uint64_t others = huge_bytes() - huge->extent.length;
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t before = huge->extent.length;
        mark(huge);
        char *block = huge_resize(huge, sizes[i]);
        assert_ptr_equal(block, huge->extent.base);
        assert_in_range(huge->extent.length, sizes[i], sizes[i] + UNIT - 1);
        assert_true(is_marked(huge, before < sizes[i] ? before : huge->extent.length));
        assert_int_equal(huge_bytes(), others + huge->extent.length);
        for (size_t offset = 0; offset < huge->extent.length; offset += GRANULE)
            assert_ptr_equal(registry_find(block + offset), &huge->slab);
        for (size_t offset = huge->extent.length; offset < before; offset += UNIT)
            assert_true(offset % GRANULE != 0 || registry_find(block + offset) == NULL);
    }
    give(huge);
}

static void a_block_that_cannot_grow_in_place_moves_its_pages(void **state) {
    bool zero;
    (void)state;
    struct huge *huge = take(6 * MIB, &zero);
    char *before = huge->extent.base;
    mark(huge);
    /* In the way; if it fails, something else is there already. */
    void *wall =
        mmap(before + 6 * MIB, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    char *block = huge_resize(huge, 30 * MIB);
    assert_non_null(block);
    assert_ptr_not_equal(block, before);
    assert_true(is_marked(huge, 6 * MIB));
    assert_int_equal((uintptr_t)block % GRANULE, 0);
    assert_null(registry_find(before));
    assert_null(registry_find(before + GRANULE));
    assert_ptr_equal(registry_find(block), &huge->slab);
    if (wall != MAP_FAILED)
        munmap(wall, PAGE);
    give(huge);
}

static void a_freed_block_is_kept_and_reused_for_what_fits(void **state) {
    bool zero;
    (void)state;
    struct huge *huge = take(16 * MIB, &zero);
    mark(huge);
    assert_true(huge_give(huge));
    assert_int_equal(huge_kept_bytes(), 16 * MIB);
    struct huge *bigger = take(17 * MIB, &zero);
    assert_true(zero);
    struct huge *much_smaller = take(13 * MIB, &zero);
    assert_true(zero);
    assert_int_equal(huge_kept_bytes(), 16 * MIB);
    struct huge *again = take(15 * MIB, &zero);
    assert_false(zero);
    assert_ptr_equal(again, huge);
    assert_int_equal(again->extent.length, 16 * MIB);
    assert_int_equal(huge_kept_bytes(), 0);
    give(bigger);
    give(much_smaller);
    give(again);
}

static void the_best_of_the_kept_blocks_is_reused(void **state) {
    static const size_t sizes[] = {33 * MIB, 32 * MIB, 34 * MIB};
    struct huge *huges[3];
    bool zero;
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        huges[i] = take(sizes[i], &zero);
    for (unsigned i = 0; i < 3; i++)
        assert_true(huge_give(huges[i]));
    assert_ptr_equal(take(31 * MIB, &zero), huges[1]);
    assert_ptr_equal(take(31 * MIB, &zero), huges[0]);
    assert_true(huge_give(huges[0]));
    give(huges[1]);
}

static void no_more_is_kept_than_the_option_says(void **state) {
    bool zero;
    (void)state;
    unsigned long keep = config.keep_huge;
    config.keep_huge = 20;
    struct huge *first = take(12 * MIB, &zero), *second = take(12 * MIB, &zero);
    const char *first_base = first->extent.base, *second_base = second->extent.base;
    assert_true(huge_give(first));
    assert_true(huge_give(second));
    assert_ptr_equal(registry_find(first_base), &first->slab);
    assert_null(registry_find(second_base));
    assert_int_equal(huge_kept_bytes(), 12 * MIB);
    config.keep_huge = keep;
    purge_all();
}

static void a_kept_block_expires_by_the_decay_time(void **state) {
    bool zero;
    (void)state;
    struct huge *old = take(8 * MIB, &zero), *young = take(16 * MIB, &zero);
    char *base = old->extent.base;
    assert_true(huge_give(old));
    assert_true(huge_give(young));
    old->since = os_clock() - config.decay;
    huge_expire(false);
    assert_int_equal(huge_kept_bytes(), 16 * MIB);
    assert_null(registry_find(base));
    huge_expire(true);
    assert_int_equal(huge_kept_bytes(), 0);
    purge_all();
}

static void a_huge_block_is_freed_once(void **state) {
    bool zero;
    (void)state;
    struct huge *huge = take(9 * MIB, &zero);
    uint64_t bytes = huge_bytes();
    assert_true(huge_give(huge));
    assert_false(huge_give(huge));
    assert_int_equal(bytes - huge_bytes(), 9 * MIB);
    assert_int_equal(huge_kept_bytes(), 9 * MIB);
    purge_all();
}

static void the_limit_holds_and_nothing_is_lost_at_it(void **state) {
    bool zero;
    (void)state;
    void *pin = fh_malloc(1); /* its SuperSlab must stay, for it counts too */
    purge_all();
    size_t most = 64 * MIB + superslabs_now() * SUPERSLAB;
    unsigned long limit = config.limit;
    config.limit = most / MIB;
    for (unsigned i = 0; i < 3; i++) {
        struct huge *huge = take(60 * MIB, &zero);
        assert_null(huge_take(5 * MIB, GRAIN, &zero));
        assert_null(huge_resize(huge, 65 * MIB));
        assert_int_equal(huge->extent.length, 60 * MIB);
        assert_non_null(huge_resize(huge, 64 * MIB));
        assert_null(huge_resize(huge, 64 * MIB + 1));
        assert_non_null(huge_resize(huge, 30 * MIB));
        struct huge *other = take(34 * MIB, &zero);
        assert_true(huge_give(other));
        give(huge);
    }
    errno = 0;
    assert_null(fh_malloc(65 * MIB));
    assert_int_equal(errno, ENOMEM);
    /* What is kept is given up before a request fails. */
    fh_free(fh_malloc(50 * MIB));
    assert_int_equal(huge_kept_bytes(), 50 * MIB);
    void *block = fh_malloc(20 * MIB);
    assert_non_null(block);
    fh_free(block);
    config.limit = limit;
    fh_free(pin);
    purge_all();
}

static int start(void **state) {
    config.decay = 86400000; /* nothing is to expire unless a test says so */
    return check_start(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_block_is_zero_and_aligned),
        cmocka_unit_test(a_block_grows_and_shrinks_with_its_contents),
        cmocka_unit_test(a_block_that_cannot_grow_in_place_moves_its_pages),
        cmocka_unit_test(a_freed_block_is_kept_and_reused_for_what_fits),
        cmocka_unit_test(the_best_of_the_kept_blocks_is_reused),
        cmocka_unit_test(no_more_is_kept_than_the_option_says),
        cmocka_unit_test(a_kept_block_expires_by_the_decay_time),
        cmocka_unit_test(a_huge_block_is_freed_once),
        cmocka_unit_test(the_limit_holds_and_nothing_is_lost_at_it),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
