/* SPDX-License-Identifier: MIT
 *
 * The child of a fork of several threads: what the others owned is frozen, and claimed where it is whole.
 */
#include "check.h"

#include "arena/arenas.h"
#include "arena/slabs.h"
#include "arena/thaw.h"
#include "child.h"
#include "freehold.h"
#include "remote/queue.h"
#include "require.h"
#include "superslab/purge.h"
#include "superslab/registry.h"
#include "superslab/descriptor.h"
#include "superslab/slab.h"

#define SIZE   272
#define BLOCKS 600

/* A thread that owns blocks, one that has left some behind, and this one. */
struct family {
    struct worker other;
    struct arena *own;
    uint64_t share; /* before the fork */
    struct blocks others, orphans, mine;
    void *at[3][BLOCKS];
};

static void family_start(struct family *family) {
    struct blocks *const all[] = {&family->others, &family->orphans, &family->mine};
    for (unsigned i = 0; i < 3; i++)
        *all[i] = (struct blocks){.size = SIZE, .count = BLOCKS, .at = family->at[i]};
    worker_start(&family->other);
    worker_run(&family->other, allocate_blocks, &family->others);
    allocate_blocks(&family->mine);
    run_alone(allocate_blocks, &family->orphans);
    family->own = thread.own;
    family->share = arenas_share();
}

static void family_end(struct family *family) {
    free_blocks(&family->mine);
    free_blocks(&family->orphans);
    worker_run(&family->other, free_blocks, &family->others);
    worker_stop(&family->other);
    fh_check();
}

static void require_owner(const struct blocks *blocks, const struct arena *owner) {
    for (unsigned i = 0; i < blocks->count; i++)
        require(atomic_load(&registry_find(blocks->at[i])->owner) == owner);
}

static void see_frozen(void *argument) {
    struct family *family = argument;
    struct arena *other = family->other.locals->own;
    require(thread.own == family->own && atomic_load(&family->own->state) == ARENA_RUNNING);
    require(atomic_load(&other->state) == ARENA_FROZEN);
    require(arenas_share() > family->share); /* it counts no longer */
    require_owner(&family->others, other);
    require_owner(&family->mine, family->own);
}

static void others_are_frozen(void **state) {
    static struct family family;
    struct child child;
    (void)state;
    family_start(&family);
    child_run(&child, see_frozen, &family);
    assert_true(child_returned(&child));
    assert_int_equal(atomic_load(&family.other.locals->own->state), ARENA_RUNNING);
    family_end(&family);
}

static unsigned count_owned(const struct blocks *blocks, const struct arena *owner) {
    unsigned count = 0;
    for (unsigned i = 0; i < blocks->count; i++)
        count += atomic_load(&registry_find(blocks->at[i])->owner) == owner;
    return count;
}

/* What is freed into frozen slabs is handed out again, and nothing else is taken for it. */
static void free_frozen(void *argument) {
    struct family *family = argument;
    void *at[BLOCKS];
    struct blocks more = {.size = SIZE, .count = BLOCKS / 2, .at = at};
    trim(NULL);
    uint64_t claims = thread.own->counters.claims, taken = thread.own->counters.slabs_taken;
    for (unsigned i = 0; i < BLOCKS; i += 2)
        fh_free(family->others.at[i]); /* no slab becomes empty */
    slabs_exchange(thread.own);
    require(thread.own->counters.claims > claims);
    for (unsigned round = 0; round < 3; round++) {
        allocate_blocks(&more);
        free_blocks(&more);
        slabs_exchange(thread.own);
    }
    require(thread.own->counters.slabs_taken == taken);
    trim(NULL);
    purge_all();
    fh_check();
}

static void frees_into_frozen_slabs_thaw_them(void **state) {
    static struct family family;
    struct child child;
    (void)state;
    family_start(&family);
    child_run(&child, free_frozen, &family);
    assert_true(child_returned(&child));
    family_end(&family);
}

/* One that needs memory, and frees nothing, finds what is free in frozen slabs. */
static void look_for_frozen(void *argument) {
    struct family *family = argument;
    struct arena *other = family->other.locals->own;
    require(thaw_is_due() && count_owned(&family->others, other) == BLOCKS);
    while (thaw_is_due())
        if (fh_malloc(SIZE) == NULL)
            abort();
    require(count_owned(&family->others, other) == 0);
    fh_check();
}

