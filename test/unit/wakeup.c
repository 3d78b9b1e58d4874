/* SPDX-License-Identifier: MIT
 *
 * Who is told of a push, when a slab changes hands meanwhile: a slab that is posted is in its owner's inbox,
 * or somebody who runs is bound to look at it.
 *
 * The poster has two windows: between its look at the owner and its post, and between the post and its second
 * look. An arena on pages that cannot be written to stops it in the first: the fault that the post makes runs
 * what happens meanwhile. Who lets go of a slab is stopped in the functions that it calls. */
#include "check.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "arena/guard.h"
#include "arena/slabs.h"
#include "crowd.h"
#include "layout.h"
#include "played.h"
#include "remote/inbox.h"
#include "remote/queue.h"
#include "require.h"
#include "superslab/registry.h"
#include "superslab/size_class.h"
#include "superslab/slab.h"
#include "worker.h"

#define CLASS  4u
#define BLOCKS 100u

/* A slab, the arena that owns it at first and lets go of it, one that pushes to it and one that has it then.
 */
struct scene {
    struct arena *sleeper, *pusher, *heir;
    struct slab *slab;
    struct block *blocks[BLOCKS];
};

static struct arena others[3];
static struct arena *sleeper; /* on pages of its own */
static size_t sleeper_bytes;
static struct scene scene;
static struct crowd crowd;

static void scene_start(void) {
    for (unsigned i = 0; i < 3; i++)
        arena_renew(&others[i]);
    arena_renew(sleeper);
    scene = (struct scene){.sleeper = sleeper, .pusher = &others[0], .heir = &others[1]};
    scene.slab = slabs_make(sleeper, CLASS);
    for (unsigned i = 0; i < BLOCKS; i++)
        scene.blocks[i] = slab_take_one(scene.slab);
    slabs_used(sleeper, scene.slab);
}

/* Pushes blocks of the scene, without a look at what this wins. */
static void push_some(struct arena *arena, unsigned first, unsigned end) {
    for (unsigned i = first; i < end; i++)
        outbox_put(arena, scene.slab, scene.blocks[i]);
    outbox_flush(arena);
}

/* No arena that may sleep has something to do. */
static void require_asleep(const struct arena *arena) {
    require(inbox_is_empty(arena) && arena->won == NULL && !arena->called);
}

/* The heir frees whatever is left, and everybody ends. */
static void scene_end(unsigned first) {
    for (unsigned i = first; i < BLOCKS; i++)
        outbox_put(scene.heir, scene.slab, scene.blocks[i]);
    slabs_exchange(scene.heir);
    slabs_release_all(scene.heir);
    slabs_release_all(scene.pusher);
    slabs_release_all(scene.sleeper);
    require(scene.slab->owner == OWNER_FREE && scene.slab->posted == 0);
    for (unsigned i = 0; i < 3; i++)
        require_asleep(&others[i]);
    require_asleep(sleeper);
}

/* What happens in the window, once. */
static task *meanwhile;
static unsigned windows;

static void run_window(void) {
    task *what = meanwhile;
    meanwhile = NULL;
    windows++;
    what(NULL);
}

static void open_window(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)context;
    size_t offset = (size_t)((char *)info->si_addr - (char *)sleeper);
    require(offset < sleeper_bytes && meanwhile != NULL);
    require(mprotect(sleeper, sleeper_bytes, PROT_READ | PROT_WRITE) == 0);
    run_window();
}

/* The pusher pushes the first blocks, and something happens before its post to the sleeper. */
static void push_and_meanwhile(unsigned count, task *what) {
    struct sigaction action = {.sa_sigaction = open_window, .sa_flags = SA_SIGINFO | SA_NODEFER}, before;
    windows = 0;
    meanwhile = what;
    assert_int_equal(sigaction(SIGSEGV, &action, &before), 0);
    assert_int_equal(mprotect(sleeper, sleeper_bytes, PROT_READ), 0);
    push_some(scene.pusher, 0, count);
    assert_int_equal(mprotect(sleeper, sleeper_bytes, PROT_READ | PROT_WRITE), 0);
    assert_int_equal(sigaction(SIGSEGV, &before, NULL), 0);
    assert_int_equal(windows, 1);
    slabs_receive(scene.pusher);
}

