/* SPDX-License-Identifier: MIT
 *
 * What the registry says of addresses: all those of a SuperSlab, those of a huge block, and those that are
 * not ours. */
#include "check.h"

#include <sys/mman.h>

#include "config.h"
#include "layout.h"
#include "superslab/huge.h"
#include "superslab/large.h"
#include "superslab/limbo.h"
#include "superslab/purge.h"
#include "superslab/registry.h"
#include "superslab/size_class.h"
#include "superslab/slab.h"
#include "superslab/superslab.h"

#define LARGE_UNITS 3

static struct arena arena;

/* What a SuperSlab is filled with: units from the bottom, a run at the top, and free units between. */
struct filling {
    char *base;
    struct slab *single, *several, *run;
};

static struct filling fill(void) {
    bool zero;
    layout_start();
    struct filling filling = {.single = slab_make(&arena, (unsigned)size_class(48)),
                              .several = slab_make(&arena, CLASSES - 1)};
    filling.base = unit_address(filling.single);
    filling.run = registry_find(large_take(LARGE_UNITS * UNIT, GRAIN, &zero));
    layout_end();
    return filling;
}

static void empty(const struct filling *filling) {
    slab_give_up(filling->single);
    slab_give_up(filling->several);
    assert_true(large_give_up(filling->run));
}

/* The slab that holds a unit of a filled SuperSlab. */
static struct slab *expected(const struct filling *filling, unsigned unit) {
    struct slab *const all[3] = {filling->single, filling->several, filling->run};
    for (unsigned i = 0; i < 3; i++) {
        unsigned units = all[i] == filling->run ? all[i]->run.units : all[i]->units;
        if (unit >= all[i]->unit && unit < all[i]->unit + units)
            return all[i];
    }
    return &superslab_of(filling->single)->slabs[unit];
}

static void every_address_of_a_superslab_has_its_slab(void **state) {
    (void)state;
    struct filling filling = fill();
    assert_int_equal(filling.single->unit, 0);
    assert_int_equal(filling.single->units, 1);
    assert_true(filling.several->units > 1);
    assert_int_equal(filling.run->unit, UNITS - LARGE_UNITS);
    for (size_t offset = 0; offset < SUPERSLAB; offset += GRAIN) {
        struct slab *slab = expected(&filling, (unsigned)(offset / UNIT));
        assert_ptr_equal(registry_find(filling.base + offset), slab);
    }
    empty(&filling);
}

static void the_fast_half_of_free_sees_owner_and_class_of_small_slabs_only(void **state) {
    (void)state;
    struct filling filling = fill();
    for (unsigned unit = 0; unit < UNITS; unit++) {
        const struct slab *slab = expected(&filling, unit);
        bool small = slab == filling.single || slab == filling.several;
        struct entry entry = registry_entry(filling.base + unit * UNIT);
        assert_ptr_equal(entry.leaf->owners[entry.index], small ? &arena : NULL);
        assert_int_equal(entry.leaf->classes[entry.index], small ? slab->class : CLASS_NONE);
    }
    empty(&filling);
    for (unsigned unit = 0; unit < UNITS; unit++) {
        struct entry entry = registry_entry(filling.base + unit * UNIT);
        assert_null(entry.leaf->owners[entry.index]);
        assert_int_equal(entry.leaf->classes[entry.index], CLASS_NONE);
    }
}

static void an_owner_is_written_for_all_units_of_a_slab(void **state) {
    static struct arena other;
    (void)state;
    struct slab *slab = slab_make(&arena, CLASSES - 1);
    registry_own(slab, &other);
    for (unsigned i = 0; i < slab->units; i++) {
        struct entry entry = registry_entry(unit_address(slab) + i * UNIT);
        assert_ptr_equal(entry.leaf->owners[entry.index], &other);
    }
    slab_give_up(slab);
}

