/* SPDX-License-Identifier: MIT
 *
 * Huge blocks: growth without a copy, reuse, the limit, and one free each. */
#include "check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "config.h"
#include "freehold.h"
#include "os.h"
#include "superslab/closed.h"
#include "superslab/huge.h"
#include "superslab/purge.h"
#include "superslab/recent.h"
#include "superslab/region.h"
#include "superslab/registry.h"
#include "superslab/superslab.h"

#define MIB ((size_t)1 << 20)

static struct huge *take(size_t size, bool *zero) {
    char *block = huge_take(size, GRAIN, zero);
    assert_non_null(block);
    assert_int_equal((uintptr_t)block % GRANULE, 0);
    struct slab *slab = registry_find(block);
    assert_ptr_equal(slab->owner, OWNER_HUGE);
    assert_ptr_equal(huge_of(slab)->base, block);
    return huge_of(slab);
}

static size_t minor_faults(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (size_t)usage.ru_minflt;
}

/* A mark on each page that says which it is. */
static void mark(const struct huge *huge) {
    for (size_t offset = 0; offset < huge->length; offset += PAGE)
        *(size_t *)(huge->base + offset) = offset + 1;
}

static bool is_marked(const struct huge *huge, size_t length) {
    for (size_t offset = 0; offset < length; offset += PAGE)
        if (*(const size_t *)(huge->base + offset) != offset + 1)
            return false;
    return true;
}

static void give(struct huge *huge) {
    assert_true(huge_give(huge));
    purge_all();
    assert_int_equal(region_loose_bytes(), 0);
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

static bool is_live(const struct slab *slab) {
    return slab != NULL && slab->owner == OWNER_HUGE;
}

static void a_block_grows_and_shrinks_with_its_contents(void **state) {
    static const size_t sizes[] = {7 * MIB, 3 * MIB, 40 * MIB, 4 * MIB + 1, 4 * MIB, 12 * MIB};
    bool zero;
    (void)state;
    struct huge *huge = take(5 * MIB, &zero);
    uint64_t others = huge_bytes() - huge->length;
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t before = huge->length;
        mark(huge);
        char *block = huge_resize(huge, sizes[i]);
        assert_ptr_equal(block, huge->base);
        assert_in_range(huge->length, sizes[i], sizes[i] + UNIT - 1);
        assert_true(is_marked(huge, before < sizes[i] ? before : huge->length));
        assert_int_equal(huge_bytes(), others + huge->length);
        for (size_t offset = 0; offset < huge->length; offset += GRANULE)
            assert_ptr_equal(registry_find(block + offset), &huge->slab);
        for (size_t offset = huge->length; offset < before; offset += UNIT)
            assert_true(offset % GRANULE != 0 || !is_live(registry_find(block + offset)));
    }
    give(huge);
}

/* Whether the kernel's mapping at an address refuses huge pages. */
static bool refuses_huge_pages(uintptr_t address) {
    char line[512];
    bool is_there = false, refuses = false;
    FILE *maps = fopen("/proc/self/smaps", "re");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        uintptr_t start, end;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &start, &end) == 2)
            is_there = start <= address && address < end;
        else if (is_there && strncmp(line, "VmFlags:", 8) == 0)
            refuses = strstr(line, " nh") != NULL;
    }
    fclose(maps);
    return refuses;
}

/* Of some blocks, one that has another right behind it. */
static unsigned lower_of(struct huge *const *blocks, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        for (unsigned j = 0; j < count; j++)
            if (blocks[i]->base + 2 * GRANULE == blocks[j]->base)
                return i;
    fail();
    return 0;
}

static void where_pages_were_moved_to_refuses_huge_pages_again(void **state) {
    struct huge *blocks[3];
    bool zero;
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        blocks[i] = take(5 * MIB, &zero);
    unsigned lower = lower_of(blocks, 3);
    struct huge *moved = blocks[lower];
    mark(moved);
    assert_non_null(huge_resize(moved, 11 * MIB));
    struct granules at = moved->granules;
    struct granule *granule = &at.region->granules[at.first];
    uintptr_t address = (uintptr_t)moved->base;
    assert_int_not_equal(granule->move, 0);
    bool refused = refuses_huge_pages(address);
    give(moved);
    assert_int_equal(granule->move, 0);
    assert_int_equal(refuses_huge_pages(address), refused);
    for (unsigned i = 0; i < 3; i++)
        if (i != lower)
            give(blocks[i]);
}

