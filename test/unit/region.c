/* SPDX-License-Identifier: MIT
 *
 * Regions: granules against a shadow of who holds which, merging, reuse, what is kept, and the way back to
 * the kernel. */
#include "check.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config.h"
#include "random.h"
#include "superslab/purge.h"
#include "superslab/loose.h"
#include "superslab/region.h"

#define MIB   ((size_t)1 << 20)
#define HELD  40 /* takings at a time */
#define STEPS 20000

static struct granules take(size_t length, uint64_t *dirty) {
    struct granules granules;
    assert_true(region_take(length, GRANULE, &granules, dirty));
    assert_int_equal(granules.count, (length + GRANULE - 1) / GRANULE);
    return granules;
}

static void write_all(const struct granules *granules, size_t length) {
    memset(granules_address(granules), 0xa5, length);
}

static const struct granule *granule_of(const struct granules *granules, unsigned i) {
    return &granules->region->granules[granules->first + i];
}

struct held {
    struct granules granules;
    size_t length;
    bool is_one;
};

/* Purges and unmaps what is due, or all that is free. */
static void decay(bool all) {
    struct slice slice = {.all = all, .is_endless = true};
    pthread_mutex_lock(&purge_lock);
    assert_true(region_purge(&slice));
    pthread_mutex_unlock(&purge_lock);
}

static uint64_t others; /* bytes: what the test's own small blocks use */

/* That what is held is held once, and that the figures agree with it. */
static void check(const struct held *held) {
    size_t units = 0;
    for (unsigned i = 0; i < HELD; i++) {
        if (held[i].length == 0)
            continue;
        units += (held[i].length + UNIT - 1) / UNIT;
        const char *base = granules_address(&held[i].granules);
        for (unsigned j = 0; j < held[i].granules.count; j++)
            assert_int_equal(granule_of(&held[i].granules, j)->state, GRANULE_USED);
        for (unsigned j = 0; j < i; j++) {
            const char *other = held[j].length == 0 ? NULL : granules_address(&held[j].granules);
            assert_true(other == NULL || base + held[i].granules.count * GRANULE <= other ||
                        other + held[j].granules.count * GRANULE <= base);
        }
    }
    assert_int_equal(region_used_bytes(), others + units * UNIT);
}

/* Takes, extends, shortens and gives back at random; what is told to be clean is. */
static void no_granule_is_taken_twice(void **state) {
    struct random random = {7};
    struct held held[HELD] = {{.length = 0}};
    (void)state;
    purge_all();
    for (unsigned step = 0; step < STEPS; step++) {
        struct held *one = &held[random_below(&random, HELD)];
        uint64_t dirty;
        size_t length = UNIT * (1 + random_below(&random, random_below(&random, 3) == 0 ? 1000 : 100));
        if (one->length == 0) {
            one->is_one = random_below(&random, 3) == 0;
            one->length = one->is_one ? GRANULE : length;
            if (one->is_one)
                assert_true(region_take_one(&one->granules, &dirty));
            else
                one->granules = take(one->length, &dirty);
            char *base = granules_address(&one->granules);
            assert_true(dirty != 0 || (base[0] == 0 && base[one->length - 1] == 0));
            base[0] = base[one->length - 1] = 1;
        } else if (!one->is_one && length > one->length) {
            if (region_extend(&one->granules, length))
                one->length = length;
        } else if (!one->is_one && random_below(&random, 2) == 0) {
            region_shorten(&one->granules, length);
            one->length = length;
        } else {
            region_give(&one->granules);
            one->length = 0;
        }
        if (step % 64 == 0)
            check(held);
        if (step % 1000 == 0)
            decay(true);
    }
    for (unsigned i = 0; i < HELD; i++)
        if (held[i].length != 0)
            region_give(&held[i].granules);
    decay(true);
    assert_int_equal(region_used_bytes() + region_loose_bytes(), others);
    assert_int_equal(regions_now(), 1);
}