/* The sleeper lets go of the slab as it makes others, and sleeps. */
static void let_go(void *unused) {
    (void)unused;
    require(scene.slab->posted == 1);
    crowd_start(&crowd);
    while (scene.slab->owner == sleeper)
        require(slabs_make(sleeper, CLASS + 1) != NULL);
    slabs_receive(sleeper);
    crowd_end(&crowd);
    slabs_give_up_empty(sleeper);
}

static void let_go_to_heir(void *unused) {
    let_go(unused);
    require(slabs_find(scene.heir, CLASS) == scene.slab && scene.slab->owner == scene.heir);
}

/* Another pushes to the heir's slab: as it is posted, it tells nobody. */
static void let_go_to_heir_and_push(void *unused) {
    let_go_to_heir(unused);
    push_some(&others[2], 50, 60);
    require(inbox_is_empty(scene.heir));
}

static void a_late_post_of_an_orphan_is_taken_back(void **state) {
    (void)state;
    scene_start();
    push_and_meanwhile(10, let_go);
    assert_int_equal(scene.slab->posted, 0);
    assert_ptr_equal(scene.slab->owner, OWNER_NONE);
    assert_int_equal(scene.slab->used, BLOCKS - 10);
    require_asleep(sleeper);
    scene_end(10);
}

static void a_late_post_does_not_keep_the_heir_from_being_told(void **state) {
    (void)state;
    scene_start();
    push_and_meanwhile(10, let_go_to_heir);
    require_asleep(sleeper);
    assert_int_equal(scene.slab->posted, 0);
    assert_int_equal(scene.slab->used, BLOCKS - 10);
    push_some(scene.pusher, 10, 20);
    assert_false(inbox_is_empty(scene.heir));
    slabs_receive(scene.heir);
    assert_int_equal(scene.slab->used, BLOCKS - 20);
    scene_end(20);
}

/* The lost wake-up. */
static void who_posts_late_passes_on_what_others_have_pushed(void **state) {
    (void)state;
    scene_start();
    push_and_meanwhile(10, let_go_to_heir_and_push);
    require_asleep(sleeper);
    assert_int_equal(scene.slab->posted, 1);
    assert_false(inbox_is_empty(scene.heir));
    slabs_receive(scene.heir);
    assert_int_equal(scene.slab->used, BLOCKS - 20);
    for (unsigned i = 50; i < 60; i++) /* they are free already: others stand in for them in the end */
        scene.blocks[i] = scene.blocks[i - 40];
    scene_end(20);
}

/* All blocks come back to the sleeper, which gives up the slab; the heir makes one of the same units. */
static void give_up_to_heir(void *unused) {
    (void)unused;
    slabs_receive(sleeper); /* finds nothing yet */
    require(scene.slab->owner == sleeper && queue_drain_owned(sleeper, scene.slab) == BLOCKS);
    slabs_arrange(sleeper, scene.slab);
    slabs_give_up_empty(sleeper);
    require(scene.slab->owner == OWNER_FREE && scene.slab->posted == 1);
    require(slabs_make(scene.heir, CLASS) == scene.slab);
    for (unsigned i = 0; i < BLOCKS; i++)
        scene.blocks[i] = slab_take_one(scene.slab);
    slabs_used(scene.heir, scene.slab);
    push_some(&others[2], 0, 10);
    require(inbox_is_empty(scene.heir));
}

static void who_posts_late_passes_on_a_slab_made_of_the_same_units(void **state) {
    (void)state;
    layout_start();
    scene_start();
    push_and_meanwhile(BLOCKS, give_up_to_heir);
    require_asleep(sleeper);
    assert_int_equal(scene.slab->posted, 1);
    assert_false(inbox_is_empty(scene.heir));
    slabs_receive(scene.heir);
    assert_int_equal(scene.slab->posted, 0);
    assert_int_equal(scene.slab->used, BLOCKS - 10);
    scene_end(10);
    layout_end();
}

static void exit_sleeper(void *unused) {
    (void)unused;
    slabs_release_all(sleeper);
}