/* Fills what is free of the regions from where it is: the next block is of a new one. */
static void a_block_that_cannot_grow_in_place_moves_its_pages(void **state) {
    bool zero;
    (void)state;
    struct huge *huge = take(6 * MIB, &zero);
    struct granules from = huge->granules;
    assert_true(region_extend(&huge->granules, 8 * MIB));
    struct granules behind = huge->granules, walls[REGION_GRANULES];
    unsigned count = 0;
    uint64_t dirty;
    behind.first += behind.count;
    if (behind.first < REGION_GRANULES && behind.region->granules[behind.first].state == GRANULE_FREE) {
        do
            assert_true(count < REGION_GRANULES && region_take_one(&walls[count], &dirty));
        while (granules_address(&walls[count++]) != granules_address(&behind));
    }
    region_shorten(&huge->granules, 6 * MIB);
    char *before = huge->base;
    mark(huge);
    size_t faults = minor_faults();
    char *block = huge_resize(huge, 30 * MIB);
    assert_non_null(block);
    assert_ptr_not_equal(block, before);
    assert_true(is_marked(huge, 6 * MIB));
#ifndef FREEHOLD_SANITIZED                            /* whose own memory is written too */
    assert_in_range(minor_faults() - faults, 0, 100); /* a copy is 1536 */
#else
    (void)faults;
#endif
    assert_int_equal((uintptr_t)block % GRANULE, 0);
    assert_false(is_live(registry_find(before)));
    assert_false(is_live(registry_find(before + GRANULE)));
    assert_ptr_equal(registry_find(block), &huge->slab);
    /* Where it was is free, and reads as zero. */
    assert_int_equal(from.region->granules[from.first].state, GRANULE_FREE);
    assert_int_equal(from.region->granules[from.first].dirty, 0);
    for (size_t offset = 0; offset < 6 * MIB; offset += PAGE)
        assert_int_equal(before[offset], 0);
    while (count > 0)
        region_give(&walls[--count]);
    give(huge);
}

static void granules_are_used_again_in_other_sizes(void **state) {
    bool zero;
    (void)state;
    struct huge *whole = take(24 * MIB, &zero);
    assert_true(zero);
    char *base = whole->base;
    mark(whole);
    assert_true(huge_give(whole));
    recent_flush();
    assert_int_equal(region_loose_bytes(), 24 * MIB);
    struct huge *first = take(16 * MIB, &zero);
    assert_false(zero);
    assert_ptr_equal(first->base, base);
    struct huge *second = take(6 * MIB, &zero);
    assert_false(zero);
    assert_ptr_equal(second->base, base + 16 * MIB);
    assert_int_equal(region_loose_bytes(), 2 * MIB);
    assert_true(huge_give(first));
    assert_true(huge_give(second));
    /* Neighbours have merged. */
    whole = take(23 * MIB, &zero);
    assert_false(zero);
    assert_ptr_equal(whole->base, base);
    give(whole);
}

static void a_huge_block_is_freed_once(void **state) {
    bool zero;
    (void)state;
    struct huge *huge = take(9 * MIB, &zero);
    uint64_t bytes = huge_bytes();
    assert_true(huge_give(huge));
    assert_false(huge_give(huge));
    assert_int_equal(bytes - huge_bytes(), 9 * MIB);
    purge_all();
    assert_int_equal(bytes - huge_bytes(), 9 * MIB);
    assert_int_equal(region_loose_bytes(), 0);
}

