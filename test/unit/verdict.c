/* SPDX-License-Identifier: MIT
 *
 * Which addresses are those of live blocks: by arithmetic for every address of a slab, by marks wherever a
 * free block may be. What is freed wrongly stops the process, or is left alone. */
#include "check.h"

#include "child.h"
#include "config.h"
#include "layout.h"
#include "remote/outbox.h"
#include "require.h"
#include "superslab/size_class.h"
#include "superslab/slab.h"
#include "superslab/superslab.h"
#include "superslab/verdict.h"

#define FREED "already freed. Block 0x"

static struct arena arena;

static bool is_block_by_definition(const struct slab *slab, const char *address) {
    if (address < slab->start)
        return false;
    size_t offset = (size_t)(address - slab->start);
    return offset % slab->block_size == 0 && offset / slab->block_size < slab->carved;
}

/* Nor is any that has a bit which no address has. */
static void check_bits(const struct slab *slab, const char *block) {
    struct entry entry = registry_entry(block);
    for (unsigned bit = ADDRESS_BITS; bit < 64; bit++) {
        const char *other = (const char *)((uintptr_t)block | 1ul << bit);
        assert_ptr_equal(registry_entry(other).leaf, entry.leaf);
        if (entry_position(entry, slab->class, other) < entry_limit(entry))
            fail_msg("class %u, %p", slab->class, (const void *)other);
    }
}

static void check_every_address(const struct slab *slab) {
    const char *base = unit_address(slab);
    for (size_t offset = 0; offset < slab->units * UNIT; offset++) {
        struct entry entry = registry_entry(base + offset);
        bool below = entry_position(entry, slab->class, base + offset) < entry_limit(entry);
        if (below != is_block_by_definition(slab, base + offset))
            fail_msg("class %u, unit %u, carved %u, offset %zu", slab->class, slab->unit, slab->carved,
                     offset);
        if (below)
            check_bits(slab, base + offset);
    }
}

/* With slabs at several units, for they start at different offsets. */
static void positions_are_those_of_carved_blocks(void **state) {
    (void)state;
    layout_start();
    for (unsigned class = 1; class < CLASSES; class ++) {
        struct slab *slabs[3];
        for (unsigned i = 0; i < 3; i++) {
            slabs[i] = slab_make(&arena, class);
            check_every_address(slabs[i]);
            slab_take(slabs[i], 3, 3);
            check_every_address(slabs[i]);
            while (slab_take(slabs[i], UINT32_MAX, UINT32_MAX).count != 0)
                ;
            assert_int_equal(slabs[i]->carved, slabs[i]->capacity);
            check_every_address(slabs[i]);
        }
        for (unsigned i = 0; i < 3; i++) {
            slabs[i]->used = 0;
            slab_give_up(slabs[i]);
        }
    }
    layout_end();
}

static void no_position_is_left_of_a_slab_that_is_given_up(void **state) {
    (void)state;
    struct slab *slab = slab_make(&arena, CLASSES - 1);
    char *start = slab->start;
    struct block *block = slab_take_one(slab);
    slab_push(slab, block);
    slab_give_up(slab);
    for (unsigned unit = 0; unit < size_class_units(CLASSES - 1); unit++)
        assert_int_equal(entry_limit(registry_entry(start + unit * UNIT)), 0);
}

static void free_it(void *block) {
    fh_free(block);
}

static void carved_blocks_are_marked_until_they_are_handed_out(void **state) {
    (void)state;
    struct slab *slab = slab_make(&arena, 4);
    unsigned count = 0;
    for (struct block *block = slab_take(slab, 10, 10).first; block != NULL; block = block->next, count++)
        assert_int_equal(block->mark, block_mark(registry_entry(block), block));
    assert_int_equal(count, 10);
    slab->used = 0;
    slab_give_up(slab);
}

/* More blocks than a cache and its spare one hold, so that they are in all places where free blocks can be.
 */
static void every_second_free_is_seen(void **state) {
    enum { COUNT = 6000 };
    static char *blocks[COUNT];
    (void)state;
    for (size_t size = 16; size <= 1024; size *= 4) {
        for (unsigned i = 0; i < COUNT; i++) {
            blocks[i] = fh_malloc(size);
            assert_true(block_is_live(registry_entry(blocks[i]), size_class(size), blocks[i]));
        }
        for (unsigned i = 0; i < COUNT; i++)
            fh_free(blocks[i]);
        for (unsigned i = 0; i < COUNT; i += COUNT / 20)
            assert_true(aborts(free_it, blocks[i], FREED));
    }
}