static void regions_grow_and_go_when_they_are_free(void **state) {
    struct granules granules[64];
    uint64_t dirty;
    (void)state;
    decay(true);
    for (unsigned i = 0; i < 64; i++) {
        uint64_t used = region_used_bytes(), reserved = region_reserved_bytes();
        uint64_t step = reserved / STEP_SHARE / GRANULE * GRANULE;
        assert_true(region_take_one(&granules[i], &dirty));
        assert_int_equal(dirty, 0);
        assert_int_equal(region_reserved_bytes(),
                         used != reserved ? reserved : reserved + (step == 0 ? GRANULE : step));
    }
    for (unsigned i = 0; i < 64; i++)
        region_give(&granules[i]);
    decay(true);
    assert_int_equal(regions_now(), 1);
}

static void what_is_kept_is_bounded_by_what_lived(void **state) {
    struct granules granules[32];
    uint64_t dirty;
    (void)state;
    decay(true);
    decay(true);
    for (unsigned i = 0; i < 32; i++) {
        granules[i] = take(GRANULE, &dirty);
        write_all(&granules[i], GRANULE);
    }
    for (unsigned i = 0; i < 32; i += 2)
        region_give(&granules[i]);
    assert_int_equal(region_loose_bytes(), 16 * GRANULE);
    /* Sixteen holes of one granule; sixteen blocks of two take fresh ones, and the holes are given back, a
     * slice at each call. */
    struct granules fresh[16], other;
    for (unsigned i = 0; i < 16; i++)
        fresh[i] = take(2 * GRANULE, &dirty);
    assert_int_equal(region_used_bytes(), others + 48 * GRANULE);
    uint64_t most = 0;
    for (unsigned i = 0; i < 1000 && region_loose_bytes() > 50 / KEEP_SHARE * GRANULE; i++) {
        uint64_t purged = purged_bytes();
        other = take(UNIT, &dirty);
        region_give(&other);
        most = purged_bytes() - purged > most ? purged_bytes() - purged : most;
    }
    assert_in_range(most, 0, 4ul * SLICE_SMALL);
    assert_in_range(region_loose_bytes(), 0, 50 / KEEP_SHARE * GRANULE);
    for (unsigned i = 0; i < 16; i++)
        region_give(&fresh[i]);
    for (unsigned i = 1; i < 32; i += 2)
        region_give(&granules[i]);
    decay(true);
}

static void the_pages_behind_an_end_are_not_touched_and_decay(void **state) {
    uint64_t dirty;
    (void)state;
    decay(true);
    struct granules granules = take(GRANULE, &dirty);
    write_all(&granules, GRANULE);
    region_give(&granules);
    granules = take(GRANULE / 4, &dirty);
    assert_int_equal(dirty, UINT64_MAX >> 48);
    assert_int_equal(region_loose_bytes(), GRANULE / 4 * 3);
    char *base = granules_address(&granules);
    decay(true);
    assert_int_equal(region_loose_bytes(), 0);
    assert_int_equal((unsigned char)base[GRANULE / 4 - 1], 0xa5);
    for (size_t i = GRANULE / 4; i < GRANULE; i += PAGE)
        assert_int_equal(base[i], 0);
    assert_true(region_extend(&granules, GRANULE / 2));
    assert_int_equal(granule_of(&granules, 0)->used, UINT64_MAX >> 32);
    region_give(&granules);
    decay(true);
}

static void loose_granules_expire_by_the_decay_time(void **state) {
    uint64_t dirty;
    (void)state;
    decay(true);
    struct granules old = take(GRANULE, &dirty), young = take(GRANULE, &dirty);
    region_give(&old);
    region_give(&young);
    old.region->granules[old.first].since -= (uint32_t)config.decay;
    decay(false);
    assert_int_equal(region_loose_bytes(), GRANULE);
    assert_int_equal(granule_of(&old, 0)->dirty, 0);
    assert_int_equal(granule_of(&young, 0)->dirty, UINT64_MAX);
    decay(true);
}

