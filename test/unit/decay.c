/* SPDX-License-Identifier: MIT
 *
 * How long free memory stays: longer where the load swings, shorter near the limit. */
#include "check.h"

#include "config.h"
#include "superslab/decay.h"
#include "superslab/space.h"

#define MIB ((uint64_t)1 << 20)

/* Nothing for so long that what was seen is forgotten. */
static int forget(void **state) {
    (void)state;
    config.decay = 1000;
    config.limit = 0;
    for (unsigned i = 0; i < 4 * QUIET_LOOKS; i++)
        decay_look();
    assert_int_equal(decay_time(), 1000);
    return 0;
}

static void swing(void) {
    decay_purged(100 * MIB);
    decay_look();
    clean_taken_add(100 * MIB);
    decay_look();
}

static void a_load_that_swings_doubles_it_up_to_a_bound(void **state) {
    (void)state;
    swing();
    assert_int_equal(decay_time(), 2000);
    swing();
    assert_int_equal(decay_time(), 4000);
    for (unsigned i = 0; i < 10; i++)
        swing();
    assert_int_equal(decay_time(), 1000 << PATIENCE_MOST);
    for (unsigned i = 0; i < 4 * QUIET_LOOKS; i++)
        decay_look();
    assert_int_equal(decay_time(), 1000);
}

static void growth_and_shrinking_alone_do_not(void **state) {
    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        decay_purged(100 * MIB);
        decay_look();
    }
    for (unsigned i = 0; i < 4 * QUIET_LOOKS; i++)
        decay_look();
    for (unsigned i = 0; i < 10; i++) {
        clean_taken_add(100 * MIB);
        decay_look();
    }
    assert_int_equal(decay_time(), 1000);
}

/* What is a swing for a small process is none for one that uses much. */
static void a_little_does_not(void **state) {
    (void)state;
    touched_add(500 * MIB);
    swing();
    assert_int_equal(decay_time(), 2000);
    assert_int_equal(forget(NULL), 0);
    touched_add(500 * MIB);
    swing();
    assert_int_equal(decay_time(), 1000);
    touched_remove(1000 * MIB);
}

static void it_is_short_near_the_limit(void **state) {
    (void)state;
    config.limit = 1000;
    uint64_t used = space_bytes();
    assert_true(space_take(860 * MIB - used));
    assert_int_equal(decay_time(), 1000);
    assert_true(space_take(30 * MIB));
    assert_int_equal(decay_time(), 1000 / PRESSED_SHARE);
    space_give(890 * MIB - used);
    assert_int_equal(decay_time(), 1000);
}

#define TEST(function) cmocka_unit_test_setup(function, forget)

TESTS(TEST(a_load_that_swings_doubles_it_up_to_a_bound), TEST(growth_and_shrinking_alone_do_not),
      TEST(a_little_does_not), TEST(it_is_short_near_the_limit))
