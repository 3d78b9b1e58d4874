/* SPDX-License-Identifier: MIT
 *
 * Outbox, remote queue and inbox, step by step between arenas that this thread plays, and then between
 * threads. */
#include "check.h"

#include "arena/arena.h"
#include "child.h"
#include "freehold.h"
#include "layout.h"
#include "played.h"
#include "remote/inbox.h"
#include "remote/queue.h"
#include "superslab/rcu.h"
#include "superslab/registry.h"
#include "superslab/size_class.h"
#include "superslab/slab.h"
#include "superslab/superslab.h"

#define BLOCKS (OUTBOX_BLOCKS + 200)
static_assert(BLOCKS <= (UNIT - COLOR_MAX) / GRAIN, "they are of one slab");

/* The arenas of a scene, and a slab of the first with blocks that are out. */
struct scene {
    struct arena *owner, *other, *third;
    struct slab *slab;
    struct block *blocks[BLOCKS];
};

static struct arena arenas[3];

static struct scene scene_start(void) {
    for (unsigned i = 0; i < 3; i++)
        arena_renew(&arenas[i]);
    struct scene scene = {.owner = &arenas[0], .other = &arenas[1], .third = &arenas[2]};
    scene.slab = slab_make(scene.owner, (unsigned)size_class(GRAIN));
    for (unsigned i = 0; i < BLOCKS; i++)
        scene.blocks[i] = slab_take_one(scene.slab);
    return scene;
}

static void scene_end(const struct scene *scene) {
    slab_check(scene->slab);
    assert_int_equal(scene->slab->posted, 0);
    scene->slab->used = 0;
    slab_give_up(scene->slab);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(inbox_is_empty(&arenas[i]));
        assert_int_equal(arenas[i].outbox_count, 0);
    }
}

static void add_some(const struct scene *scene, struct arena *arena, unsigned first, unsigned end) {
    for (unsigned i = first; i < end; i++)
        outbox_put(arena, scene->slab, scene->blocks[i]);
}

/* The same, and pushes them. */
static void push_some(const struct scene *scene, struct arena *arena, unsigned first, unsigned end) {
    add_some(scene, arena, first, end);
    outbox_flush(arena);
}

/* The only slab that an arena has won, and why. */
static void assert_won(struct arena *arena, const struct slab *slab, enum slab_won why) {
    struct slab *won = won_take(arena);
    assert_ptr_equal(won, slab);
    assert_int_equal(won->won, why);
    won->won = WON_NOT;
    assert_null(won_take(arena));
}

static uint16_t grains(const struct slab *slab, const struct block *block) {
    return (uint16_t)(((const char *)block - slab->start) / GRAIN);
}

static unsigned queue_length(const struct slab *slab) {
    unsigned length = 0;
    for (const ck_stack_entry_t *entry = slab->queue.head; entry != NULL; entry = entry->next)
        length++;
    return length;
}

static unsigned free_length(const struct slab *slab) {
    unsigned length = 0;
    for (const struct block *block = slab->free; block != NULL; block = block->next)
        length++;
    return length;
}

static void remote_frees_wait_until_the_outbox_is_full(void **state) {
    (void)state;
    struct scene scene = scene_start();
    for (unsigned i = 0; i < BLOCKS; i++) {
        assert_int_equal(queue_length(scene.slab), i > OUTBOX_BLOCKS);
        outbox_put(scene.other, scene.slab, scene.blocks[i]);
    }
    assert_int_equal(scene.other->outbox_count, BLOCKS - OUTBOX_BLOCKS);
    outbox_flush(scene.other);
    assert_int_equal(queue_length(scene.slab), 2);
    assert_int_equal(scene.other->outbox_count, 0);
    assert_int_equal(scene.other->counters.pushes, 2);
    assert_int_equal(scene.other->counters.remote_frees, BLOCKS);
    inbox_sweep(scene.owner);
    assert_int_equal(free_length(scene.slab), BLOCKS);
    assert_won(scene.owner, scene.slab, WON_DRAINED);
    scene_end(&scene);
}

