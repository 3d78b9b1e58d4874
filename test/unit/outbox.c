/* SPDX-License-Identifier: MIT
 *
 * An outbox by itself: what it takes, how what it holds is grouped by slab, and remote frees without one. */
#include "check.h"

#include <string.h>

#include "arena/arena.h"
#include "arena/guard.h"
#include "child.h"
#include "layout.h"
#include "played.h"
#include "random.h"
#include "remote/inbox.h"
#include "remote/queue.h"
#include "require.h"
#include "superslab/metadata.h"
#include "superslab/registry.h"
#include "superslab/size_class.h"
#include "superslab/slab.h"

#define LEAST_COST (OUTBOX_BYTES / OUTBOX_BLOCKS)

static struct arena owner, freer;

/* Stands in for a kernel that has no memory for an outbox. */
static bool without_memory;

void *__real_metadata_take(size_t size);
void *__wrap_metadata_take(size_t size);

void *__wrap_metadata_take(size_t size) {
    return without_memory ? NULL : __real_metadata_take(size);
}

static void arenas_renew(void) {
    arena_renew(&owner);
    arena_renew(&freer);
}

static struct slab *make(unsigned class) {
    struct slab *slab = slab_make(&owner, class);
    require(slab != NULL);
    return slab;
}

/* Clears what the owner has won, without another look at it. */
static unsigned forget_won(struct arena *arena) {
    unsigned count = 0;
    for (struct slab *slab; (slab = won_take(arena)) != NULL; count++)
        slab->won = WON_NOT;
    return count;
}

static void a_block_costs_its_bytes_or_its_place(void **state) {
    (void)state;
    for (unsigned class = 1; class < CLASSES; class ++) {
        size_t bytes = size_class_bytes(class);
        assert_int_equal(outbox_costs[class], bytes > LEAST_COST ? bytes : LEAST_COST);
    }
    assert_true(outbox_costs[CLASSES - 1] <= (int32_t)OUTBOX_BYTES); /* one block of any class has room */
    assert_true(outbox_costs[CLASS_NONE] > (int32_t)OUTBOX_BYTES);   /* and nothing else has */
}

static void an_outbox_is_bounded_in_blocks_and_in_bytes(void **state) {
    (void)state;
    for (unsigned class = 1; class < CLASSES; class ++) {
        arenas_renew();
        uint32_t count = 0;
        size_t bytes = size_class_bytes(class);
        struct slab *slabs[OUTBOX_BLOCKS], *slab = make(class);
        unsigned made = 0;
        slabs[made++] = slab;
        for (;; count++) {
            if (!slab_has_blocks(slab))
                slabs[made++] = slab = make(class);
            struct block *block = slab_take_one(slab);
            if (!outbox_add(&freer, class, block)) {
                slab_push(slab, block);
                break;
            }
        }
        assert_int_equal(freer.outbox_count, count);
        assert_true(count > 0 && count <= OUTBOX_BLOCKS && count * bytes <= OUTBOX_BYTES);
        assert_true(count == OUTBOX_BLOCKS || (count + 1) * bytes > OUTBOX_BYTES);
        guard_check(&freer);
        outbox_flush(&freer);
        assert_int_equal(freer.outbox_count, 0);
        inbox_sweep(&owner);
        forget_won(&owner);
        for (unsigned i = 0; i < made; i++) {
            assert_int_equal(slabs[i]->used, 0);
            slab_give_up(slabs[i]);
        }
    }
}

/* What the room is for: a large block leaves little of it for small ones. */
static void blocks_of_all_sizes_share_the_room(void **state) {
    struct random random = {11};
    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        arenas_renew();
        int64_t room = OUTBOX_BYTES;
        uint32_t count = 0;
        for (;; count++) {
            unsigned class = 1 + (unsigned)random_below(&random, CLASSES - 1);
            bool fits = room >= outbox_costs[class];
            assert_int_equal(outbox_add(&freer, class, NULL), fits);
            if (!fits)
                break;
            room -= outbox_costs[class];
        }
        assert_int_equal(freer.outbox_room, room);
        assert_int_equal(freer.outbox_count, count);
        freer.outbox_count = 0; /* they are no blocks */
    }
}

