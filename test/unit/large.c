/* SPDX-License-Identifier: MIT
 *
 * Large blocks: how they lie, grow and shrink where they are, and are freed once. */
#include "check.h"

#include <string.h>

#include "config.h"
#include "layout.h"
#include "superslab/large.h"
#include "superslab/registry.h"
#include "superslab/superslab.h"

static struct slab *take(size_t size, size_t alignment) {
    bool zero;
    char *block = large_take(size, alignment, &zero);
    assert_non_null(block);
    assert_int_equal((uintptr_t)block % (alignment < UNIT ? UNIT : alignment), 0);
    struct slab *slab = registry_find(block);
    assert_ptr_equal(slab->run.start, block);
    assert_ptr_equal(slab->owner, OWNER_LARGE);
    for (size_t i = 0; zero && i < large_size(slab); i++)
        assert_int_equal(block[i], 0);
    memset(block, 0xa5, large_size(slab));
    return slab;
}

static void assert_units(struct slab *slab, unsigned units) {
    assert_int_equal(slab->run.units, units);
    assert_int_equal(large_size(slab), units * UNIT);
    for (unsigned i = 0; slab->unit + i < UNITS && i < units; i++)
        assert_ptr_equal(registry_find(unit_address(slab) + i * UNIT), slab);
}

static void a_large_block_is_rounded_up_to_units(void **state) {
    (void)state;
    for (size_t size = SMALL_MAX + 1; size <= LARGE_MAX; size += size / 3 + 1) {
        uint64_t bytes = large_bytes();
        struct slab *slab = take(size, GRAIN);
        assert_units(slab, (unsigned)((size + UNIT - 1) / UNIT));
        assert_int_equal(large_bytes() - bytes, large_size(slab));
        assert_true(large_give_up(slab));
        assert_int_equal(large_bytes(), bytes);
    }
}

static void a_large_block_has_its_alignment(void **state) {
    (void)state;
    for (size_t alignment = GRAIN; alignment <= LARGE_MAX; alignment *= 2) {
        struct slab *first = take(3 * UNIT, alignment), *second = take(UNIT, alignment);
        assert_true(large_give_up(first));
        assert_true(large_give_up(second));
    }
}

static void a_large_block_grows_where_units_are_free(void **state) {
    (void)state;
    layout_start();
    struct slab *above = take(2 * UNIT, GRAIN), *below = take(3 * UNIT, GRAIN);
    assert_int_equal(above->unit, below->unit + below->run.units);
    char *block = below->start;
    uint64_t bytes = large_bytes();
    assert_false(large_resize(below, 3 * UNIT + 1));
    assert_units(below, 3);
    assert_int_equal(large_bytes(), bytes);
    assert_true(large_give_up(above));
    assert_true(large_resize(below, 4 * UNIT + 1));
    assert_units(below, 5);
    assert_int_equal(large_bytes(), bytes);
    assert_ptr_equal(below->start, block);
    for (size_t i = 0; i < 3 * UNIT; i++)
        assert_int_equal((unsigned char)block[i], 0xa5);
    assert_true(large_give_up(below));
    layout_end();
}

static void a_large_block_shrinks_where_it_is(void **state) {
    (void)state;
    layout_start();
    struct slab *slab = take(8 * UNIT, GRAIN);
    char *block = slab->run.start;
    assert_true(large_resize(slab, UNIT + 1));
    assert_units(slab, 2);
    for (unsigned i = 2; i < 8; i++)
        assert_ptr_equal(registry_find(block + i * UNIT), slab + i);
    struct slab *rest = take(6 * UNIT, GRAIN);
    assert_ptr_equal(rest->run.start, block + 2 * UNIT);
    for (size_t i = 0; i < 2 * UNIT; i++)
        assert_int_equal((unsigned char)block[i], 0xa5);
    assert_true(large_give_up(slab));
    assert_true(large_give_up(rest));
    layout_end();
}

static void a_large_block_is_freed_once(void **state) {
    (void)state;
    struct slab *slab = take(5 * UNIT, GRAIN);
    uint64_t bytes = large_bytes();
    assert_true(large_give_up(slab));
    assert_false(large_give_up(slab));
    assert_int_equal(bytes - large_bytes(), 5 * UNIT);
}

static void without_space_there_is_no_large_block(void **state) {
    bool zero;
    (void)state;
    layout_start();
    unsigned long limit = config.limit;
    uint64_t superslabs = superslabs_now();
    config.limit = 1;
    assert_null(large_take(LARGE_MAX, GRAIN, &zero));
    assert_int_equal(superslabs_now(), superslabs);
    config.limit = limit;
    assert_true(large_give_up(take(LARGE_MAX, GRAIN)));
    layout_end();
}

TESTS(cmocka_unit_test(a_large_block_is_rounded_up_to_units),
      cmocka_unit_test(a_large_block_has_its_alignment),
      cmocka_unit_test(a_large_block_grows_where_units_are_free),
      cmocka_unit_test(a_large_block_shrinks_where_it_is), cmocka_unit_test(a_large_block_is_freed_once),
      cmocka_unit_test(without_space_there_is_no_large_block))