static void a_batch_says_where_its_second_and_last_blocks_are(void **state) {
    (void)state;
    for (unsigned count = 1; count <= OUTBOX_BLOCKS; count++) {
        struct scene scene = scene_start();
        push_some(&scene, scene.other, 0, count);
        const struct batch *batch = batch_of(scene.slab, scene.slab->queue.head);
        assert_ptr_equal(scene.slab->queue.head, scene.blocks[count - 1]);
        assert_int_equal(batch->count, count);
        assert_int_equal(batch->second, grains(scene.slab, scene.blocks[count > 1 ? count - 2 : 0]));
        assert_int_equal(batch->last, grains(scene.slab, scene.blocks[0]));
        inbox_sweep(scene.owner);
        const struct block *block = scene.slab->free;
        for (unsigned i = count; i-- > 0; block = block->next)
            assert_ptr_equal(block, scene.blocks[i]);
        assert_null(block);
        assert_won(scene.owner, scene.slab, WON_DRAINED);
        scene_end(&scene);
    }
}

static void a_slab_is_posted_once_and_swept_whole(void **state) {
    (void)state;
    struct scene scene = scene_start();
    push_some(&scene, scene.other, 0, BLOCKS / 2);
    push_some(&scene, scene.third, BLOCKS / 2, BLOCKS);
    assert_int_equal(scene.other->counters.posts + scene.third->counters.posts, 1);
    assert_int_equal(scene.slab->posted, 1);
    assert_int_equal(scene.slab->used, BLOCKS);
    inbox_sweep(scene.owner);
    assert_int_equal(scene.slab->posted, 0);
    assert_int_equal(scene.slab->used, 0);
    assert_int_equal(scene.owner->counters.drains, 1);
    assert_int_equal(scene.owner->counters.used[scene.slab->class], -(int64_t)BLOCKS);
    assert_true(queue_is_empty(scene.slab));
    assert_int_equal(free_length(scene.slab), BLOCKS);
    assert_won(scene.owner, scene.slab, WON_DRAINED);
    scene_end(&scene);
}

static void a_slab_with_an_owner_cannot_be_claimed(void **state) {
    (void)state;
    struct scene scene = scene_start();
    assert_false(slab_claim(scene.slab, scene.other));
    assert_ptr_equal(scene.slab->owner, scene.owner);
    slab_release(scene.slab);
    assert_ptr_equal(scene.slab->owner, OWNER_NONE);
    assert_true(slab_claim(scene.slab, scene.other));
    assert_false(slab_claim(scene.slab, scene.third));
    assert_ptr_equal(scene.slab->owner, scene.other);
    scene_end(&scene);
}

/* Where the fast half of free looks: a claim is not seen there, until the slab is in its claimer's lists. */
static void a_claim_is_no_owner_in_the_registry(void **state) {
    (void)state;
    struct scene scene = scene_start();
    struct entry entry = registry_entry(scene.slab->start);
    assert_ptr_equal(entry.leaf->owners[entry.index], scene.owner);
    registry_own(scene.slab, NULL);
    slab_release(scene.slab);
    push_some(&scene, scene.other, 0, 1);
    assert_ptr_equal(scene.slab->owner, scene.other);
    assert_null(entry.leaf->owners[entry.index]);
    assert_won(scene.other, scene.slab, WON_CLAIMED);
    scene_end(&scene);
}

/* The blocks do not go by the queue. */
static void blocks_for_a_slab_without_owner_claim_it_and_are_free_at_once(void **state) {
    (void)state;
    struct scene scene = scene_start();
    slab_release(scene.slab);
    push_some(&scene, scene.other, 0, 40);
    assert_ptr_equal(scene.slab->owner, scene.other);
    assert_int_equal(scene.other->counters.claims, 1);
    assert_int_equal(scene.other->counters.posts, 0);
    assert_int_equal(scene.other->counters.pushes, 0);
    assert_int_equal(scene.other->counters.drains, 0);
    assert_int_equal(scene.other->counters.remote_frees, 40);
    assert_int_equal(scene.other->counters.used[scene.slab->class], -40);
    assert_int_equal(scene.slab->used, BLOCKS - 40);
    const struct block *block = scene.slab->free;
    for (unsigned i = 40; i-- > 0; block = block->next)
        assert_ptr_equal(block, scene.blocks[i]);
    assert_null(block);
    assert_int_equal(scene.slab->claimed_for, 40);
    /* What is sent to it before it is settled is as local. */
    push_some(&scene, scene.other, 40, 50);
    assert_int_equal(scene.other->counters.claims, 1);
    assert_int_equal(scene.other->counters.pushes, 0);
    assert_int_equal(scene.slab->used, BLOCKS - 50);
    assert_won(scene.other, scene.slab, WON_CLAIMED);
    scene_end(&scene);
}