/* Slabs that have a whole outbox of blocks, and of which many want the same place in the table of groups. */
static_assert(OUTBOX_BLOCKS <= (UNIT - COLOR_MAX) / (2ul * GRAIN), "they may all be of one slab");
#define PLACES ((size_t)OUTBOX_TABLE)
#define SLABS  (2 * PLACES)

static unsigned place_of(const struct slab *slab) {
    return (uintptr_t)slab->start / UNIT % PLACES;
}

/* How many of a list of slabs want a place in the table that one before has. */
static unsigned collisions(struct slab *const *slabs, unsigned count) {
    bool taken[PLACES] = {false};
    unsigned number = 0;
    for (unsigned i = 0; i < count; i++) {
        number += taken[place_of(slabs[i])];
        taken[place_of(slabs[i])] = true;
    }
    return number;
}

static void shuffle(struct slab **slabs, unsigned count, struct random *random) {
    for (unsigned i = count; i > 1; i--) {
        size_t j = random_below(random, i);
        struct slab *slab = slabs[i - 1];
        slabs[i - 1] = slabs[j];
        slabs[j] = slab;
    }
}

static uint32_t batch_count(const struct slab *slab) {
    const ck_stack_entry_t *first = slab->queue.head;
    if (first == NULL)
        return 0;
    assert_null(first->next); /* each group travels as one batch */
    return batch_of(slab, first)->count;
}

/* Frees some blocks of the first slabs of a list, in random order, and pushes them. */
static void push_some(struct slab *const *slabs, unsigned among, struct random *random) {
    uint32_t expected[OUTBOX_BLOCKS] = {0};
    unsigned groups = 0;
    uint64_t pushes = freer.counters.pushes, posts = freer.counters.posts;
    outbox_open(&freer);
    for (unsigned i = 0; i < OUTBOX_BLOCKS; i++) {
        size_t which = random_below(random, among);
        assert_true(outbox_add(&freer, slabs[which]->class, slab_take_one(slabs[which])));
        groups += expected[which]++ == 0;
    }
    assert_false(outbox_add(&freer, 1, NULL));
    outbox_flush(&freer);
    struct outbox_groups *all = pool_take(&outbox_groups);
    for (unsigned i = 0; i < PLACES; i++)
        assert_int_equal(all->number_of[i], 0);
    pool_give(&outbox_groups, all);
    for (unsigned i = 0; i < among; i++) {
        assert_int_equal(batch_count(slabs[i]), expected[i]);
        assert_int_equal(slabs[i]->used, expected[i]);
    }
    assert_int_equal(freer.counters.pushes - pushes, groups);
    assert_int_equal(freer.counters.posts - posts, groups);
    inbox_sweep(&owner);
    assert_int_equal(forget_won(&owner), groups);
    for (unsigned i = 0; i < among; i++) {
        assert_int_equal(slabs[i]->used, 0);
        slab_check(slabs[i]);
    }
}

static void blocks_are_grouped_by_slab_however_many_there_are(void **state) {
    static struct slab *slabs[SLABS];
    struct random random = {5};
    unsigned most = 0;
    (void)state;
    arenas_renew();
    for (unsigned i = 0; i < SLABS; i++)
        slabs[i] = make(1 + i % 2);
    for (unsigned among = 1; among <= OUTBOX_BLOCKS; among += among < 8 ? 1 : 31) {
        shuffle(slabs, SLABS, &random);
        push_some(slabs, among, &random);
        unsigned number = collisions(slabs, among);
        most = number > most ? number : most;
    }
    assert_true(most > 0); /* else the table was not tried */
    for (unsigned i = 0; i < SLABS; i++)
        slab_give_up(slabs[i]);
}