static void what_was_freed_last_serves_its_length_as_it_is(void **state) {
    enum { BLOCKS = RECENT_BLOCKS + 2 };
    void *blocks[BLOCKS];
    (void)state;
    purge_all();
    for (unsigned i = 0; i < BLOCKS; i++)
        blocks[i] = fh_malloc(3 * MIB);
    uint64_t used = region_used_bytes();
    for (unsigned i = 0; i < BLOCKS; i++)
        fh_free(blocks[i]);
    assert_int_equal(recent_bytes(), 3 * MIB * RECENT_BLOCKS);
    assert_int_equal(huge_bytes(), 0);
    assert_int_equal(used - region_used_bytes(), 6 * MIB);
    for (unsigned i = 0; i < RECENT_BLOCKS; i++)
        assert_non_null(blocks[i] = fh_malloc(3 * MIB - i));
    assert_int_equal(recent_bytes(), 0);
    assert_int_equal(huge_bytes(), 3 * MIB * RECENT_BLOCKS);
    assert_int_equal(used - region_used_bytes(), 6 * MIB);
    for (unsigned i = 0; i < RECENT_BLOCKS; i++)
        fh_free(blocks[i]);
    purge_all();
    assert_int_equal(recent_bytes() + region_loose_bytes(), 0);
}

static void what_was_freed_last_merges_for_another_length(void **state) {
    (void)state;
    char *first = fh_malloc(4 * MIB), *second = fh_malloc(4 * MIB);
    fh_free(first);
    fh_free(second);
    assert_int_equal(recent_bytes(), 8 * MIB);
    char *both = fh_malloc(8 * MIB);
    assert_ptr_equal(both, first < second ? first : second);
    assert_int_equal(recent_bytes(), 0);
    /* And what is of another length than those that are kept goes back at once. */
    fh_free(fh_malloc(5 * MIB));
    assert_int_equal(recent_bytes(), 5 * MIB);
    fh_free(both);
    assert_int_equal(recent_bytes(), 5 * MIB);
    char *zeros = fh_calloc(1, 5 * MIB);
    assert_int_equal(recent_bytes(), 0);
    for (size_t offset = 0; offset < 5 * MIB; offset += PAGE)
        assert_int_equal(zeros[offset], 0);
    memset(zeros, 1, 5 * MIB);
    fh_free(zeros);
    zeros = fh_calloc(1, 5 * MIB);
    for (size_t offset = 0; offset < 5 * MIB; offset += PAGE)
        assert_int_equal(zeros[offset], 0);
    fh_free(zeros);
    purge_all();
}

/* At guard level 2. */
static void nobody_may_touch_what_was_freed(void **state) {
    struct huge *blocks[CLOSED_BLOCKS];
    bool zero;
    (void)state;
    config.guard = 2;
    uint64_t used = region_used_bytes(), live = huge_bytes();
    for (unsigned i = 0; i < CLOSED_BLOCKS; i++) {
        blocks[i] = take((5 + i) * MIB, &zero);
        mark(blocks[i]);
    }
    for (unsigned i = 0; i < CLOSED_BLOCKS; i++)
        assert_true(huge_give(blocks[i]));
    assert_int_equal(huge_bytes(), live);
    for (unsigned i = 0; i < CLOSED_BLOCKS; i++) {
        char *last = blocks[i]->base + blocks[i]->length - sizeof(void *);
        assert_true(closed_has(blocks[i]) && !os_can_read(blocks[i]->base) && !os_can_read(last));
        assert_false(is_live(registry_find(blocks[i]->base)) || huge_give(blocks[i]));
    }
    struct huge *other = take(5 * MIB, &zero);
    assert_true(huge_give(other));
    assert_false(closed_has(blocks[0]));
    assert_true(closed_has(blocks[1]) && closed_has(other));
    purge_all();
    for (unsigned i = 1; i < CLOSED_BLOCKS; i++)
        assert_false(closed_has(blocks[i]));
    assert_int_equal(region_used_bytes(), used);
    assert_int_equal(region_loose_bytes(), 0);
    config.guard = 1;
    for (unsigned i = 0; i < CLOSED_BLOCKS; i++) {
        blocks[i] = take((5 + i) * MIB, &zero);
        mark(blocks[i]);
    }
    for (unsigned i = 0; i < CLOSED_BLOCKS; i++) {
        assert_true(is_marked(blocks[i], blocks[i]->length));
        give(blocks[i]);
    }
}