static void a_claim_drains_what_is_in_the_queue(void **state) {
    (void)state;
    struct scene scene = scene_start();
    slab_release(scene.slab);
    for (unsigned i = 0; i < 3; i++)
        queue_put(scene.slab, scene.blocks[i]);
    push_some(&scene, scene.other, 3, 10);
    assert_true(queue_is_empty(scene.slab));
    assert_int_equal(scene.slab->used, BLOCKS - 10);
    assert_int_equal(scene.other->counters.used[scene.slab->class], -10);
    assert_int_equal(scene.slab->claimed_for, 7);
    assert_won(scene.other, scene.slab, WON_CLAIMED);
    scene_end(&scene);
}

/* It had an owner when the push began, and none when it was done. */
static void a_slab_released_during_a_push_is_claimed_after_it(void **state) {
    (void)state;
    struct scene scene = scene_start();
    queue_put(scene.slab, scene.blocks[0]);
    slab_release(scene.slab);
    rcu_enter(scene.other);
    inbox_notify(scene.other, scene.slab);
    rcu_leave(scene.other);
    assert_ptr_equal(scene.slab->owner, scene.other);
    assert_int_equal(scene.other->counters.claims, 1);
    assert_int_equal(scene.slab->used, BLOCKS - 1);
    assert_int_equal(scene.slab->claimed_for, 0);
    assert_won(scene.other, scene.slab, WON_CLAIMED);
    scene_end(&scene);
}

/* Posts a slab to its owner's inbox, with one batch in its queue. */
#define POSTED 32

static struct scene scene_with_post(void) {
    struct scene scene = scene_start();
    push_some(&scene, scene.other, 0, POSTED);
    assert_int_equal(scene.other->counters.posts, 1);
    assert_false(inbox_is_empty(scene.owner));
    return scene;
}

static void a_post_for_an_empty_queue_is_harmless(void **state) {
    (void)state;
    struct scene scene = scene_with_post();
    assert_int_equal(queue_drain_owned(scene.owner, scene.slab), POSTED);
    inbox_sweep(scene.owner);
    assert_null(won_take(scene.owner));
    assert_int_equal(scene.slab->posted, 0);
    assert_int_equal(scene.owner->counters.drains, 1);
    scene_end(&scene);
}

static void a_post_that_finds_a_new_owner_is_passed_on(void **state) {
    (void)state;
    struct scene scene = scene_with_post();
    slab_release(scene.slab);
    assert_true(slab_claim(scene.slab, scene.third));
    inbox_sweep(scene.owner);
    assert_null(won_take(scene.owner));
    assert_int_equal(scene.slab->used, BLOCKS);
    assert_int_equal(scene.owner->counters.posts, 1);
    assert_false(inbox_is_empty(scene.third));
    inbox_sweep(scene.third);
    assert_won(scene.third, scene.slab, WON_DRAINED);
    assert_int_equal(scene.slab->used, BLOCKS - POSTED);
    scene_end(&scene);
}

static void a_post_that_finds_no_owner_claims(void **state) {
    (void)state;
    struct scene scene = scene_with_post();
    slab_release(scene.slab);
    inbox_sweep(scene.owner);
    assert_ptr_equal(scene.slab->owner, scene.owner);
    assert_int_equal(scene.owner->counters.claims, 1);
    assert_int_equal(scene.slab->posted, 0);
    assert_won(scene.owner, scene.slab, WON_CLAIMED);
    scene_end(&scene);
}

static void a_post_that_finds_free_units_does_nothing(void **state) {
    (void)state;
    struct scene scene = scene_with_post();
    queue_drain_owned(scene.owner, scene.slab);
    scene.slab->used = 0;
    slab_give_up(scene.slab);
    inbox_sweep(scene.owner);
    rcu_enter(scene.other);
    inbox_notify(scene.other, scene.slab);
    rcu_leave(scene.other);
    assert_null(won_take(scene.owner));
    assert_null(won_take(scene.other));
    assert_int_equal(scene.slab->posted, 0);
    assert_ptr_equal(scene.slab->owner, OWNER_FREE);
    assert_true(inbox_is_empty(scene.owner));
}