/* One group for each of the slab's units, and all of them reach it. */
static void blocks_of_a_slab_of_several_units_are_grouped_by_unit(void **state) {
    struct random random = {7};
    (void)state;
    arenas_renew();
    for (unsigned class = 1; class < CLASSES; class ++) {
        struct slab *slab = make(class);
        struct block *blocks[OUTBOX_BLOCKS];
        bool seen[UNITS] = {false};
        unsigned count = 0, units = 0;
        uint64_t pushes = freer.counters.pushes;
        while (slab->used < slab->capacity && count < 4 * SLAB_BLOCKS)
            blocks[count++] = slab_take_one(slab);
        for (unsigned left = count; left > 0; left--) {
            size_t which = random_below(&random, left);
            size_t unit = ((uintptr_t)blocks[which] - (uintptr_t)slab->start / UNIT * UNIT) / UNIT;
            units += !seen[unit];
            seen[unit] = true;
            assert_true(outbox_add(&freer, class, blocks[which]));
            blocks[which] = blocks[left - 1];
        }
        outbox_flush(&freer);
        assert_true(units <= slab->units);
        assert_int_equal(freer.counters.pushes - pushes, units);
        inbox_sweep(&owner);
        assert_int_equal(forget_won(&owner), 1);
        assert_int_equal(slab->used, 0);
        slab_check(slab);
        slab_give_up(slab);
        outbox_open(&freer);
    }
}

/* Groups of the same push may go different ways: to an owner, to a claim, to what has just been claimed. */
static void each_group_goes_its_own_way(void **state) {
    (void)state;
    arenas_renew();
    struct slab *owned = slab_make(&owner, 4), *orphan = slab_make(&owner, 4), *mine = slab_make(&freer, 4);
    slab_release(orphan);
    struct slab *const all[] = {owned, orphan, mine};
    for (unsigned i = 0; i < 30; i++)
        assert_true(outbox_add(&freer, 4, slab_take_one(all[i % 3])));
    outbox_flush(&freer);
    assert_int_equal(freer.counters.remote_frees, 30);
    assert_int_equal(freer.counters.pushes, 1);
    assert_int_equal(freer.counters.claims, 1);
    assert_int_equal(batch_count(owned), 10);
    assert_true(queue_is_empty(orphan) && queue_is_empty(mine));
    assert_int_equal(orphan->used, 0);
    assert_int_equal(orphan->won, WON_CLAIMED);
    assert_int_equal(orphan->claimed_for, 10);
    assert_int_equal(mine->used, 0);
    assert_int_equal(mine->won, WON_DRAINED);
    assert_int_equal(forget_won(&freer), 2);
    inbox_sweep(&owner);
    assert_int_equal(forget_won(&owner), 1);
    for (unsigned i = 0; i < 3; i++)
        slab_give_up(all[i]);
}

static void one_block_goes_on_its_own(void **state) {
    (void)state;
    arenas_renew();
    struct outbox *outbox = freer.outbox;
    struct slab *slab = slab_make(&owner, 4);
    struct block *block = slab_take_one(slab);
    freer.outbox = NULL;
    freer.outbox_room = 0;
    without_memory = true;
    assert_true(freer.outbox_room < outbox_costs[4]);
    assert_false(outbox_make_room(&freer, UINT64_MAX));
    outbox_flush(&freer); /* there is nothing to push */
    outbox_push_one(&freer, block);
    without_memory = false;
    assert_int_equal(batch_count(slab), 1);
    assert_int_equal(freer.counters.pushes, 1);
    assert_int_equal(freer.counters.remote_frees, 1);
    freer.outbox = outbox;
    inbox_sweep(&owner);
    assert_int_equal(forget_won(&owner), 1);
    assert_ptr_equal(slab->free, block);
    assert_int_equal(slab->used, 0);
    slab_give_up(slab);
}

