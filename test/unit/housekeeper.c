/* SPDX-License-Identifier: MIT
 *
 * The housekeeper: whoever frees the first thing that decays wakes it, it goes back to sleep when nothing
 * does, and without it the work is done all the same. */
#include "check.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "child.h"
#include "config.h"
#include "os.h"
#include "require.h"
#include "superslab/call.h"
#include "superslab/housekeeper.h"
#include "superslab/huge.h"
#include "superslab/large.h"
#include "superslab/purge.h"
#include "superslab/region.h"

#define ROUNDS 300
#define MIB    ((size_t)1 << 20)

/* Waits for a state of it; false if that does not come for long. */
static bool comes_to(uint32_t state) {
    for (unsigned i = 0; i < 20000; i++) {
        if (atomic_load(&housekeeper_word) == state)
            return true;
        os_pause(1);
    }
    return false;
}

static void start(void) {
    housekeeper_start(pthread_create);
    require(atomic_load(&housekeeper_word) != HOUSEKEEPER_NONE);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): as pthread_create */
static int refuse(pthread_t *id, const pthread_attr_t *attributes, void *(*function)(void *),
                  void *argument) {
    (void)id, (void)attributes, (void)function, (void)argument;
    return EAGAIN;
}

/* A program may need more for its thread-local storage than the stack that was asked for. */
static int want_more(pthread_t *id, const pthread_attr_t *attributes, void *(*function)(void *),
                     void *argument) {
    return attributes != NULL ? EINVAL : pthread_create(id, attributes, function, argument);
}

static void one_that_cannot_be_made_is_not_missed(void *unused) {
    (void)unused;
    errno = 7;
    housekeeper_start(refuse);
    require(errno == 7);
    require(atomic_load(&housekeeper_word) == HOUSEKEEPER_NONE && !housekeeper_works());
    config.decay = 0;
    void *block = fh_malloc(20 * MIB);
    memset(block, 1, 20 * MIB);
    fh_free(block);
    require(region_loose_bytes() == 0);
    config.decay = 20;
    housekeeper_start(want_more);
    require(comes_to(HOUSEKEEPER_ASLEEP));
}

static void free_one(unsigned kind) {
    size_t size = kind == 0 ? 100000 : kind == 1 ? 3 * MIB : 9 * MIB;
    char *block = fh_malloc(size);
    memset(block, 1, size);
    fh_free(block);
    if (kind == 0)
        trim(NULL); /* else the thread keeps the run */
}

/* If one wake-up were lost, what is free would stay. */
static void wake_it(unsigned rounds) {
    config.decay = 1;
    start();
    for (unsigned i = 0; i < rounds; i++) {
        require(comes_to(HOUSEKEEPER_ASLEEP));
        require(!purge_is_needed());
        free_one(i % 3);
    }
    require(comes_to(HOUSEKEEPER_ASLEEP) && region_loose_bytes() == 0);
}

static void who_frees_the_first_thing_wakes_it(void *unused) {
    (void)unused;
    wake_it(ROUNDS);
}

static void *free_some(void *unused) {
    for (unsigned i = 0; i < ROUNDS; i++)
        free_one(i % 3);
    return unused;
}

static void several_wake_it_at_once(void *unused) {
    (void)unused;
    pthread_t threads[4];
    config.decay = 1;
    start();
    for (unsigned i = 0; i < 4; i++)
        require(pthread_create(&threads[i], NULL, free_some, NULL) == 0);
    for (unsigned i = 0; i < 4; i++)
        require(pthread_join(threads[i], NULL) == 0);
    require(comes_to(HOUSEKEEPER_ASLEEP) && !purge_is_needed() && region_loose_bytes() == 0);
}

/* More than a fifth of what lived lately does not wait for the decay time. */
static void it_is_called_for_what_is_too_much(void *unused) {
    (void)unused;
    config.decay = 86400000;
    char *blocks[8];
    start();
    for (unsigned i = 0; i < 8; i++)
        memset(blocks[i] = fh_malloc(16 * MIB), 1, 16 * MIB);
    for (unsigned i = 0; i < 8; i++)
        fh_free(blocks[i]);
    char *others = fh_malloc(100 * MIB);
    memset(others, 1, 100 * MIB);
    char *more = fh_malloc(64 * MIB);
    memset(more, 1, 64 * MIB);
    for (unsigned i = 0; i < 5000 && region_loose_bytes() > 36 * MIB; i++)
        os_pause(1);
    require(region_loose_bytes() <= 36 * MIB);
    fh_free(others);
    fh_free(more);
}

static void child_wakes(void *unused) {
    (void)unused;
    require(atomic_load(&housekeeper_word) == HOUSEKEEPER_NONE);
    wake_it(10);
}

/* ThreadSanitizer makes no thread in a child of threads. */
static void a_child_has_its_own(void *unused) {
    (void)unused;
#ifdef FREEHOLD_TSAN
    return;
#endif
    struct child child;
    config.decay = 1;
    start();
    for (unsigned i = 0; i < 20; i++) {
        free_one(i % 3);
        child_run(&child, child_wakes, NULL);
        require(child_returned(&child));
    }
    require(comes_to(HOUSEKEEPER_ASLEEP));
}

/* The main thread of a child is the one that forks, here the main thread of the test. */
static void it_leaves_before_the_main_thread(void *unused) {
    (void)unused;
    start();
    require(comes_to(HOUSEKEEPER_ASLEEP));
    housekeeper_leave();
    require(atomic_load(&housekeeper_word) == HOUSEKEEPER_ENDING && !housekeeper_works());
    housekeeper_start(pthread_create);
    require(atomic_load(&housekeeper_word) == HOUSEKEEPER_ENDING);
    require(!housekeeper_call());
}

/* Each in a child: there it has not been started yet. */
static void run_in_child(task *test) {
    struct child child;
    child_run(&child, test, NULL);
    if (!child_returned(&child))
        print_error("%s", child.errors);
    assert_true(child_returned(&child));
}

#define IN_CHILD(test)                                                                                       \
    static void in_child_##test(void **state) {                                                              \
        (void)state;                                                                                         \
        run_in_child(test);                                                                                  \
    }

IN_CHILD(one_that_cannot_be_made_is_not_missed)
IN_CHILD(who_frees_the_first_thing_wakes_it)
IN_CHILD(several_wake_it_at_once)
IN_CHILD(it_is_called_for_what_is_too_much)
IN_CHILD(a_child_has_its_own)
IN_CHILD(it_leaves_before_the_main_thread)

TESTS(cmocka_unit_test(in_child_one_that_cannot_be_made_is_not_missed),
      cmocka_unit_test(in_child_who_frees_the_first_thing_wakes_it),
      cmocka_unit_test(in_child_several_wake_it_at_once),
      cmocka_unit_test(in_child_it_is_called_for_what_is_too_much),
      cmocka_unit_test(in_child_a_child_has_its_own),
      cmocka_unit_test(in_child_it_leaves_before_the_main_thread))