static void drain_for_another(void *argument) {
    const struct scene *scene = argument;
    queue_drain_owned(scene->other, scene->slab);
}

static void count_too_many(void *argument) {
    const struct scene *scene = argument;
    batch_of(scene->slab, scene->slab->queue.head)->count = BLOCKS + 1;
    queue_drain_owned(scene->owner, scene->slab);
}

static void count_none(void *argument) {
    const struct scene *scene = argument;
    batch_of(scene->slab, scene->slab->queue.head)->count = 0;
    queue_drain_owned(scene->owner, scene->slab);
}

static void a_drain_stops_at_what_is_broken(void **state) {
    static const char counting[] = "invariant broken: a batch holds blocks that are in use";
    (void)state;
    struct scene scene = scene_with_post();
    assert_true(aborts(drain_for_another, &scene,
                       "invariant broken: a remote queue is drained by the slab's owner only"));
    assert_true(aborts(count_too_many, &scene, counting));
    assert_true(aborts(count_none, &scene, counting));
    inbox_sweep(scene.owner);
    assert_won(scene.owner, scene.slab, WON_DRAINED);
    scene_end(&scene);
}

/* The rest is between threads: a worker that allocates and one that frees. */

#define MANY 1000

struct pair {
    struct worker giver, taker;
    struct blocks blocks;
    void *at[MANY];
};

/* Blocks of a size that the giver has allocated, and the taker has an arena. */
static void pair_start(struct pair *pair, size_t size) {
    static void *one[1];
    static struct blocks few = {.size = 1, .count = 1, .at = one};
    pair->blocks = (struct blocks){.size = size, .count = MANY, .at = pair->at};
    worker_start(&pair->giver);
    worker_start(&pair->taker);
    worker_run(&pair->giver, allocate_blocks, &pair->blocks);
    worker_run(&pair->taker, allocate_blocks, &few);
    worker_run(&pair->taker, free_blocks, &few);
}

static struct slab *slab_of_block(const struct pair *pair, unsigned i) {
    return registry_find(pair->at[i]);
}

/* Without slabs the giver has no block: neither live, cached nor in flight. */
static void assert_has_no_used_slab(const struct arena *arena) {
    for (const struct slab *slab = arena->oldest; slab != NULL; slab = slab->younger)
        assert_int_equal(slab->used, 0);
}

static void remote_frees_come_home(void **state) {
    static const size_t sizes[] = {16, 80, 640, 5000};
    (void)state;
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        static struct pair pair;
        pair_start(&pair, sizes[i]);
        struct arena *giver = pair.giver.locals->own, *taker = pair.taker.locals->own;
        uint64_t frees = taker->counters.remote_frees, drains = giver->counters.drains;
        worker_run(&pair.taker, free_blocks, &pair.blocks);
        worker_run(&pair.taker, trim, NULL);
        assert_int_equal(taker->outbox_count, 0);
        assert_int_equal(taker->counters.remote_frees - frees, MANY);
        assert_false(inbox_is_empty(giver));
        worker_run(&pair.giver, trim, NULL);
        assert_true(giver->counters.drains > drains);
        assert_true(inbox_is_empty(giver));
        assert_has_no_used_slab(giver);
        worker_stop(&pair.giver);
        worker_stop(&pair.taker);
    }
}

static void an_exiting_arena_sweeps_its_inbox(void **state) {
    static struct pair pair;
    (void)state;
    pair_start(&pair, 208);
    const struct arena *giver = pair.giver.locals->own;
    uint64_t orphans = giver->counters.orphans;
    worker_run(&pair.taker, free_blocks, &pair.blocks);
    worker_run(&pair.taker, trim, NULL);
    assert_false(inbox_is_empty(giver));
    worker_stop(&pair.giver);
    assert_true(inbox_is_empty(giver));
    assert_int_equal(giver->state, ARENA_EXITED);
    assert_int_equal(giver->counters.orphans, orphans);
    assert_has_no_used_slab(giver);
    worker_stop(&pair.taker);
}

