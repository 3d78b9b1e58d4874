/* SPDX-License-Identifier: MIT
 *
 * Threads that work as the late arena, before they have one and after its exit; and what ends a grace period.
 */
#include "check.h"

#include <stdatomic.h>

#include "freehold.h"
#include "layout.h"
#include "require.h"
#include "superslab/limbo.h"
#include "superslab/rcu.h"
#include "superslab/registry.h"
#include "superslab/superslab.h"
#include "superslab/units.h"
#include "worker.h"

#define SIZE 176

static struct arena *owner_of(const void *block) {
    return atomic_load(&registry_find(block)->owner);
}

/* A destructor of the program's that frees and allocates in the last pass, when the thread's arena has
 * exited. */
struct legacy {
    void *own, *others; /* blocks to free: of the thread's arena, and of another's */
    void *left;         /* a block that the exited thread has allocated */
    unsigned pass;
    bool has_exited;
};

static pthread_key_t legacy_key;

static void bequeath(void *argument) {
    struct legacy *legacy = argument;
    if (++legacy->pass < PTHREAD_DESTRUCTOR_ITERATIONS) {
        fh_free(fh_malloc(SIZE));
        require(pthread_setspecific(legacy_key, legacy) == 0);
        return;
    }
    legacy->has_exited = thread.state == THREAD_EXITED && thread.own == NULL && thread.arena == &empty_arena;
    fh_free(legacy->own);
    fh_free(legacy->others);
    legacy->left = fh_malloc(SIZE);
    for (unsigned i = 0; i < 100; i++) {
        char *block = fh_malloc(SIZE + i);
        block[SIZE + i - 1] = 1;
        fh_free(block);
    }
    fh_free(fh_realloc(fh_malloc(10), 5000));
    require(!rcu_is_reading(&late_arena) && thread.own == NULL);
}

static void set_legacy(void *argument) {
    struct legacy *legacy = argument;
    legacy->own = fh_malloc(SIZE);
    require(pthread_setspecific(legacy_key, legacy) == 0);
}

static void a_thread_allocates_and_frees_after_its_arenas_exit(void **state) {
    (void)state;
#ifdef FREEHOLD_TSAN
    skip(); /* in the last pass the sanitizer has ended the thread for itself */
#endif
    assert_int_equal(pthread_key_create(&legacy_key, bequeath), 0);
    for (unsigned i = 0; i < 20; i++) {
        struct legacy legacy = {.others = fh_malloc(SIZE)};
        run_alone(set_legacy, &legacy);
        assert_int_equal(legacy.pass, PTHREAD_DESTRUCTOR_ITERATIONS);
        assert_true(legacy.has_exited);
        assert_non_null(legacy.left);
        assert_true(owner_of(legacy.left) == &late_arena || owner_of(legacy.left) == OWNER_NONE);
        fh_free(legacy.left);
        trim(NULL);
        assert_int_equal(late_arena.outbox_count, 0);
    }
    pthread_key_delete(legacy_key);
}

/* Frees alone make no arena, until they are more than the C library's own when a thread ends. */
static void free_only(void *argument) {
    const struct blocks *blocks = argument;
    for (unsigned i = 0; i < blocks->count; i++) {
        fh_free(blocks->at[i]);
        require((thread.own != NULL) == (i >= FRESH_FREES));
    }
}

static void a_few_frees_make_no_arena(void **state) {
    void *at[FRESH_FREES + 2];
    struct blocks blocks = {.size = SIZE, .count = FRESH_FREES + 2, .at = at};
    (void)state;
    allocate_blocks(&blocks);
    run_alone(free_only, &blocks);
    trim(NULL);
}

/* A grace period of limbo that must not end is tried; then what holds it is let go of, and it ends. */
static void assert_held_by(struct worker *reader, task *enter, task *leave) {
    uint64_t periods = limbo_grace_periods();
    worker_start(reader);
    worker_run(reader, enter, NULL);
    assert_true(superslab_retire(slot_at(superslab_make_empty()->slot)));
    for (unsigned i = 0; i < 10; i++)
        limbo_empty();
    assert_int_equal(limbo_grace_periods(), periods);
    assert_true(limbo_bytes() != 0);
    worker_run(reader, leave, NULL);
    limbo_empty();
    limbo_empty();
    assert_int_equal(limbo_grace_periods(), periods + 2);
    assert_int_equal(limbo_bytes(), 0);
    worker_stop(reader);
}

static void enter_own(void *unused) {
    (void)unused;
    fh_free(fh_malloc(1));
    rcu_enter(thread.own);
}

static void leave_own(void *unused) {
    (void)unused;
    rcu_leave(thread.own);
}

static void a_read_section_holds_a_grace_period(void **state) {
    struct worker reader;
    (void)state;
    limbo_empty();
    limbo_empty();
    assert_held_by(&reader, enter_own, leave_own);
}

/* Nobody else works as the late arena meanwhile. */
static void enter_late(void *unused) {
    (void)unused;
    rcu_enter(&late_arena);
}

static void leave_late(void *unused) {
    (void)unused;
    rcu_leave(&late_arena);
}

static void a_read_section_of_the_late_arena_does_so_too(void **state) {
    struct worker reader;
    (void)state;
    assert_held_by(&reader, enter_late, leave_late);
}

/* A reader that has entered in the last period holds the next one before the counter changes again. */
static void a_section_of_the_last_period_holds_the_next_two(void **state) {
    unsigned long before = rcu_period.ctr;
    (void)state;
    assert_true(rcu_wait());
    assert_int_not_equal(rcu_period.ctr, before);
    atomic_store(&late_arena.reader.section, before); /* as one that has read the counter before that */
    assert_false(rcu_wait());
    assert_false(rcu_wait());
    assert_int_not_equal(rcu_period.ctr, before);
    rcu_leave(&late_arena);
    assert_true(rcu_wait());
    assert_int_equal(rcu_period.ctr, before);
}

TESTS(cmocka_unit_test(a_thread_allocates_and_frees_after_its_arenas_exit),
      cmocka_unit_test(a_few_frees_make_no_arena), cmocka_unit_test(a_read_section_holds_a_grace_period),
      cmocka_unit_test(a_read_section_of_the_late_arena_does_so_too),
      cmocka_unit_test(a_section_of_the_last_period_holds_the_next_two))
