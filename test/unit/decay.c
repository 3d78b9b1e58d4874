/* SPDX-License-Identifier: MIT
 *
 * How long free memory stays: longer where the load swings, shorter near the limit. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "superslab/decay.h"
#include "superslab/pressure.h"
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

static void write_file(const char *folder, const char *name, const char *text) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
}

static void remove_files(const char *folder, const char *group, const char *own) {
    static const char *const names[] = {"memory.stat", "memory.max", "memory.high"};
    char path[200];
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", group, names[i]);
        assert_int_equal(unlink(path), 0);
    }
    snprintf(path, sizeof path, "%s/a", folder);
    assert_true(unlink(own) == 0 && rmdir(group) == 0 && rmdir(path) == 0 && rmdir(folder) == 0);
}

/* A folder of groups as the kernel has it, with the group /a/b in it. */
static void a_control_group_that_is_nearly_full_is_pressure(void **state) {
    char folder[] = P_tmpdir "/freehold-XXXXXX", group[100], own[100];
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(group, sizeof group, "%s/a", folder);
    assert_int_equal(mkdir(group, 0700), 0);
    snprintf(group, sizeof group, "%s/a/b", folder);
    assert_int_equal(mkdir(group, 0700), 0);
    snprintf(own, sizeof own, "%s/own", folder);
    assert_false(pressure_in(own, folder));
    write_file(folder, "own", "1:name=systemd:/x\n0::/a/b\n");
    assert_false(pressure_in(own, folder));
    write_file(group, "memory.stat", "anon 900000\nfile 5000000\n");
    write_file(group, "memory.max", "max\n");
    write_file(group, "memory.high", "max\n");
    assert_false(pressure_in(own, folder));
    write_file(group, "memory.max", "1000000\n");
    assert_true(pressure_in(own, folder));
    write_file(group, "memory.max", "2000000\n");
    assert_false(pressure_in(own, folder));
    write_file(group, "memory.high", "1000000\n");
    assert_true(pressure_in(own, folder));
    write_file(group, "memory.stat", "anon 800000\n");
    assert_false(pressure_in(own, folder));
    write_file(folder, "own", "1:memory:/a/b\n");
    assert_false(pressure_in(own, folder));
    remove_files(folder, group, own);
}

#define TEST(function) cmocka_unit_test_setup(function, forget)

TESTS(TEST(a_load_that_swings_doubles_it_up_to_a_bound), TEST(growth_and_shrinking_alone_do_not),
      TEST(a_little_does_not), TEST(it_is_short_near_the_limit),
      TEST(a_control_group_that_is_nearly_full_is_pressure))