/* An arena with a small share has few places; when the share grows, it gets the others, if there is memory.
 */
static void an_outbox_grows_with_the_share(void **state) {
    static struct arena arena;
    (void)state;
    assert_true(outbox_make_room(&arena, SHARE_LEAST));
    struct outbox *small = arena.outbox;
    assert_int_equal(small->places, OUTBOX_FEW);
    assert_int_equal(arena.outbox_room, OUTBOX_LEAST);
    without_memory = true;
    while (outbox_make_room(&arena, UINT64_MAX) && arena.outbox == small) {
        assert_int_equal(arena.outbox_room, OUTBOX_FEW * (OUTBOX_BYTES / OUTBOX_BLOCKS));
        without_memory = false;
    }
    assert_ptr_not_equal(arena.outbox, small);
    assert_int_equal(arena.outbox->places, OUTBOX_BLOCKS);
    assert_int_equal(arena.outbox_room, OUTBOX_BYTES);
    small = arena.outbox;
    assert_true(outbox_make_room(&arena, SHARE_LEAST)); /* it keeps it, and uses little of it */
    assert_ptr_equal(arena.outbox, small);
    assert_int_equal(arena.outbox_room, OUTBOX_LEAST);
}

/* What is too large for a small share's outbox does not empty it. */
static void a_block_larger_than_the_outbox_goes_on_its_own(void **state) {
    (void)state;
    arenas_renew();
    struct slab *small = slab_make(&owner, 4), *large = slab_make(&owner, CLASSES - 1);
    assert_true(outbox_make_room(&freer, SHARE_LEAST));
    assert_true(outbox_add(&freer, 4, slab_take_one(small)));
    struct block *block = slab_take_one(large);
    assert_false(outbox_add(&freer, CLASSES - 1, block));
    outbox_add_anyway(&freer, CLASSES - 1, block, SHARE_LEAST);
    assert_int_equal(freer.outbox_count, 1);
    assert_int_equal(batch_count(large), 1);
    outbox_add_anyway(&freer, 4, slab_take_one(small), SHARE_LEAST); /* it has had its turn */
    assert_int_equal(batch_count(small), 1);
    assert_int_equal(freer.outbox_count, 1);
    outbox_flush(&freer);
    inbox_sweep(&owner);
    assert_int_equal(forget_won(&owner), 2);
    slab_give_up(small);
    slab_give_up(large);
}

/* One block of each of so many slabs in turn, until the outbox is full. Returns how many blocks it took. */
static unsigned fill_from(struct slab *const *slabs, unsigned count) {
    unsigned blocks = 0;
    while (freer.outbox_room >= outbox_costs[4])
        assert_true(outbox_add(&freer, 4, slab_take_one(slabs[blocks++ % count])));
    assert_true(outbox_make_room(&freer, UINT64_MAX));
    inbox_sweep(&owner);
    forget_won(&owner);
    return blocks;
}

/* What a sleeper's outbox keeps from others are slabs, so their number bounds it, not that of the blocks. */
static void who_only_frees_keeps_blocks_of_few_slabs(void **state) {
    static struct slab *slabs[4 * OUTBOX_FEW];
    (void)state;
    arenas_renew();
    for (unsigned i = 0; i < 4 * OUTBOX_FEW; i++)
        slabs[i] = make(4);
    freer.is_shrinking = true;
    assert_true(outbox_make_room(&freer, UINT64_MAX));
    assert_int_equal(freer.outbox_room, OUTBOX_LEAST);
    for (unsigned size = OUTBOX_FEW; size < OUTBOX_BLOCKS; size *= 2)
        assert_int_equal(fill_from(slabs, 1), size); /* of one slab: twice as many each time */
    assert_int_equal(fill_from(slabs, OUTBOX_FEW), OUTBOX_BLOCKS);
    assert_int_equal(fill_from(slabs, 4 * OUTBOX_FEW), OUTBOX_BLOCKS);
    assert_int_equal(fill_from(slabs, 1), OUTBOX_BLOCKS / 4); /* a fourth are of a fourth of the slabs */
    freer.is_shrinking = false;
    assert_true(outbox_make_room(&freer, UINT64_MAX));
    assert_int_equal(freer.outbox_room, OUTBOX_BYTES);
    for (unsigned i = 0; i < 4 * OUTBOX_FEW; i++)
        slab_give_up(slabs[i]);
}