static void neighbours_of_a_superslab_are_not_of_it(void **state) {
    (void)state;
    struct filling filling = fill();
    const struct superslab *superslab = superslab_of(filling.single);
    const char *const neighbours[] = {filling.base - 1, filling.base - UNIT, filling.base + SUPERSLAB,
                                      filling.base + SUPERSLAB + UNIT};
    for (unsigned i = 0; i < sizeof neighbours / sizeof *neighbours; i++) {
        const struct slab *slab = registry_find(neighbours[i]);
        assert_true(slab == NULL || slab < superslab->slabs || slab >= superslab->slabs + UNITS);
    }
    empty(&filling);
}

static void a_huge_block_is_found_by_its_granules(void **state) {
    bool zero;
    (void)state;
    char *block = huge_take(2 * GRANULE + PAGE, GRAIN, &zero);
    assert_non_null(block);
    struct slab *slab = registry_find(block);
    assert_ptr_equal(slab->owner, OWNER_HUGE);
    assert_ptr_equal(huge_of(slab)->base, block);
    for (size_t offset = 0; offset < 3 * GRANULE; offset += GRAIN) {
        bool found = offset % GRANULE < UNIT;
        assert_ptr_equal(registry_find(block + offset), found ? slab : NULL);
    }
    assert_true(huge_give(huge_of(slab)));
    purge_all();
    for (size_t offset = 0; offset < 3 * GRANULE; offset += UNIT)
        assert_null(registry_find(block + offset));
}

static void other_addresses_are_not_ours(void **state) {
    static char fixed;
    char local;
    (void)state;
    char *mapped = mmap(NULL, UNIT, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const uintptr_t addresses[] = {
        0,
        1,
        GRAIN,
        UNIT,
        (uintptr_t)&fixed,
        (uintptr_t)&local,
        (uintptr_t)mapped,
        (uintptr_t)(void *)other_addresses_are_not_ours,
        (1ul << 47) - 1,
        1ul << 47,
        (1ul << 48) - 1,
        1ul << 48,
        1ul << 63,
        -(uintptr_t)PAGE,
        UINTPTR_MAX,
    };
    for (unsigned i = 0; i < sizeof addresses / sizeof *addresses; i++)
        assert_null(registry_find((const void *)addresses[i]));
    munmap(mapped, UNIT);
}

/* An address over ADDRESS_BITS must not be taken for the one that its lower bits are. */
static void upper_bits_make_an_address_another_one(void **state) {
    (void)state;
    struct slab *slab = slab_make(&arena, 1);
    assert_ptr_equal(registry_find(slab->start), slab);
    for (unsigned bit = ADDRESS_BITS; bit < 64; bit++)
        assert_null(registry_find((const void *)((uintptr_t)slab->start | 1ul << bit)));
    slab_give_up(slab);
}

static void nothing_of_a_retired_superslab_is_found(void **state) {
    (void)state;
    struct filling filling = fill();
    empty(&filling);
    assert_true(superslab_retire(slot_of_slab(filling.single)));
    for (size_t offset = 0; offset < SUPERSLAB; offset += GRAIN)
        assert_null(registry_find(filling.base + offset));
    limbo_empty();
    limbo_empty();
    for (size_t offset = 0; offset < SUPERSLAB; offset += UNIT)
        assert_null(registry_find(filling.base + offset));
}

TESTS(cmocka_unit_test(every_address_of_a_superslab_has_its_slab),
      cmocka_unit_test(the_fast_half_of_free_sees_owner_and_class_of_small_slabs_only),
      cmocka_unit_test(an_owner_is_written_for_all_units_of_a_slab),
      cmocka_unit_test(neighbours_of_a_superslab_are_not_of_it),
      cmocka_unit_test(a_huge_block_is_found_by_its_granules), cmocka_unit_test(other_addresses_are_not_ours),
      cmocka_unit_test(upper_bits_make_an_address_another_one),
      cmocka_unit_test(nothing_of_a_retired_superslab_is_found))
