/* SPDX-License-Identifier: MIT
 *
 * Structures of the allocator lie between pages that nobody may touch, and no block lies there. */
#include "check.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "arena/stock.h"
#include "child.h"
#include "superslab/metadata.h"
#include "superslab/registry.h"
#include "thread.h"

#define CHUNK ((size_t)128 << 10)

struct mapping {
    uintptr_t start, end;
    char access[5];
};

static bool read_mapping(FILE *maps, struct mapping *mapping) {
    char line[512];
    return fgets(line, sizeof line, maps) != NULL &&
           sscanf(line, "%lx-%lx %4s", &mapping->start, &mapping->end, mapping->access) == 3;
}

static bool is_closed(const struct mapping *mapping) {
    return strcmp(mapping->access, "---p") == 0;
}

/* Whether the mapping that an address is in has others at both ends, without a gap, that are closed. */
static bool is_between_closed(const void *address) {
    struct mapping before = {0}, here = {0}, after = {0};
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (here.end <= (uintptr_t)address) {
        before = here;
        assert_true(read_mapping(maps, &here));
    }
    assert_true(read_mapping(maps, &after));
    fclose(maps);
    assert_in_range((uintptr_t)address, here.start, here.end - 1);
    return is_closed(&before) && before.end == here.start && is_closed(&after) && after.start == here.end;
}

static void structures_are_between_closed_pages(void **state) {
    (void)state;
    struct entry entry = registry_entry(fh_malloc(100));
    assert_true(is_between_closed(entry.leaf));
    assert_true(is_between_closed((char *)(entry.leaf + 1) - 1));
    assert_true(is_between_closed(entry_slab(entry)));
    assert_true(is_between_closed(thread.own));
    assert_true(is_between_closed(metadata_take(1)));
}

/* More than one reservation holds, and what is longer than any. */
static void more_structures_are_as_well(void **state) {
    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        char *taken = metadata_take(i % 7 == 0 ? 5 * CHUNK + 1 : CHUNK);
        assert_int_equal((uintptr_t)taken % 64, 0);
        assert_true(is_between_closed(taken));
        for (size_t j = 0; j < CHUNK; j += 4096)
            assert_int_equal(taken[j], 0);
        memset(taken, 1, CHUNK);
    }
    char *taken = metadata_take((size_t)40 << 20);
    assert_true(is_between_closed(taken));
    assert_true(is_between_closed(taken + ((size_t)40 << 20) - 1));
}

/* What slow paths have of each arena, but for the process's first. */
static void stocks_are_as_well(void **state) {
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        char *stock = (char *)stock_take();
        assert_int_equal((uintptr_t)stock % 4096, 0);
        assert_true(is_between_closed(stock) && is_between_closed(stock + sizeof(struct stock) - 1));
    }
}

static void write_on(void *address) {
    signal(SIGSEGV, SIG_DFL); /* cmocka has a handler */
    for (volatile char *byte = address;; byte += 64)
        *byte = 1;
}

static void write_back(void *address) {
    signal(SIGSEGV, SIG_DFL);
    for (volatile char *byte = address;; byte -= 64)
        *byte = 1;
}

/* From the last block of a mapping towards whatever is next, and from structures likewise. */
static void who_runs_on_faults(void **state) {
    (void)state;
    void *block = fh_malloc(100), *huge = fh_malloc((size_t)9 << 20), *structure = metadata_take(64);
    struct child child;
    void *const starts[] = {block, huge, structure};
    for (unsigned i = 0; i < sizeof starts / sizeof *starts; i++) {
        child_run(&child, write_on, starts[i]);
        assert_true(WIFSIGNALED(child.status) && WTERMSIG(child.status) == SIGSEGV);
        child_run(&child, write_back, starts[i]);
        assert_true(WIFSIGNALED(child.status) && WTERMSIG(child.status) == SIGSEGV);
    }
    fh_free(block);
    fh_free(huge);
}

TESTS(cmocka_unit_test(structures_are_between_closed_pages), cmocka_unit_test(more_structures_are_as_well),
      cmocka_unit_test(stocks_are_as_well), cmocka_unit_test(who_runs_on_faults))
