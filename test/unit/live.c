/* SPDX-License-Identifier: MIT
 *
 * Whose the live page is, and the word of whoever is at it: a child's of a fork are its own, also where it
 * has its parent's number, and a guest in another's memory (vfork) has neither. A page whose descriptor was
 * closed is shown again. Model: tsan/model/live.pml. */
#include "check.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/live.c" /* NOLINT(bugprone-suspicious-include): all of it */
#include "child.h"
#include "require.h"

#define STACK (256ul << 10)

static bool has_parents_number; /* a child has, as in a namespace of its own */
static uint32_t parents_number;

uint32_t __real_os_process(void);
uint32_t __wrap_os_process(void);

uint32_t __wrap_os_process(void) {
    return has_parents_number ? parents_number : __real_os_process();
}

/* In a child that has the same memory while its parent waits. */
static void run_as_guest(int (*function)(void *)) {
#ifdef FREEHOLD_SANITIZED /* which has the guest and its host for one thread */
    skip();
#endif
    char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(stack != MAP_FAILED);
    pid_t guest = clone(function, stack + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
    int status;
    assert_true(guest > 0);
    assert_int_equal(waitpid(guest, &status, 0), guest);
    assert_int_equal(status, 0);
    munmap(stack, STACK);
}

static int start(void **state) {
    (void)state;
    parents_number = os_process();
    has_parents_number = false;
    return fh_live(1);
}

static int stop(void **state) {
    (void)state;
    has_parents_number = false;
    return fh_live(0);
}

static void take_as_child(void *parents) {
    uint32_t own = self();
    require(own != *(uint32_t *)parents);
    require(!is_guest() && !is_own());
    require(take() && !take());
    give();
    struct slice slice = slice_endless();
    uint64_t written = page()->sequence;
    set_state(LIVE_ON);
    step(false, &slice);
    require(page() == NULL);
    require(written != 0 && written % 2 == 0);
}

/* The parent is at it meanwhile. */
static void check_child(void) {
    uint32_t own = self();
    assert_true(take());
    struct child child;
    child_run(&child, take_as_child, &own);
    assert_string_equal(child.errors, "");
    assert_true(child_returned(&child));
    assert_false(take());
    give();
    assert_true(is_own());
    assert_int_equal(page()->process_id, parents_number);
}

static void a_child_is_another_one(void **state) {
    (void)state;
    check_child();
}

static void so_is_one_of_equal_number(void **state) {
    (void)state;
    has_parents_number = true;
    check_child();
}

static void have_child_of_own(void *parents) {
    uint32_t own = self();
    require(own != *(uint32_t *)parents);
    struct child child;
    child_run(&child, take_as_child, &own);
    require(child_returned(&child));
}

static void so_is_a_childs_child(void **state) {
    (void)state;
    uint32_t own = self();
    struct child child;
    child_run(&child, have_child_of_own, &own);
    assert_true(child_returned(&child));
}

static int visit(void *unused) {
    (void)unused;
    struct shared before = live.shared;
    require(is_guest() && is_own());
    require(!take());
    require(fh_live(0) == -1 && errno == EPERM);
    atomic_store(&next_look, 0);
    require(work(false) == PERIOD_ASKED);
    require(before.address == live.shared.address && before.of.inode == live.shared.of.inode);
    _exit(0);
}

static void a_guest_leaves_it_alone(void **state) {
    (void)state;
    ino_t inode = live.shared.of.inode;
    run_as_guest(visit);
    assert_false(is_guest());
    assert_true(is_own() && os_has_shared(&live.shared) && live.shared.of.inode == inode);
    assert_true(take());
    give();
}

static int ask(void *unused) {
    (void)unused;
    require(fh_live(1) == -1 && errno == EPERM);
    set_state(LIVE_WANTED);
    atomic_store(&next_look, 0);
    (void)work(false);
    require(page() == NULL);
    _exit(0);
}

static void a_guest_makes_none(void **state) {
    (void)state;
    assert_int_equal(fh_live(0), 0);
    run_as_guest(ask);
    atomic_store(&next_look, 0);
    (void)work(false);
    assert_non_null(page());
    assert_true(os_has_shared(&live.shared));
}

static void what_was_closed_is_shown_again(void **state) {
    (void)state;
    assert_true(os_shows_shared(&live.shared));
    ino_t inode = live.shared.of.inode;
    close(live.shared.file);
    assert_false(os_shows_shared(&live.shared));
    atomic_store(&next_look, 0);
    (void)work(false);
    assert_true(live.shared.of.inode != inode);
    assert_true(os_shows_shared(&live.shared) && os_has_shared(&live.shared));
    assert_int_equal(page()->process_id, os_process());
}

static void what_the_program_has_opened_there_stays(void **state) {
    (void)state;
    int file = live.shared.file, other = open("/dev/null", O_RDONLY);
    assert_int_equal(dup2(other, file), file);
    atomic_store(&next_look, 0);
    (void)work(false);
    assert_int_not_equal(live.shared.file, file);
    assert_true(os_shows_shared(&live.shared));
    struct stat status;
    assert_int_equal(fstat(file, &status), 0);
    assert_true(S_ISCHR(status.st_mode));
    close(file);
    close(other);
}

static void close_own(void *unused) {
    (void)unused;
    require(unshare(CLONE_FILES) == 0);
    close(live.shared.file);
    require(!os_has_shared(&live.shared) && os_shows_shared(&live.shared));
    atomic_store(&next_look, 0);
    (void)work(false);
}

static void descriptors_of_a_thread_do_not_count(void **state) {
    (void)state;
    ino_t inode = live.shared.of.inode;
    run_alone(close_own, NULL);
    assert_true(live.shared.of.inode == inode);
    assert_true(os_has_shared(&live.shared));
}

#define LIVE_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

TESTS(LIVE_TEST(a_child_is_another_one), LIVE_TEST(so_is_one_of_equal_number),
      LIVE_TEST(so_is_a_childs_child), LIVE_TEST(a_guest_leaves_it_alone), LIVE_TEST(a_guest_makes_none),
      LIVE_TEST(what_was_closed_is_shown_again), LIVE_TEST(what_the_program_has_opened_there_stays),
      LIVE_TEST(descriptors_of_a_thread_do_not_count))
