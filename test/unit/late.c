/* SPDX-License-Identifier: MIT
 *
 * Threads that work as the late arena: while they register with liburcu, and after their arena's exit; and
 * what ends a grace period. */
#include "check.h"

#include <stdatomic.h>
#include <time.h>

#include "freehold.h"
#include "layout.h"
#include "require.h"
#include "superslab/limbo.h"
#include "superslab/rcu.h"
#include "superslab/registry.h"
#include "superslab/superslab.h"
#include "superslab/units.h"
#include "worker.h"

#define SIZE   176
#define NESTED 560 /* of a class that the thread has no cached blocks of */

static struct arena *owner_of(const void *block) {
    return atomic_load(&registry_find(block)->owner);
}

/* Stands in for a liburcu that allocates while it registers a thread, as it does where many keys exist. */
static _Thread_local void *nested;
static _Thread_local unsigned registrations;

void __real_urcu_bp_register(void);
void __wrap_urcu_bp_register(void);

void __wrap_urcu_bp_register(void) {
    registrations++;
    require(thread.phase == THREAD_REGISTERING && thread.own == NULL && thread.arena == &empty_arena);
    require(pthread_mutex_trylock(&register_lock) != 0);
    nested = fh_malloc(NESTED);
    fh_free(fh_malloc(NESTED));
    __real_urcu_bp_register();
}

static void register_thread(void *unused) {
    (void)unused;
    void *before = fh_malloc(SIZE);
    struct thread copy = thread;
    registrations = 0;
    rcu_enter(thread.own);
    require(registrations == 1 && rcu_is_reading());
    rcu_leave(thread.own);
    require(!rcu_is_reading());
    require(thread.own == copy.own && thread.arena == copy.arena && thread.phase == copy.phase);
    /* What the late arena allocates is its own or, between two uses, nobody's: never the thread's. */
    require(nested != NULL && registry_find(nested) != registry_find(before));
    require(owner_of(nested) == &late_arena || owner_of(nested) == OWNER_NONE);
    require(owner_of(before) == thread.own);
    rcu_enter(thread.own);
    rcu_leave(thread.own);
    require(registrations == 1);
    fh_free(nested);
    fh_free(before);
}

static void what_liburcu_allocates_is_the_late_arenas(void **state) {
    (void)state;
    run_alone(register_thread, NULL);
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
    legacy->has_exited = thread.phase == THREAD_EXITED && thread.own == NULL && thread.arena == &empty_arena;
    fh_free(legacy->own);
    fh_free(legacy->others);
    legacy->left = fh_malloc(SIZE);
    for (unsigned i = 0; i < 100; i++) {
        char *block = fh_malloc(SIZE + i);
        block[SIZE + i - 1] = 1;
        fh_free(block);
    }
    fh_free(fh_realloc(fh_malloc(10), 5000));
    require(!rcu_is_reading() && thread.own == NULL);
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
        assert_int_equal(late_arena.outbox_used, 0);
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

/* A grace period, and how far it is. */
struct period {
    _Atomic bool begun, over;
};

static void *run_period(void *argument) {
    struct period *period = argument;
    atomic_store(&period->begun, true);
    limbo_empty();
    atomic_store(&period->over, true);
    return NULL;
}

/* Starts a grace period of limbo that must not end, gives it the time to, then lets go of what holds it and
 * waits. */
static void assert_held_by(void (*let_go)(void)) {
    struct period period = {false, false};
    pthread_t waiter;
    uint64_t periods = limbo_grace_periods();
    assert_true(superslab_retire(slot_at(superslab_make_empty()->slot)));
    assert_int_equal(pthread_create(&waiter, NULL, run_period, &period), 0);
    while (!atomic_load(&period.begun))
        sched_yield();
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    assert_false(atomic_load(&period.over));
    let_go();
    assert_int_equal(pthread_join(waiter, NULL), 0);
    assert_true(atomic_load(&period.over));
    assert_int_equal(limbo_grace_periods(), periods + 1);
}

static struct worker reader;

static void enter(void *unused) {
    (void)unused;
    fh_free(fh_malloc(1));
    rcu_enter(thread.own);
}

static void leave(void *unused) {
    (void)unused;
    rcu_leave(thread.own);
}

static void let_reader_leave(void) {
    worker_run(&reader, leave, NULL);
}

static void a_read_section_holds_a_grace_period(void **state) {
    (void)state;
    worker_start(&reader);
    worker_run(&reader, enter, NULL);
    assert_held_by(let_reader_leave);
    worker_stop(&reader);
}

static void let_late_leave(void) {
    pthread_mutex_unlock(&late_lock);
}

/* That lock is the read section of those that have none. */
static void the_late_lock_holds_a_grace_period(void **state) {
    (void)state;
    pthread_mutex_lock(&late_lock);
    assert_held_by(let_late_leave);
}

TESTS(cmocka_unit_test(what_liburcu_allocates_is_the_late_arenas),
      cmocka_unit_test(a_thread_allocates_and_frees_after_its_arenas_exit),
      cmocka_unit_test(a_few_frees_make_no_arena), cmocka_unit_test(a_read_section_holds_a_grace_period),
      cmocka_unit_test(the_late_lock_holds_a_grace_period))