static void free_twice_and_trim(void *block) {
    fh_free(block);
    fh_free(block);
    fh_malloc_trim(0);
}

/* The second free is seen when the outbox is pushed. */
static void free_remotely_twice(void *block) {
    run_alone(free_twice_and_trim, block);
}

static void free_remotely_and_here(void *block) {
    run_alone(free_it, block);
    fh_free(block);
}

static void a_second_free_by_another_thread_is_seen(void **state) {
    (void)state;
    for (size_t size = 32; size <= 32768; size *= 4) {
        char *block = fh_malloc(size);
        assert_true(aborts(free_remotely_twice, block, FREED));
        assert_true(aborts(free_remotely_and_here, block, FREED));
        fh_free(block);
    }
}

static void free_inside_remotely(void *block) {
    run_alone(free_twice_and_trim, (char *)block + GRAIN);
}

static void free_inside(void *block) {
    fh_free((char *)block + GRAIN);
}

static void free_odd(void *block) {
    fh_free((char *)block + 1);
}

static void a_free_inside_is_seen(void **state) {
    (void)state;
    for (size_t size = 32; size <= 32768; size *= 2) {
        char *block = fh_malloc(size);
        assert_true(aborts(free_inside, block, "inside a block, not its start. Block 0x"));
        assert_true(aborts(free_inside_remotely, block, "inside a block, not its start. Block 0x"));
        assert_true(aborts(free_odd, block, ", live, 0x"));
        fh_free(block);
    }
}

/* What a program may write into its blocks is no mark: not their addresses, not what free blocks hold. */
static void data_is_no_mark(void **state) {
    (void)state;
    uintptr_t *block = fh_malloc(64), *other = fh_malloc(64);
    block[0] = block[1] = (uintptr_t)block;
    fh_free(block);
    block = fh_malloc(64);
    fh_free(other);
    /* Whatever a free block has in it; not by memcpy, which a sanitizer looks into. */
    for (volatile unsigned i = 0; i < 64 / sizeof *block; i++)
        block[i] = other[i];
    fh_free(block);
}

/* One place that calls, and does not jump. */
static noinline void free_here(void *block) {
    fh_free(block);
    atomic_signal_fence(memory_order_seq_cst);
}

static void go_on(void *block) {
    config.on_error = ON_ERROR_REPORT;
    for (int i = 0; i < 2; i++)
        free_here((char *)block + GRAIN);
    require(fh_realloc((char *)block + GRAIN, 100) == NULL);
    require(fh_malloc_usable_size((char *)block + GRAIN) == 0);
    fh_free(block);
    for (int i = 0; i < 2; i++)
        free_here(block);
    void *again = fh_malloc(100);
    require(again == block && fh_malloc(100) != again);
}

static unsigned lines(const char *text) {
    unsigned count = 0;
    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

static void a_report_is_said_once_for_each_place_and_leaves_the_block_alone(void **state) {
    (void)state;
    struct child child;
    void *block = fh_malloc(100);
    child_run(&child, go_on, block);
    assert_true(child_returned(&child));
    assert_int_equal(lines(child.errors), 4);
    fh_free(block);
}

static void ignore(void *block) {
    config.on_error = ON_ERROR_IGNORE;
    fh_free((char *)block + GRAIN);
    fh_free(block);
    fh_free(block);
}

static void what_is_ignored_is_not_said(void **state) {
    (void)state;
    struct child child;
    void *block = fh_malloc(100);
    child_run(&child, ignore, block);
    assert_true(child_returned(&child));
    assert_string_equal(child.errors, "");
    fh_free(block);
}

TESTS(cmocka_unit_test(positions_are_those_of_carved_blocks),
      cmocka_unit_test(no_position_is_left_of_a_slab_that_is_given_up),
      cmocka_unit_test(carved_blocks_are_marked_until_they_are_handed_out),
      cmocka_unit_test(every_second_free_is_seen), cmocka_unit_test(a_second_free_by_another_thread_is_seen),
      cmocka_unit_test(a_free_inside_is_seen), cmocka_unit_test(data_is_no_mark),
      cmocka_unit_test(a_report_is_said_once_for_each_place_and_leaves_the_block_alone),
      cmocka_unit_test(what_is_ignored_is_not_said))