static void a_late_post_to_an_arena_that_has_exited_is_taken_back(void **state) {
    (void)state;
    scene_start();
    push_and_meanwhile(10, exit_sleeper);
    assert_int_equal(scene.slab->posted, 0);
    assert_int_equal(scene.slab->used, BLOCKS - 10);
    require_asleep(sleeper);
    scene_end(10);
}

static void let_go_and_adopt(void *unused) {
    let_go(unused);
    require(slabs_find(sleeper, CLASS) == scene.slab);
}

/* It has the slab again, so that the post is where it belongs. */
static void a_late_post_may_find_the_same_owner(void **state) {
    (void)state;
    scene_start();
    push_and_meanwhile(10, let_go_and_adopt);
    assert_int_equal(scene.slab->posted, 1);
    assert_false(inbox_is_empty(sleeper));
    slabs_receive(sleeper);
    assert_int_equal(scene.slab->posted, 0);
    push_some(scene.pusher, 10, 20);
    assert_false(inbox_is_empty(sleeper));
    slabs_receive(sleeper);
    assert_int_equal(scene.slab->used, BLOCKS - 20);
    scene_end(20);
}

/* The other side: the post has come when the slab is let go, and the inbox was swept before. */
static void who_lets_go_of_a_posted_slab_sweeps_again(void **state) {
    (void)state;
    scene_start();
    push_some(scene.pusher, 0, 10);
    assert_false(inbox_is_empty(sleeper));
    crowd_start(&crowd);
    while (scene.slab->owner == sleeper)
        assert_non_null(slabs_make(sleeper, CLASS + 1));
    crowd_end(&crowd);
    assert_int_equal(scene.slab->used, BLOCKS - 10);
    assert_int_equal(scene.slab->posted, 1);
    assert_true(sleeper->called);
    slabs_receive(sleeper);
    assert_int_equal(scene.slab->posted, 0);
    require_asleep(sleeper);
    scene_end(10);
}

static void who_gives_up_a_posted_slab_sweeps_again(void **state) {
    (void)state;
    scene_start();
    push_some(scene.pusher, 0, BLOCKS);
    crowd_start(&crowd);
    while (scene.slab->owner == sleeper)
        assert_non_null(slabs_make(sleeper, CLASS + 1));
    crowd_end(&crowd);
    assert_ptr_equal(scene.slab->owner, OWNER_FREE);
    assert_true(sleeper->called);
    slabs_receive(sleeper);
    assert_int_equal(scene.slab->posted, 0);
    require_asleep(sleeper);
    scene_end(BLOCKS);
}

/* The rest is between threads, in the middle of a malloc that makes its thread let go of a slab. */

static struct worker mailer, successor;
static void *at[BLOCKS];

void __real_slab_release(struct slab *slab);
void __wrap_slab_release(struct slab *slab);
struct slab *__real_slab_make(struct arena *owner, unsigned class);
struct slab *__wrap_slab_make(struct arena *owner, unsigned class);

/* The slab whose release is watched, or NULL for that a slab is made that is too much. */
static struct slab *watched;
static bool is_after;

struct slab *__wrap_slab_make(struct arena *owner, unsigned class) {
    if (meanwhile != NULL && watched == NULL && owner->owned + UNIT > arenas_share())
        run_window();
    return __real_slab_make(owner, class);
}

void __wrap_slab_release(struct slab *slab) {
    if (meanwhile != NULL && watched == slab && !is_after)
        run_window();
    __real_slab_release(slab);
    if (meanwhile != NULL && watched == slab && is_after)
        run_window();
}

static struct blocks ten = {.size = 64, .count = 10, .at = at};

static void mail(void *unused) {
    (void)unused;
    free_blocks(&ten);
    trim(NULL);
}

static void let_mail(void *unused) {
    (void)unused;
    worker_run(&mailer, mail, NULL);
}

/* Allocates of other classes until the slab of the first block has gone: then the thread does no more. */
static void fill(void *blocks) {
    const struct slab *slab = registry_find(at[0]);
    struct blocks *kept = blocks;
    for (kept->count = 0; slab->owner == thread.own; kept->count++) {
        require(kept->count < BLOCKS);
        require((kept->at[kept->count] = fh_malloc(1000 * (1 + kept->count))) != NULL);
    }
}

