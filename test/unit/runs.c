/* SPDX-License-Identifier: MIT
 *
 * A thread's cache of runs: what it hands out again, and how much it keeps. */
#include "check.h"

#include "arena/runs.h"
#include "config.h"
#include "crowd.h"
#include "layout.h"
#include "superslab/excess.h"
#include "superslab/large.h"
#include "superslab/registry.h"
#include "superslab/space.h"
#include "superslab/superslab.h"
#include "thread.h"
#include "worker.h"

#define RUNS ((unsigned)(2 * RUNS_MOST / LARGE_USUAL))

static uint64_t kept(void) {
    return runs_kept(thread.own);
}

static struct slab *take(size_t size) {
    void *block = fh_malloc(size);
    assert_non_null(block);
    struct slab *slab = registry_find(block);
    assert_ptr_equal(slab->owner, OWNER_LARGE);
    assert_ptr_equal(slab->run.start, block);
    return slab;
}

static void a_freed_run_is_handed_out_again_and_nothing_shared_changes(void **state) {
    (void)state;
    struct slab *slab = take(3 * UNIT);
    const struct slot *slot = slot_of_slab(slab);
    uint64_t free = slot->free, bytes = large_bytes();
    for (unsigned i = 0; i < 10; i++) {
        fh_free(slab->run.start);
        assert_ptr_equal(slab->owner, OWNER_FREE);
        assert_int_equal(kept(), 3 * UNIT);
        assert_int_equal(slot->free, free);
        assert_ptr_equal(take(3 * UNIT - i), slab);
        assert_int_equal(kept(), 0);
    }
    assert_int_equal(large_bytes(), bytes);
    fh_free(slab->run.start);
    runs_flush();
    assert_int_equal(kept(), 0);
    assert_int_equal(slot->free & ~free, 7ul << slab->unit);
}

static void a_run_of_another_length_is_taken_if_it_wastes_little(void **state) {
    (void)state;
    struct slab *slab = take(16 * UNIT);
    fh_free(slab->run.start);
    struct slab *near = take(15 * UNIT);
    assert_ptr_equal(near, slab);
    assert_int_equal(large_size(near), 16 * UNIT);
    fh_free(near->run.start);
    runs_flush();
}

/* Then it is cut up, before memory is touched that the process has not had. */
static void a_run_that_is_longer_is_given_up(void **state) {
    (void)state;
    struct slab *longer = take(16 * UNIT), *shorter = take(2 * UNIT);
    fh_purge();
    fh_free(longer->run.start);
    fh_free(shorter->run.start);
    uint64_t idle = idle_bytes();
    struct slab *slab = take(13 * UNIT);
    assert_int_equal(large_size(slab), 13 * UNIT);
    assert_int_equal(kept(), 2 * UNIT);
    assert_int_equal(idle_bytes() - idle, 3 * UNIT);
    fh_free(slab->run.start);
    fh_free(take(5 * UNIT)->run.start);
    assert_int_equal(kept(), 20 * UNIT); /* 13 are too many for 5 */
    runs_flush();
}

static void none_is_given_up_where_much_is_free(void **state) {
    void *blocks[RUNS + RUNS_IDLE / LARGE_USUAL];
    uint64_t decay = config.decay;
    (void)state;
    config.decay = EXCESS_DECAY + 1; /* so that what is free stays */
    struct slab *longer = take(16 * UNIT);
    for (unsigned i = 0; i < sizeof blocks / sizeof *blocks; i++)
        blocks[i] = take(LARGE_USUAL)->run.start;
    for (unsigned i = 0; i < sizeof blocks / sizeof *blocks; i++)
        fh_free(blocks[i]);
    runs_flush();
    fh_free(longer->run.start);
    assert_true(idle_bytes() >= RUNS_IDLE);
    fh_free(take(9 * UNIT)->run.start);
    assert_int_equal(kept(), 25 * UNIT);
    runs_flush();
    config.decay = decay;
}

/* Else a call that tidies up would purge once for all that it gives up. */
static void tidying_purges_at_its_end(void **state) {
    void *blocks[2 * RUNS];
    (void)state;
    for (unsigned i = 0; i < 2 * RUNS; i++)
        blocks[i] = take(LARGE_USUAL)->run.start;
    fh_purge();
    uint64_t purged = purged_bytes();
    thread.own->is_tidying = true;
    for (unsigned i = 0; i < 2 * RUNS; i++)
        fh_free(blocks[i]);
    runs_flush();
    assert_int_equal(purged_bytes(), purged);
    assert_int_equal(idle_bytes(), 2ul * RUNS * LARGE_USUAL);
    thread.own->is_tidying = false;
    excess_leave();
    assert_true(purged_bytes() > purged);
    fh_purge();
}

