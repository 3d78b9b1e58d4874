/* SPDX-License-Identifier: MIT
 *
 * Units against a shadow of who holds which, and the way of a SuperSlab whose 64 are free. */
#include "check.h"

#include "config.h"
#include "layout.h"
#include "random.h"
#include "require.h"
#include "superslab/limbo.h"
#include "superslab/match.h"
#include "superslab/purge.h"
#include "superslab/region.h"
#include "superslab/registry.h"
#include "superslab/superslab.h"
#include "superslab/units.h"
#include "worker.h"

#define SLOTS   64
#define THREADS 4
#define STEPS   20000
#define CLASS   20 /* of slabs of one unit */
#define HELD    24 /* runs that a thread holds */

/* Who holds a unit, by slot and unit: 0 is nobody. */
static _Atomic uint8_t holder[SLOTS][UNITS];

static void note(const struct slab *slab, unsigned first, unsigned end, uint8_t before, uint8_t after) {
    uint32_t slot = superslab_of(slab)->slot;
    require(slot < SLOTS && slab->unit + end <= UNITS);
    for (unsigned i = first; i < end; i++)
        require(atomic_exchange_explicit(&holder[slot][slab->unit + i], after, memory_order_relaxed) ==
                before);
}

static bool unit_is_zero(const struct slab *slab, unsigned unit) {
    const uint64_t *words = (const uint64_t *)(unit_address(slab) + unit * UNIT);
    for (size_t i = 0; i < UNIT / sizeof *words; i++)
        if (words[i] != 0)
            return false;
    return true;
}

/* Marks the units, so that who is told that they are zero sees that they are not. */
static void dirty(const struct slab *slab, unsigned first, unsigned end) {
    for (unsigned i = first; i < end; i++)
        unit_address(slab)[i * UNIT + i] = 1;
}

static struct slab *take(struct random *random, uint8_t me) {
    unsigned length = 1 + (unsigned)random_below(random, random_below(random, 4) == 0 ? 20 : 3);
    unsigned alignment = 1u << random_below(random, 5);
    bool zero;
    struct slab *slab = take_units(length, alignment, random_below(random, 2) == 0, &zero);
    note(slab, 0, length, 0, me);
    require(slab->unit % alignment == 0);
    for (unsigned i = 0; zero && i < length; i++)
        require(unit_is_zero(slab, i));
    dirty(slab, 0, length);
    return slab;
}

static void extend(struct slab *slab, unsigned more, uint8_t me) {
    unsigned before = slab->units;
    if (!units_extend(slab, slab->units, before + more))
        return;
    note(slab, before, before + more, 0, me);
    dirty(slab, before, before + more);
    slab->units = (uint8_t)(before + more);
}

static void give(struct slab *slab, unsigned first, uint8_t me) {
    note(slab, first, slab->units, me, 0);
    units_give(slab, first, slab->units);
    if (first != 0)
        slab->units = (uint8_t)first;
}

/* Takes, extends, shortens and gives back; the first thread purges as well. */
static void *take_and_give(void *number) {
    uint8_t me = (uint8_t)(uintptr_t)number;
    struct random random = {me};
    struct slab *held[HELD] = {NULL};
    for (unsigned step = 0; step < STEPS; step++) {
        struct slab **slab = &held[random_below(&random, HELD)];
        if (*slab == NULL)
            *slab = take(&random, me);
        else if (random_below(&random, 4) == 0)
            extend(*slab, 1 + (unsigned)random_below(&random, 3), me);
        else if ((*slab)->units > 1 && random_below(&random, 4) == 0)
            give(*slab, 1, me);
        else {
            give(*slab, 0, me);
            *slab = NULL;
        }
        if (me == 1 && step % 200 == 0)
            purge_all();
    }
    for (unsigned i = 0; i < HELD; i++)
        if (held[i] != NULL)
            give(held[i], 0, me);
    return NULL;
}

static void no_unit_is_taken_twice(void **state) {
    pthread_t threads[THREADS];
    (void)state;
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, (void *)(i + 1)), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (unsigned i = 0; i < SLOTS; i++)
        for (unsigned unit = 0; unit < UNITS; unit++)
            assert_int_equal(holder[i][unit], 0);
}