static void malloc_and_meanwhile(struct slab *(*watch)(void), bool after) {
    struct worker first;
    struct blocks all = {.size = 64, .count = BLOCKS, .at = at}, rest = {.count = BLOCKS - 20, .at = at + 20};
    struct blocks again = {.count = 10, .at = at + 10};
    void *one, *others_at[BLOCKS];
    struct blocks wanted = {.size = 64, .count = 1, .at = &one}, kept = {.at = others_at};
    worker_start(&first);
    worker_start(&mailer);
    worker_start(&successor);
    worker_run(&first, allocate_blocks, &all);
    worker_run(&first, trim, NULL);
    struct arena *arena = first.locals->own;
    struct slab *slab = registry_find(at[0]);
    assert_ptr_equal(slab, registry_find(at[BLOCKS - 1]));
    assert_ptr_equal(slab->owner, arena);
    windows = 0;
    watched = watch();
    is_after = after;
    meanwhile = let_mail;
    crowd_start(&crowd);
    worker_run(&first, fill, &kept);
    crowd_end(&crowd);
    assert_int_equal(windows, 1);
    /* From here on the first may sleep. */
    require_asleep(arena);
    assert_int_equal(slab->posted, 0);
    assert_true(queue_is_empty(slab));
    assert_int_equal(slab->used, BLOCKS - 10);
    worker_run(&successor, allocate_blocks, &wanted);
    assert_ptr_equal(registry_find(one), slab);
    worker_run(&mailer, free_blocks, &again);
    worker_run(&mailer, trim, NULL);
    assert_false(inbox_is_empty(successor.locals->own));
    worker_run(&successor, free_blocks, &wanted);
    worker_run(&successor, trim, NULL);
    assert_int_equal(slab->used, BLOCKS - 20);
    worker_run(&successor, free_blocks, &rest);
    worker_run(&successor, trim, NULL);
    assert_ptr_equal(slab->owner, OWNER_FREE);
    worker_stop(&successor);
    worker_stop(&mailer);
    worker_run(&first, free_blocks, &kept);
    worker_stop(&first);
}

static struct slab *watch_no_slab(void) {
    return NULL;
}

static struct slab *watch_the_first(void) {
    return registry_find(at[0]);
}

static void a_thread_sleeps_after_a_push_between_its_sweep_and_a_release(void **state) {
    (void)state;
    malloc_and_meanwhile(watch_no_slab, false);
}

static void a_thread_sleeps_after_a_push_just_before_a_release(void **state) {
    (void)state;
    malloc_and_meanwhile(watch_the_first, false);
}

static void a_thread_sleeps_after_a_claim_just_after_its_release(void **state) {
    (void)state;
    malloc_and_meanwhile(watch_the_first, true);
}

static int start(void **state) {
    sleeper_bytes = (sizeof *sleeper + PAGE - 1) / PAGE * PAGE;
    sleeper = mmap(NULL, sleeper_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return sleeper == MAP_FAILED ? -1 : check_start(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_late_post_of_an_orphan_is_taken_back),
        cmocka_unit_test(a_late_post_does_not_keep_the_heir_from_being_told),
        cmocka_unit_test(who_posts_late_passes_on_what_others_have_pushed),
        cmocka_unit_test(who_posts_late_passes_on_a_slab_made_of_the_same_units),
        cmocka_unit_test(a_late_post_to_an_arena_that_has_exited_is_taken_back),
        cmocka_unit_test(a_late_post_may_find_the_same_owner),
        cmocka_unit_test(who_lets_go_of_a_posted_slab_sweeps_again),
        cmocka_unit_test(who_gives_up_a_posted_slab_sweeps_again),
        cmocka_unit_test(a_thread_sleeps_after_a_push_between_its_sweep_and_a_release),
        cmocka_unit_test(a_thread_sleeps_after_a_push_just_before_a_release),
        cmocka_unit_test(a_thread_sleeps_after_a_claim_just_after_its_release),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