static bool is_full; /* the kernel maps nothing anew */

bool __wrap_os_renew(void *address, size_t length);
bool __real_os_renew(void *address, size_t length);

bool __wrap_os_renew(void *address, size_t length) {
    return !is_full && __real_os_renew(address, length);
}

static void what_cannot_be_opened_yet_is_not_lost(void **state) {
    struct huge *blocks[CLOSED_BLOCKS + 2];
    bool zero;
    (void)state;
    config.guard = 2;
    uint64_t used = region_used_bytes(), before = closed_bytes();
    for (unsigned i = 0; i < CLOSED_BLOCKS + 2; i++)
        blocks[i] = take(5 * MIB, &zero);
    is_full = true;
    for (unsigned i = 0; i < CLOSED_BLOCKS + 2; i++)
        assert_true(huge_give(blocks[i]));
    purge_all();
    for (unsigned i = 0; i < CLOSED_BLOCKS; i++)
        assert_true(closed_has(blocks[i]));
    assert_true(closed_bytes() > before);
    is_full = false;
    purge_all();
    for (unsigned i = 0; i < CLOSED_BLOCKS + 2; i++)
        assert_false(closed_has(blocks[i]));
    assert_int_equal(closed_bytes(), before);
    assert_int_equal(region_used_bytes(), used);
    config.guard = 1;
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
        struct huge *huge = take(64 * MIB, &zero);
        assert_null(huge_take(5 * MIB, GRAIN, &zero));
        assert_non_null(huge_resize(huge, 60 * MIB));
        assert_null(huge_take(5 * MIB, GRAIN, &zero));
        assert_null(huge_resize(huge, 65 * MIB));
        assert_int_equal(huge->length, 60 * MIB);
        assert_non_null(huge_resize(huge, 64 * MIB));
        assert_null(huge_resize(huge, 64 * MIB + 1));
        assert_non_null(huge_resize(huge, 32 * MIB));
        struct huge *other = take(32 * MIB, &zero);
        assert_true(huge_give(other));
        give(huge);
    }
    errno = 0;
    assert_null(fh_malloc(65 * MIB));
    assert_int_equal(errno, ENOMEM);
    /* What is kept is given up before a request fails. */
    void *small = fh_malloc(3 * MIB);
    fh_free(fh_malloc(32 * MIB));
    void *block = fh_malloc(60 * MIB);
    assert_non_null(block);
    fh_free(block);
    fh_free(small);
    config.limit = limit;
    fh_free(pin);
    purge_all();
}

static void a_very_huge_block_has_a_mapping_of_its_own(void **state) {
    bool zero;
    (void)state;
    uint64_t reserved = region_reserved_bytes();
    struct huge *huge = take(HUGE_MAX + UNIT, &zero);
    assert_null(huge->granules.region);
    assert_int_equal(region_reserved_bytes(), reserved);
    huge->base[0] = huge->base[HUGE_MAX] = 7;
    char *block = huge_resize(huge, 2 * HUGE_MAX);
    assert_non_null(block);
    assert_int_equal(block[0], 7);
    assert_int_equal(block[HUGE_MAX], 7);
    assert_ptr_equal(registry_find(block + 2 * HUGE_MAX - GRANULE), &huge->slab);
    block = huge_resize(huge, 3 * MIB);
    assert_int_equal(block[0], 7);
    assert_null(registry_find(block + GRANULE));
    give(huge);
    assert_null(registry_find(block));
    /* A block of a region becomes one. */
    huge = take(5 * MIB, &zero);
    mark(huge);
    assert_non_null(huge_resize(huge, HUGE_MAX + 1));
    assert_null(huge->granules.region);
    assert_true(is_marked(huge, 5 * MIB));
    give(huge);
}

/* What is mapped where a block was, as soon as its pages have been moved; or the move's error. */
static struct slab neighbour = {.owner = OWNER_FREE};
static bool has_neighbour;
static int move_error;