static void slabs_come_from_the_bottom_and_runs_from_the_top(void **state) {
    bool zero;
    (void)state;
    layout_start();
    const struct {
        unsigned length, alignment;
        bool low;
        unsigned unit;
    } steps[] = {{3, 1, true, 0},   {3, 1, false, 61}, {4, 4, true, 4},   {4, 4, false, 56},
                 {1, 1, true, 3},   {1, 1, true, 8},   {1, 1, false, 60}, {8, 16, true, 16},
                 {2, 32, true, 32}, {2, 1, true, 9},   {15, 1, true, 34}};
    struct slab *slabs[sizeof steps / sizeof *steps];
    for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++) {
        slabs[i] = take_units(steps[i].length, steps[i].alignment, steps[i].low, &zero);
        assert_int_equal(slabs[i]->unit, steps[i].unit);
        assert_ptr_equal(superslab_of(slabs[i]), superslab_of(slabs[0]));
        assert_true(zero);
    }
    for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++)
        units_give(slabs[i], 0, slabs[i]->units);
    layout_end();
}

static void a_run_is_extended_over_free_units_only(void **state) {
    bool zero;
    (void)state;
    layout_start();
    struct slab *run = take_units(2, 1, true, &zero), *next = take_units(1, 8, false, &zero);
    assert_int_equal(next->unit, 56);
    assert_true(units_extend(run, run->units, 56));
    run->units = 56;
    assert_false(units_extend(run, run->units, 57));
    units_give(next, 0, next->units);
    assert_false(units_extend(run, run->units, UNITS + 1));
    assert_true(units_extend(run, run->units, UNITS));
    run->units = UNITS;
    assert_null(units_take_existing(1, 1, true).slab);
    units_give(run, 0, run->units);
    layout_end();
}

static void units_are_zero_until_used_and_after_a_purge(void **state) {
    bool zero;
    (void)state;
    layout_start();
    struct slab *pin = take_units(1, 1, true, &zero), *slab = take_units(2, 1, true, &zero);
    assert_true(zero);
    dirty(slab, 0, 2);
    units_give(slab, 0, slab->units);
    assert_ptr_equal(take_units(2, 1, true, &zero), slab);
    assert_false(zero);
    units_give(slab, 0, slab->units);
    /* One unit of two that are not both clean. */
    slab = take_units(3, 1, true, &zero);
    assert_false(zero);
    units_give(slab, 0, slab->units);
    purge_all();
    slab = take_units(3, 1, true, &zero);
    assert_true(zero);
    for (unsigned i = 0; i < 3; i++)
        assert_true(unit_is_zero(slab, i));
    units_give(slab, 0, slab->units);
    units_give(pin, 0, pin->units);
    layout_end();
}

/* What is taken and given back has been dirty, so a purge makes it clean. */
static void a_superslab_that_becomes_sparse_loses_its_huge_pages(void **state) {
    bool zero;
    (void)state;
    layout_start();
    struct superslab *superslab = superslab_of(take_units(1, 1, true, &zero));
    struct slab *pin = superslab->slabs, *rest = take_units(UNITS - 1, 1, true, &zero);
    superslab->is_dense = region_advise(&superslab->granules, true);
    assert_true(superslab->is_dense);
    for (unsigned left = rest->units; left > UNITS - 1 - SPARSE_UNITS; left--) {
        assert_true(superslab->is_dense);
        units_give(rest, left - 1, left);
        purge_all();
    }
    assert_false(superslab->is_dense);
    units_give(rest, 0, UNITS - 1 - SPARSE_UNITS);
    units_give(pin, 0, pin->units);
    layout_end();
}

static void full_superslabs_are_not_looked_at_again(void **state) {
    uint32_t index = 0;
    bool zero;
    (void)state;
    purge_all();
    layout_start();
    struct slab *all = take_units(UNITS, 1, true, &zero);
    purge_is_needed();
    while (slots_next(LIST_TO_PURGE, &index))
        assert_int_not_equal(slot_at(index++)->free, 0);
    units_give(all, 0, all->units);
    layout_end();
}

static void one_unit_that_has_been_used_is_preferred(void **state) {
    bool zero;
    (void)state;
    layout_start();
    struct slab *below = take_units(4, 1, true, &zero), *used = take_units(1, 1, true, &zero);
    struct slab *pin = take_units(1, 1, true, &zero);
    units_give(below, 0, below->units);
    purge_all(); /* the ones below are clean now */
    units_give(used, 0, used->units);
    for (unsigned low = 0; low < 2; low++) {
        assert_ptr_equal(take_units(1, 1, low != 0, &zero), used);
        units_give(used, 0, used->units);
    }
    /* Two are taken from the bottom all the same. */
    assert_ptr_equal(take_units(2, 1, true, &zero), below);
    units_give(below, 0, below->units);
    units_give(pin, 0, pin->units);
    layout_end();
}

/* Gives back a unit of which so many pages were written to. */
static void give_touched(struct slab *slab, unsigned pages) {
    dirty(slab, 0, 1);
    unit_give(slab, pages);
}

