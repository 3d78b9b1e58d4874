/* SPDX-License-Identifier: MIT
 *
 * Size classes, by every size, and the alignment that slabs of a class give to their blocks. */
#include "check.h"

#include "freehold.h"
#include "layout.h"
#include "superslab/size_class.h"
#include "superslab/slab.h"
#include "superslab/superslab.h"
#include "thread.h"

static void every_size_has_the_smallest_class_that_holds_it(void **state) {
    (void)state;
    for (size_t size = 0; size <= SMALL_MAX; size++) {
        unsigned class = (unsigned)size_class(size);
        assert_in_range(class, 1, CLASSES - 1);
        assert_true(size_class_bytes(class) >= size);
        assert_true(class <= 1 || size_class_bytes(class - 1) < size);
        if (size <= TINY_MAX)
            assert_int_equal(thread.class_of[size], class);
    }
}

static void classes_are_few_and_waste_little(void **state) {
    (void)state;
    assert_in_range(CLASSES - 1, 64, 96);
    assert_int_equal(size_class_bytes(CLASSES - 1), SMALL_MAX);
    for (unsigned class = 1; class < CLASSES; class ++) {
        size_t bytes = size_class_bytes(class), least = class == 1 ? 1 : size_class_bytes(class - 1) + 1;
        assert_int_equal(bytes % GRAIN, 0);
        assert_true(least <= bytes);
        assert_true(least <= 128 || 8 * (bytes - least) <= bytes);
        assert_true(size_class_units(class) * UNIT >= SLAB_BLOCKS * bytes);
    }
}

static void a_size_rounded_up_to_an_alignment_has_a_class_that_is_a_multiple_of_it(void **state) {
    (void)state;
    for (size_t alignment = GRAIN; alignment <= SMALL_MAX; alignment *= 2)
        for (size_t size = alignment; size <= SMALL_MAX; size += alignment)
            assert_int_equal(size_class_bytes((unsigned)size_class(size)) % alignment, 0);
}

static void slabs_start_at_what_their_blocks_are_aligned_to(void **state) {
    static struct arena arena;
    struct slab *slabs[UNITS];
    (void)state;
    for (unsigned class = 1; class < CLASSES; class ++) {
        size_t bytes = size_class_bytes(class), alignment = bytes & -bytes;
        for (unsigned i = 0; i < UNITS; i++) {
            struct slab *slab = slabs[i] = slab_make(&arena, class);
            assert_non_null(slab);
            char *end = unit_address(slab) + slab->units * UNIT;
            assert_true(slab->start >= unit_address(slab));
            assert_int_equal((uintptr_t)slab->start % (alignment < UNIT ? alignment : UNIT), 0);
            assert_true(slab->start + slab->capacity * bytes <= end);
            assert_true(slab->start + (slab->capacity + 1) * bytes > end);
        }
        for (unsigned i = 0; i < UNITS; i++)
            slab_give_up(slabs[i]);
    }
}

static size_t offset_in_unit(const struct slab *slab) {
    return (size_t)(slab->start - unit_address(slab));
}

/* Else the first blocks of all slabs would fight for the same sets of the processor's cache. */
static void slabs_that_adjoin_start_at_different_cache_lines(void **state) {
    static struct arena arena;
    (void)state;
    layout_start();
    for (unsigned class = 1; size_class_bytes(class) < COLOR_MAX; class ++) {
        struct slab *first = slab_make(&arena, class), *second = slab_make(&arena, class);
        assert_int_equal(second->unit, first->unit + 1);
        assert_int_not_equal(offset_in_unit(first), offset_in_unit(second));
        assert_int_equal(offset_in_unit(first) % COLOR_STEP, 0);
        slab_give_up(first);
        slab_give_up(second);
    }
    layout_end();
}

TESTS(cmocka_unit_test(every_size_has_the_smallest_class_that_holds_it),
      cmocka_unit_test(classes_are_few_and_waste_little),
      cmocka_unit_test(a_size_rounded_up_to_an_alignment_has_a_class_that_is_a_multiple_of_it),
      cmocka_unit_test(slabs_start_at_what_their_blocks_are_aligned_to),
      cmocka_unit_test(slabs_that_adjoin_start_at_different_cache_lines))