static void who_needs_memory_looks_at_frozen_slabs(void **state) {
    static struct family family;
    struct child child;
    (void)state;
    family_start(&family);
    child_run(&child, look_for_frozen, &family);
    assert_true(child_returned(&child));
    assert_false(thaw_is_due());
    family_end(&family);
}

/* A slab whose owner was between two stores of an edit takes frees, and is never used again. */
static void inherit(void *argument);

static void lose_edited(void *argument) {
    struct family *family = argument;
    struct slab *edited = registry_find(family->others.at[0]);
    trim(NULL);
    require(atomic_load(&edited->owner) == &lost_arena);
    require(count_owned(&family->others, &lost_arena) < BLOCKS);
    free_blocks(&family->others);
    trim(NULL);
    require(atomic_load(&edited->owner) == &lost_arena && !queue_is_empty(edited));
    inherit(family);
}

static void what_was_being_edited_is_lost(void **state) {
    static struct family family;
    struct child child;
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        family_start(&family);
        struct slab *edited = registry_find(family.others.at[0]);
        struct block *free = edited->free;
        uint32_t used = edited->used, carved = edited->carved;
        if (i == 0)
            edited->used--;
        else if (i == 1)
            edited->free = family.others.at[0]; /* of whose link nothing is known */
        else
            edited->carved--;
        child_run(&child, lose_edited, &family);
        assert_true(child_returned(&child));
        edited->used = used;
        edited->free = free;
        edited->carved = carved;
        family_end(&family);
    }
}

static void inherit(void *argument) {
    struct family *family = argument;
    void *at[BLOCKS];
    struct blocks more = {.size = SIZE, .count = BLOCKS, .at = at};
    free_blocks(&family->orphans);
    free_blocks(&family->mine);
    allocate_blocks(&more);
    free_blocks(&more);
#ifndef FREEHOLD_TSAN /* its runtime knows no threads in a child of threads */
    /* Threads of the child have arenas of their own, and exit. */
    run_alone(allocate_blocks, &more);
    free_blocks(&more);
#endif
    trim(NULL);
    purge_all();
    fh_check();
}

static void the_child_goes_on_with_its_own_and_with_orphans(void **state) {
    static struct family family;
    struct child child;
    (void)state;
    family_start(&family);
    child_run(&child, inherit, &family);
    assert_true(child_returned(&child));
    family_end(&family);
}

/* A slab of the forking thread in its inbox, and one in an inbox whose thread the child does not have. */
static void drain_after_fork(void *argument) {
    struct family *family = argument;
    struct slab *slab = registry_find(family->mine.at[0]);
    trim(NULL);
    require(atomic_load(&slab->posted) != post_mark && slab->queue.head == NULL);
    require(atomic_load(&slab->owner) == OWNER_FREE);
}

static void what_was_posted_before_the_fork_is_drained_after_it(void **state) {
    static struct family family;
    struct child child;
    (void)state;
    family_start(&family);
    struct slab *slab = registry_find(family.mine.at[0]);
    worker_run(&family.other, free_blocks, &family.mine);
    worker_run(&family.other, trim, NULL);
    assert_int_equal(atomic_load(&slab->posted), 1);
    child_run(&child, drain_after_fork, &family);
    assert_true(child_returned(&child));
    family.mine.count = 0;
    family_end(&family);
}

static void allocate_first(void *unused) {
    (void)unused;
    require(thread.own == NULL);
    fh_free(fh_malloc(100));
}

static void fork_without_arena(void *child) {
    require(thread.own == NULL);
    child_run(child, allocate_first, NULL);
}

static void a_thread_that_has_not_allocated_yet_may_fork(void **state) {
    struct child child;
    (void)state;
    run_alone(fork_without_arena, &child);
    assert_true(child_returned(&child));
}

TESTS(cmocka_unit_test(others_are_frozen), cmocka_unit_test(frees_into_frozen_slabs_thaw_them),
      cmocka_unit_test(who_needs_memory_looks_at_frozen_slabs),
      cmocka_unit_test(what_was_being_edited_is_lost),
      cmocka_unit_test(the_child_goes_on_with_its_own_and_with_orphans),
      cmocka_unit_test(what_was_posted_before_the_fork_is_drained_after_it),
      cmocka_unit_test(a_thread_that_has_not_allocated_yet_may_fork))