/* The unit that a slab gets that needs so many pages. */
static struct slab *match(unsigned pages) {
    for (unsigned i = 0; i < 64; i++)
        match_note(CLASS, pages);
    struct slab *slab = match_take(CLASS).slab;
    if (slab != NULL)
        slab->units = 1;
    return slab;
}

static void a_slab_gets_a_unit_of_which_as_much_is_touched(void **state) {
    const unsigned touched[] = {UNIT_PAGES, 2, 6};
    struct slab *slabs[3], *pins[3];
    bool zero;
    (void)state;
    layout_start();
    for (unsigned i = 0; i < 3; i++) {
        slabs[i] = take_units(1, 1, true, &zero);
        pins[i] = take_units(1, 1, true, &zero);
    }
    struct slab *rest = take_units(UNITS - 6, 1, true, &zero);
    for (unsigned i = 0; i < 3; i++)
        give_touched(slabs[i], touched[i]);
    for (unsigned i = 0; i < 3; i++) {
        assert_ptr_equal(match(touched[i]), slabs[i]);
        give_touched(slabs[i], 1); /* what was touched before is */
        assert_ptr_equal(match(touched[i]), slabs[i]);
        give_touched(slabs[i], touched[i]);
    }
    /* Nearly as good; then what is touched in vain, which costs nothing now. */
    assert_ptr_equal(match(4), slabs[2]);
    assert_ptr_equal(match(3), slabs[1]);
    assert_ptr_equal(match(1), slabs[0]);
    for (unsigned i = 0; i < 3; i++) {
        unit_give(slabs[i], 0);
        units_give(pins[i], 0, 1);
    }
    units_give(rest, 0, rest->units);
    layout_end();
}

static void a_clean_unit_costs_the_pages_that_are_needed(void **state) {
    bool zero;
    (void)state;
    layout_start();
    struct slab *pin = take_units(1, 1, false, &zero), *touched = take_units(1, 1, true, &zero);
    give_touched(touched, UNIT_PAGES);
    struct slab *clean = match(2);
    assert_ptr_equal(clean, touched + 1);
    assert_ptr_equal(match(8), touched);
    unit_give(touched, UNIT_PAGES);
    give_touched(clean, 2);
    assert_ptr_equal(match(2), clean);
    /* After a purge it is as good as any other, whatever it was. */
    unit_give(clean, UNIT_PAGES);
    purge_all();
    assert_ptr_equal(match(2), touched);
    give_touched(touched, 2);
    assert_ptr_equal(match(2), touched);
    /* Of a run nobody knows how much is touched. */
    units_give(touched, 0, 1);
    assert_ptr_equal(match(2), clean);
    unit_give(clean, 2);
    units_give(pin, 0, 1);
    layout_end();
}

static void a_full_slot_is_struck_off_where_a_unit_is_looked_for(void **state) {
    bool zero;
    (void)state;
    layout_start();
    struct slab *other = take_units(UNITS, 1, true, &zero), *all = take_units(UNITS, 1, true, &zero);
    uint32_t slot = superslab_of(all)->slot, index = slot;
    assert_true(slots_next(LIST_WHOLE, &index) && index == slot);
    units_give(other, 0, 1);
    assert_ptr_equal(match(UNIT_PAGES / 2), other);
    assert_false(slots_next(LIST_WHOLE, &index) && index == slot);
    units_give(other, 0, UNITS);
    units_give(all, 0, UNITS);
    layout_end();
}

static enum granule_state state_of(const struct granules *granules) {
    return granules->region->granules[granules->first].state;
}

static void a_superslab_with_a_unit_in_use_is_not_retired(void **state) {
    bool zero;
    (void)state;
    layout_start();
    for (unsigned unit = 0; unit < UNITS; unit++) {
        struct slab *below = unit == 0 ? NULL : take_units(unit, 1, true, &zero);
        struct slab *slab = take_units(1, 1, true, &zero);
        if (below != NULL)
            units_give(below, 0, below->units);
        assert_false(superslab_retire(slot_of_slab(slab)));
        assert_ptr_equal(registry_find(unit_address(slab)), slab);
        units_give(slab, 0, slab->units);
    }
    layout_end();
}