/* What is clean between the dirty units is part of the one system call, and is counted. */
static void neighbours_are_purged_together(void **state) {
    struct granules granules[4];
    uint64_t dirty;
    (void)state;
    decay(true);
    for (unsigned i = 0; i < 4; i++)
        granules[i] = take(GRANULE / 2, &dirty);
    for (unsigned i = 0; i < 4; i++)
        region_give(&granules[i]);
    assert_int_equal(region_loose_bytes(), 4 * GRANULE / 2);
    uint64_t before = purged_bytes();
    decay(true);
    assert_int_equal(region_loose_bytes(), 0);
    assert_int_equal(purged_bytes() - before, 4 * GRANULE);
}

static void a_granule_that_cannot_be_purged_keeps_no_other_from_it(void **state) {
    uint64_t dirty;
    (void)state;
    decay(true);
    struct granules locked = take(GRANULE, &dirty), other = take(GRANULE, &dirty);
    /* Not mlock, which a sanitizer lets do nothing. */
    assert_int_equal(syscall(SYS_mlock, granules_address(&locked), UNIT), 0);
    region_give(&locked);
    region_give(&other);
    locked.region->granules[locked.first].since -= 2 * (uint32_t)config.decay;
    other.region->granules[other.first].since -= (uint32_t)config.decay;
    decay(false);
    assert_int_equal(granule_of(&locked, 0)->dirty, UINT64_MAX);
    assert_int_equal(granule_of(&other, 0)->dirty, 0);
    assert_int_equal(syscall(SYS_munlock, granules_address(&locked), UNIT), 0);
    decay(true);
    assert_int_equal(region_loose_bytes(), 0);
}

static void what_is_in_limbo_is_neither_free_nor_in_use(void **state) {
    struct granules granules, other;
    uint64_t dirty;
    (void)state;
    decay(true);
    assert_true(region_take_one(&granules, &dirty));
    write_all(&granules, GRANULE);
    region_hold(&granules, 5);
    assert_int_equal(region_used_bytes() + region_loose_bytes(), others);
    decay(true);
    assert_int_equal(granule_of(&granules, 0)->state, GRANULE_LIMBO);
    other = take(GRANULE, &dirty);
    assert_true(granules_address(&other) != granules_address(&granules));
    region_give(&other);
    decay(true);
    region_give(&granules);
    assert_int_equal(region_loose_bytes(), 2 * UNIT);
    other = take(GRANULE, &dirty);
    assert_ptr_equal(granules_address(&other), granules_address(&granules));
    assert_int_equal(dirty, 5);
    region_give(&other);
    decay(true);
}

static void advice_on_huge_pages_does_not_cut_a_region_too_often(void **state) {
    struct granules all = {NULL, 0, 0}, one;
    uint64_t dirty;
    unsigned given = 0;
    (void)state;
    decay(true);
    all = take(64 * GRANULE, &dirty);
    for (unsigned i = 0; i < 64; i += 2) {
        one = (struct granules){all.region, all.first + i, 1};
        given += region_advise(&one, true);
    }
    assert_in_range(given, DENSE_EDGES / 2, DENSE_EDGES / 2 + 1);
    /* What adjoins always is. */
    for (unsigned i = 0; i < 64; i++) {
        one = (struct granules){all.region, all.first + i, 1};
        assert_true(region_advise(&one, true));
    }
    region_give(&all);
    decay(true);
}

static int start(void **state) {
    config.decay = 86400000; /* nothing is to expire unless a test says so */
    check_start(state);
    purge_all();
    others = region_used_bytes();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_granule_is_taken_twice),
        cmocka_unit_test(regions_grow_and_go_when_they_are_free),
        cmocka_unit_test(what_is_kept_is_bounded_by_what_lived),
        cmocka_unit_test(the_pages_behind_an_end_are_not_touched_and_decay),
        cmocka_unit_test(loose_granules_expire_by_the_decay_time),
        cmocka_unit_test(a_granule_that_cannot_be_purged_keeps_no_other_from_it),
        cmocka_unit_test(neighbours_are_purged_together),
        cmocka_unit_test(what_is_in_limbo_is_neither_free_nor_in_use),
        cmocka_unit_test(advice_on_huge_pages_does_not_cut_a_region_too_often),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