/* The taker's outbox still has some of the frees when the giver exits. */
static void an_orphan_goes_with_its_last_block(void **state) {
    static struct pair pair;
    (void)state;
    pair_start(&pair, 320);
    struct arena *giver = pair.giver.locals->own, *taker = pair.taker.locals->own;
    uint64_t orphans = giver->counters.orphans, claims = taker->counters.claims;
    worker_stop(&pair.giver);
    assert_true(giver->counters.orphans > orphans);
    for (unsigned i = 0; i < MANY; i++)
        assert_ptr_equal(slab_of_block(&pair, i)->owner, OWNER_NONE);
    worker_run(&pair.taker, free_blocks, &pair.blocks);
    worker_run(&pair.taker, trim, NULL);
    assert_true(taker->counters.claims > claims);
    for (unsigned i = 0; i < MANY; i++)
        assert_ptr_equal(slab_of_block(&pair, i)->owner, OWNER_FREE);
    worker_stop(&pair.taker);
}

static void orphans_are_adopted_by_class(void **state) {
    static struct pair pair;
    void *one = NULL;
    struct blocks needed = {.size = 224, .count = 1, .at = &one};
    (void)state;
    pair_start(&pair, 224);
    void *others[8];
    struct blocks other_class = {.size = 384, .count = 8, .at = others};
    worker_run(&pair.giver, allocate_blocks, &other_class);
    const struct arena *taker = pair.taker.locals->own;
    uint64_t adoptions = taker->counters.adoptions, taken = taker->counters.slabs_taken;
    worker_stop(&pair.giver);
    worker_run(&pair.taker, allocate_blocks, &needed);
    assert_true(taker->counters.adoptions > adoptions);
    assert_int_equal(taker->counters.slabs_taken, taken);
    const struct slab *slab = registry_find(one);
    assert_ptr_equal(slab->owner, taker);
    assert_int_equal(slab->class, size_class(224));
    assert_ptr_equal(registry_find(others[0])->owner, OWNER_NONE);
    worker_run(&pair.taker, free_blocks, &needed);
    worker_run(&pair.taker, free_blocks, &other_class);
    worker_run(&pair.taker, free_blocks, &pair.blocks);
    worker_run(&pair.taker, trim, NULL);
    assert_ptr_equal(slab->owner, OWNER_FREE);
    assert_ptr_equal(registry_find(others[0])->owner, OWNER_FREE);
    worker_stop(&pair.taker);
}

/* A new thread gets the arena of one that has exited, with nothing left in it. */
static void arenas_are_recycled(void **state) {
    static struct pair pair;
    struct worker heir;
    (void)state;
    pair_start(&pair, 48);
    const struct arena *giver = pair.giver.locals->own;
    worker_run(&pair.giver, free_blocks, &pair.blocks);
    worker_stop(&pair.giver);
    worker_start(&heir);
    worker_run(&heir, allocate_blocks, &pair.blocks);
    assert_ptr_equal(heir.locals->own, giver);
    assert_int_equal(giver->state, ARENA_RUNNING);
    worker_run(&heir, free_blocks, &pair.blocks);
    worker_stop(&heir);
    worker_stop(&pair.taker);
}

TESTS(cmocka_unit_test(remote_frees_wait_until_the_outbox_is_full),
      cmocka_unit_test(a_batch_says_where_its_second_and_last_blocks_are),
      cmocka_unit_test(a_slab_is_posted_once_and_swept_whole),
      cmocka_unit_test(a_slab_with_an_owner_cannot_be_claimed),
      cmocka_unit_test(a_claim_is_no_owner_in_the_registry),
      cmocka_unit_test(blocks_for_a_slab_without_owner_claim_it_and_are_free_at_once),
      cmocka_unit_test(a_claim_drains_what_is_in_the_queue),
      cmocka_unit_test(a_slab_released_during_a_push_is_claimed_after_it),
      cmocka_unit_test(a_post_for_an_empty_queue_is_harmless),
      cmocka_unit_test(a_post_that_finds_a_new_owner_is_passed_on),
      cmocka_unit_test(a_post_that_finds_no_owner_claims),
      cmocka_unit_test(a_post_that_finds_free_units_does_nothing),
      cmocka_unit_test(a_drain_stops_at_what_is_broken), cmocka_unit_test(remote_frees_come_home),
      cmocka_unit_test(an_exiting_arena_sweeps_its_inbox),
      cmocka_unit_test(an_orphan_goes_with_its_last_block), cmocka_unit_test(orphans_are_adopted_by_class),
      cmocka_unit_test(arenas_are_recycled))