static void a_granule_is_free_again_after_two_grace_periods(void **state) {
    (void)state;
    purge_all();
    struct superslab *superslab = superslab_make_empty();
    struct granules granules = superslab->granules;
    uint64_t added = limbo_added(), freed = limbo_freed(), periods = limbo_grace_periods();
    uint64_t bytes = limbo_bytes(), present = superslabs_now();
    assert_int_equal(state_of(&granules), GRANULE_USED);
    assert_true(superslab_retire(slot_at(superslab->slot)));
    assert_int_equal(superslabs_now(), present - 1);
    assert_int_equal(limbo_added(), added + 1);
    assert_int_equal(limbo_bytes(), bytes + SUPERSLAB);
    assert_false(superslab_retire(slot_at(superslab->slot)));
    for (unsigned period = 1; period <= 2; period++) {
        assert_int_equal(state_of(&granules), GRANULE_LIMBO);
        assert_int_equal(limbo_freed(), freed);
        limbo_empty();
        assert_int_equal(limbo_grace_periods(), periods + period);
    }
    assert_int_equal(state_of(&granules), GRANULE_FREE);
    assert_int_equal(limbo_freed(), freed + 1);
    assert_int_equal(limbo_bytes(), bytes);
}

static void a_slab_in_an_inbox_keeps_its_superslab_in_limbo(void **state) {
    (void)state;
    purge_all();
    struct superslab *superslab = superslab_make_empty();
    struct granules granules = superslab->granules;
    uint64_t freed = limbo_freed();
    atomic_store(&superslab->slabs[17].posted, 1);
    assert_true(superslab_retire(slot_at(superslab->slot)));
    for (unsigned period = 1; period <= 4; period++)
        limbo_empty();
    assert_int_equal(state_of(&granules), GRANULE_LIMBO);
    atomic_store(&superslab->slabs[17].posted, 0);
    limbo_empty();
    assert_int_equal(limbo_freed(), freed);
    assert_int_equal(state_of(&granules), GRANULE_LIMBO);
    limbo_empty();
    assert_int_equal(limbo_freed(), freed + 1);
    assert_int_equal(state_of(&granules), GRANULE_FREE);
}

/* Where there is no granule, units are had from what is left: their alignment is as in a whole SuperSlab. */
static void at_the_limit_there_are_parts_of_a_superslab(void **state) {
    bool zero;
    (void)state;
    layout_start();
    unsigned long limit = config.limit;
    uint64_t superslabs = superslabs_now();
    struct slab *slabs[12];
    config.limit =
        1 + (superslabs * SUPERSLAB + limbo_bytes() + region_loose_bytes() + SUPERSLAB) / (1ul << 20);
    struct slab *whole = take_units(UNITS, 1, true, &zero);
    assert_null(units_take(UNITS / 2, 1, true).slab);
    for (unsigned i = 0; i < 12; i++) {
        slabs[i] = take_units(1, 1, true, &zero);
        assert_true(zero);
        assert_ptr_equal(registry_find(unit_address(slabs[i])), slabs[i]);
        assert_int_equal((uintptr_t)unit_address(slabs[i]) % SUPERSLAB / UNIT, slabs[i]->unit);
        dirty(slabs[i], 0, 1);
    }
    struct slab *aligned = take_units(2, 2, true, &zero);
    assert_int_equal((uintptr_t)unit_address(aligned) % (2 * UNIT), 0);
    assert_false(superslab_retire(slot_of_slab(aligned)));
    units_give(aligned, 0, aligned->units);
    for (unsigned i = 0; i < 12; i++)
        units_give(slabs[i], 0, slabs[i]->units);
    assert_false(superslab_retire(slot_of_slab(aligned)));
    config.limit = limit;
    units_give(whole, 0, whole->units);
    layout_end();
}

TESTS(cmocka_unit_test(no_unit_is_taken_twice),
      cmocka_unit_test(slabs_come_from_the_bottom_and_runs_from_the_top),
      cmocka_unit_test(a_run_is_extended_over_free_units_only),
      cmocka_unit_test(units_are_zero_until_used_and_after_a_purge),
      cmocka_unit_test(a_superslab_that_becomes_sparse_loses_its_huge_pages),
      cmocka_unit_test(full_superslabs_are_not_looked_at_again),
      cmocka_unit_test(one_unit_that_has_been_used_is_preferred),
      cmocka_unit_test(a_slab_gets_a_unit_of_which_as_much_is_touched),
      cmocka_unit_test(a_clean_unit_costs_the_pages_that_are_needed),
      cmocka_unit_test(a_full_slot_is_struck_off_where_a_unit_is_looked_for),
      cmocka_unit_test(a_superslab_with_a_unit_in_use_is_not_retired),
      cmocka_unit_test(a_granule_is_free_again_after_two_grace_periods),
      cmocka_unit_test(a_slab_in_an_inbox_keeps_its_superslab_in_limbo),
      cmocka_unit_test(at_the_limit_there_are_parts_of_a_superslab))