/* Where nobody can group, each block is a push. */
static void without_groups_each_block_goes_on_its_own(void **state) {
    struct outbox_groups *all[4];
    unsigned count = 0;
    (void)state;
    arenas_renew();
    struct slab *slab = slab_make(&owner, 4);
    for (unsigned i = 0; i < 10; i++)
        assert_true(outbox_add(&freer, 4, slab_take_one(slab)));
    without_memory = true;
    while (count < 4 && (all[count] = pool_take(&outbox_groups)) != NULL)
        count++;
    assert_true(count < 4);
    outbox_flush(&freer);
    without_memory = false;
    while (count-- > 0)
        pool_give(&outbox_groups, all[count]);
    assert_int_equal(freer.counters.pushes, 10);
    inbox_sweep(&owner);
    assert_int_equal(forget_won(&owner), 1);
    assert_int_equal(slab->used, 0);
    slab_give_up(slab);
}

#define MANY 500

/* Frees another's blocks as a thread whose arena has no outbox and gets none, and then gets one. */
static void free_without_memory(void *argument) {
    struct blocks *blocks = argument;
    struct blocks rest = *blocks;
    fh_free(fh_malloc(1));
    struct arena *arena = thread.own;
    struct outbox *outbox = arena->outbox;
    require(arena->outbox_count == 0);
    arena->outbox = NULL;
    arena->outbox_room = 0;
    uint64_t pushes = arena->counters.pushes;
    rest.count = MANY / 2;
    without_memory = true;
    free_blocks(&rest);
    without_memory = false;
    require(arena->outbox == NULL && arena->outbox_count == 0);
    require(arena->counters.pushes - pushes == MANY / 2);
    rest.at += MANY / 2;
    free_blocks(&rest);
    require(arena->outbox != NULL && arena->outbox_count > 0);
    trim(NULL);
    if (outbox != NULL)
        arena->outbox = outbox; /* an arena is for ever, and so is what it has */
}

static void without_memory_each_remote_free_is_a_push(void **state) {
    static void *at[MANY];
    struct blocks blocks = {.size = 300, .count = MANY, .at = at};
    struct worker giver;
    (void)state;
    worker_start(&giver);
    worker_run(&giver, allocate_blocks, &blocks);
    run_alone(free_without_memory, &blocks);
    worker_run(&giver, trim, NULL);
    for (unsigned i = 0; i < MANY; i++)
        assert_ptr_equal(registry_find(at[i])->owner, OWNER_FREE);
    worker_stop(&giver);
}

TESTS(cmocka_unit_test(a_block_costs_its_bytes_or_its_place),
      cmocka_unit_test(a_block_larger_than_the_outbox_goes_on_its_own),
      cmocka_unit_test(an_outbox_is_bounded_in_blocks_and_in_bytes),
      cmocka_unit_test(blocks_of_all_sizes_share_the_room), cmocka_unit_test(an_outbox_grows_with_the_share),
      cmocka_unit_test(who_only_frees_keeps_blocks_of_few_slabs),
      cmocka_unit_test(without_groups_each_block_goes_on_its_own),
      cmocka_unit_test(blocks_are_grouped_by_slab_however_many_there_are),
      cmocka_unit_test(blocks_of_a_slab_of_several_units_are_grouped_by_unit),
      cmocka_unit_test(each_group_goes_its_own_way), cmocka_unit_test(one_block_goes_on_its_own),
      cmocka_unit_test(without_memory_each_remote_free_is_a_push))