int __wrap_os_move(void *address, size_t length, void *target, bool keep);
int __real_os_move(void *address, size_t length, void *target, bool keep);

int __wrap_os_move(void *address, size_t length, void *target, bool keep) {
    if (move_error == EFAULT)
        os_unmap(target, length);
    int error = move_error != 0 ? move_error : __real_os_move(address, length, target, keep);
    if (error == 0 && has_neighbour)
        registry_set(address, &neighbour);
    return error;
}

/* A block with a mapping of its own that cannot grow where it is. */
static struct huge *take_enclosed(char **end) {
    bool zero;
    struct huge *huge = take(HUGE_MAX + GRANULE, &zero);
    *end = huge->base + huge->length;
    if (!os_map_at(*end, UNIT))
        *end = NULL; /* somebody else is there */
    return huge;
}

static void who_maps_what_a_block_has_left_stays_registered(void **state) {
    char *end;
    struct huge *huge = take_enclosed(&end);
    char *before = huge->base;
    (void)state;
    has_neighbour = true;
    assert_non_null(huge_resize(huge, HUGE_MAX + 2 * GRANULE));
    has_neighbour = false;
    assert_ptr_not_equal(huge->base, before);
    assert_ptr_equal(registry_find(before), &neighbour);
    registry_set(before, NULL);
    give(huge);
    assert_true(end == NULL || os_unmap(end, UNIT));
}

/* As kernels do that move one mapping only: the target has a hole then. */
static void a_block_of_several_mappings_stays_and_others_still_move(void **state) {
    char *end;
    struct huge *huge = take_enclosed(&end);
    uint64_t used = region_used_bytes();
    (void)state;
    move_error = EFAULT;
    assert_null(huge_resize(huge, HUGE_MAX + 2 * GRANULE));
    move_error = 0;
    assert_int_equal(region_used_bytes(), used); /* nothing is lost with the target */
    char *before = huge->base;
    assert_non_null(huge_resize(huge, HUGE_MAX + 2 * GRANULE));
    assert_ptr_not_equal(huge->base, before);
    give(huge);
    assert_true(end == NULL || os_unmap(end, UNIT));
}

/* The last: no page is moved after it. */
static void a_block_that_cannot_be_moved_stays(void **state) {
    char *end;
    struct huge *huge = take_enclosed(&end);
    (void)state;
    move_error = EPERM;
    assert_null(huge_resize(huge, HUGE_MAX + 2 * GRANULE));
    assert_ptr_equal(registry_find(huge->base), &huge->slab);
    assert_ptr_equal(registry_find(huge->base + HUGE_MAX), &huge->slab);
    give(huge);
    assert_true(end == NULL || os_unmap(end, UNIT));
}

static int start(void **state) {
    config.decay = 86400000; /* nothing is to expire unless a test says so */
    return check_start(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_pages_were_moved_to_refuses_huge_pages_again),
        cmocka_unit_test(a_new_block_is_zero_and_aligned),
        cmocka_unit_test(a_block_grows_and_shrinks_with_its_contents),
        cmocka_unit_test(a_block_that_cannot_grow_in_place_moves_its_pages),
        cmocka_unit_test(granules_are_used_again_in_other_sizes),
        cmocka_unit_test(a_huge_block_is_freed_once),
        cmocka_unit_test(what_was_freed_last_serves_its_length_as_it_is),
        cmocka_unit_test(what_was_freed_last_merges_for_another_length),
        cmocka_unit_test(nobody_may_touch_what_was_freed),
        cmocka_unit_test(what_cannot_be_opened_yet_is_not_lost),
        cmocka_unit_test(the_limit_holds_and_nothing_is_lost_at_it),
        cmocka_unit_test(a_very_huge_block_has_a_mapping_of_its_own),
        cmocka_unit_test(who_maps_what_a_block_has_left_stays_registered),
        cmocka_unit_test(a_block_of_several_mappings_stays_and_others_still_move),
        cmocka_unit_test(a_block_that_cannot_be_moved_stays),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