static void what_a_thread_keeps_is_bounded(void **state) {
    void *blocks[RUNS];
    (void)state;
    for (unsigned i = 0; i < RUNS; i++)
        blocks[i] = take(LARGE_USUAL)->run.start;
    for (unsigned i = 0; i < RUNS; i++) {
        fh_free(blocks[i]);
        assert_in_range(kept(), i == 0 ? LARGE_USUAL : 1, RUNS_MOST);
    }
    runs_flush();
    assert_int_equal(kept(), 0);
}

/* Quotas that nothing fills any more serve another length. */
static void a_length_takes_the_quotas_that_others_do_not_use(void **state) {
    void *blocks[RUNS];
    (void)state;
    struct slab *first = take(UNIT), *second = take(UNIT);
    for (unsigned i = 0; i < RUNS; i++)
        blocks[i] = take(LARGE_USUAL)->run.start;
    for (unsigned i = 0; i < RUNS; i++)
        fh_free(blocks[i]);
    assert_int_equal(kept(), RUNS_MOST);
    fh_free(first->run.start);
    assert_int_equal(kept(), RUNS_MOST);
    take(LARGE_USUAL);
    fh_free(second->run.start);
    assert_int_equal(kept(), RUNS_MOST - LARGE_USUAL + UNIT);
    runs_flush();
    assert_int_equal(thread.own->runs.quotas, 0);
}

/* Who is one of many keeps little, as a sleeper would keep it for good. */
static void what_one_of_many_keeps_is_its_share(void **state) {
    struct crowd crowd;
    void *blocks[RUNS];
    (void)state;
    crowd_start(&crowd);
    for (unsigned i = 0; i < RUNS; i++)
        blocks[i] = take(UNIT)->run.start;
    for (unsigned i = 0; i < RUNS; i++) {
        fh_free(blocks[i]);
        assert_true(kept() <= SHARE_LEAST);
    }
    assert_int_equal(kept(), SHARE_LEAST);
    runs_flush();
    crowd_end(&crowd);
}

static void what_is_not_used_goes_back(void **state) {
    (void)state;
    fh_free(take(UNIT)->run.start);
    take(UNIT);
    fh_free(take(2 * UNIT)->run.start);
    runs_flush_idle();
    assert_int_equal(kept(), 2 * UNIT);
    runs_flush_idle();
    assert_int_equal(kept(), 0);
}

static void free_all(void *blocks) {
    for (unsigned i = 0; i < RUNS; i++)
        fh_free(((void **)blocks)[i]);
}

/* Whatever a thread keeps goes back when it ends. */
static void a_thread_that_ends_keeps_nothing(void **state) {
    void *blocks[RUNS];
    (void)state;
    runs_flush();
    uint64_t bytes = large_bytes();
    for (unsigned round = 0; round < 8; round++) {
        for (unsigned i = 0; i < RUNS; i++)
            blocks[i] = take(LARGE_USUAL)->run.start;
        run_alone(free_all, blocks);
        runs_flush();
        assert_int_equal(large_bytes(), bytes);
    }
}

static void keep_one(void *unused) {
    (void)unused;
    fh_free(fh_malloc(1)); /* it has an arena */
    fh_free(fh_malloc(5 * UNIT));
}

static void what_a_sleeping_thread_keeps_is_known_to_others(void **state) {
    (void)state;
    struct worker worker;
    struct fh_account account;
    struct fh_counts before, after;
    worker_start(&worker);
    fh_counters(&before);
    struct mallinfo2 info = fh_mallinfo2();
    worker_run(&worker, keep_one, NULL);
    assert_int_equal(runs_kept(worker.locals->own), 5 * UNIT);
    fh_counters(&after);
    assert_int_equal(after.large_bytes, before.large_bytes);
    assert_in_range(fh_mallinfo2().uordblks, info.uordblks, info.uordblks + UNIT - 1);
    assert_int_equal(fh_stats(&account), 0);
    assert_int_equal(account.large_bytes, after.large_bytes);
    worker_stop(&worker);
}

TESTS(cmocka_unit_test(a_freed_run_is_handed_out_again_and_nothing_shared_changes),
      cmocka_unit_test(a_run_of_another_length_is_taken_if_it_wastes_little),
      cmocka_unit_test(a_run_that_is_longer_is_given_up),
      cmocka_unit_test(none_is_given_up_where_much_is_free), cmocka_unit_test(tidying_purges_at_its_end),
      cmocka_unit_test(what_a_thread_keeps_is_bounded),
      cmocka_unit_test(a_length_takes_the_quotas_that_others_do_not_use),
      cmocka_unit_test(what_one_of_many_keeps_is_its_share), cmocka_unit_test(what_is_not_used_goes_back),
      cmocka_unit_test(what_a_sleeping_thread_keeps_is_known_to_others),
      cmocka_unit_test(a_thread_that_ends_keeps_nothing))
