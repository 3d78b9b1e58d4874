/* SPDX-License-Identifier: MIT
 *
 * What an arena owns and how it lets go of it, between arenas that this thread plays: the bound in bytes, the
 * three ways in which a slab leaves, the orphans, and what is kept of what was claimed. */
#include "check.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arena/arenas.h"
#include "arena/guard.h"
#include "arena/orphans.h"
#include "arena/slabs.h"
#include "child.h"
#include "config.h"
#include "crowd.h"
#include "layout.h"
#include "played.h"
#include "random.h"
#include "remote/inbox.h"
#include "remote/queue.h"
#include "require.h"
#include "superslab/registry.h"
#include "superslab/size_class.h"
#include "superslab/slab.h"
#include "superslab/superslab.h"
#include "thread.h"

#define CLASS  4u  /* of 64 B: a slab of one unit has many blocks */
#define FILLER 20u /* of slabs that push others out */

#define CAPACITY ((uint32_t)(UNIT - COLOR_MAX) / 64) /* blocks that a slab of CLASS has at least */

static struct arena arenas[2];
static struct arena *const owner = &arenas[0], *const other = &arenas[1];

/* While it is there this thread allocates nothing for itself: its slabs would be let go, too. */
static struct crowd crowd;

static void arenas_renew(void) {
    for (unsigned i = 0; i < 2; i++)
        arena_renew(&arenas[i]);
}

/* Neither arena has anything left, and nor have the orphans. */
static void assert_all_gone(void) {
    for (unsigned i = 0; i < 2; i++) {
        slabs_release_all(&arenas[i]);
        assert_null(arenas[i].oldest);
    }
    for (unsigned class = 1; class < CLASSES; class ++)
        assert_null(orphans_claim(owner, class));
}

static struct block *block_at(const struct slab *slab, uint32_t index) {
    return (struct block *)(slab->start + (size_t)index * slab->block_size);
}

/* Takes blocks of a slab of the arena's until so many are out. */
static void use(struct arena *arena, struct slab *slab, uint32_t used) {
    while (slab->used < used)
        slab_take_one(slab);
    slabs_used(arena, slab);
}

/* Frees every block of a slab of the arena's. */
static void empty(struct arena *arena, struct slab *slab) {
    slab->free = NULL;
    slab->used = slab->carved;
    for (uint32_t i = 0; i < slab->carved; i++)
        slab_push(slab, block_at(slab, i));
    slabs_arrange(arena, slab);
}

/* Frees the first blocks of a slab of the arena's. */
static void free_first(struct arena *arena, struct slab *slab, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        if (slab_push(slab, block_at(slab, i)))
            slabs_arrange(arena, slab);
}

static struct slab *make_used(struct arena *arena, unsigned class, uint32_t used) {
    struct slab *slab = slabs_make(arena, class);
    assert_non_null(slab);
    use(arena, slab, used);
    return slab;
}

static struct slab *make_full(struct arena *arena, unsigned class) {
    struct slab *slab = slabs_make(arena, class);
    assert_non_null(slab);
    use(arena, slab, slab->capacity);
    return slab;
}

static struct arena *registered_owner(const struct slab *slab) {
    struct entry entry = registry_entry(slab->start);
    return entry.leaf->owners[entry.index];
}

/* Makes empty slabs until the arena no longer has the slab. */
static void push_out(struct arena *arena, const struct slab *slab) {
    while (slab->owner == arena) {
        assert_non_null(slabs_make(arena, FILLER));
        guard_check(arena);
    }
    slabs_receive(arena);
    slabs_give_up_empty(arena);
}

/* Sends blocks of a slab home, from first on. */
static void send(struct arena *arena, struct slab *slab, uint32_t first, uint32_t count) {
    for (uint32_t i = first; i < first + count; i++)
        outbox_put(arena, slab, block_at(slab, i));
    slabs_exchange(arena);
    assert_int_equal(arena->outbox_count, 0);
    assert_null(arena->won);
    assert_false(arena->called);
    guard_check(arena);
}

static void what_is_owned_is_bounded_in_bytes(void **state) {
    (void)state;
    for (unsigned crowded = 0; crowded < 2; crowded++) {
        if (crowded)
            crowd_start(&crowd);
        uint64_t share = arenas_share();
        for (unsigned class = 1; class < CLASSES; class += 12) {
            size_t bytes = size_class_units(class) * UNIT;
            unsigned count = (unsigned)(share / bytes) + 3;
            static struct slab *slabs[SHARE_MOST / UNIT + 3];
            arenas_renew();
            for (unsigned i = 0; i < count; i++) {
                slabs[i] = make_used(owner, class, 1);
                assert_true(owner->owned <= share || owner->owned == bytes);
                assert_ptr_equal(owner->youngest, slabs[i]);
                guard_check(owner);
            }
            /* The oldest have gone, and only they. */
            bool is_owned = false;
            for (unsigned i = 0; i < count; i++) {
                assert_true(slabs[i]->owner == owner || !is_owned);
                is_owned = slabs[i]->owner == owner;
                assert_ptr_equal(slabs[i]->owner, is_owned ? owner : OWNER_NONE);
                assert_ptr_equal(registered_owner(slabs[i]), slabs[i]->owner);
                assert_int_equal(slabs[i]->place, is_owned ? PLACE_AVAILABLE : PLACE_ORPHANS);
            }
            assert_true(is_owned && slabs[0]->owner == OWNER_NONE);
            for (unsigned i = 0; i < count; i++)
                send(other, slabs[i], 0, 1);
            inbox_sweep(owner);
            assert_all_gone();
        }
        if (crowded)
            crowd_end(&crowd);
    }
}

static void a_slab_that_has_been_used_is_not_the_oldest(void **state) {
    (void)state;
    arenas_renew();
    unsigned count = (unsigned)(arenas_share() / UNIT);
    struct slab *first = make_used(owner, CLASS, 1), *second = make_used(owner, CLASS, 1);
    for (unsigned i = 2; i < count; i++)
        make_used(owner, FILLER, 0);
    assert_ptr_equal(owner->oldest, first);
    use(owner, first, 2);
    assert_ptr_equal(owner->oldest, second);
    make_used(owner, FILLER, 0);
    assert_ptr_equal(first->owner, owner);
    assert_ptr_equal(second->owner, OWNER_NONE);
    guard_check(owner);
    free_first(owner, first, 2);
    send(other, second, 0, 1);
    assert_all_gone();
}

/* One is always kept, else nobody could allocate. */
static void a_slab_may_be_larger_than_the_share(void **state) {
    (void)state;
    crowd_start(&crowd);
    arenas_renew();
    struct slab *slab = make_used(owner, CLASSES - 1, 1);
    assert_true(slab->units * UNIT > arenas_share());
    assert_ptr_equal(slab->owner, owner);
    guard_check(owner);
    struct slab *next = make_used(owner, CLASSES - 1, 1);
    assert_ptr_equal(slab->owner, OWNER_NONE);
    assert_ptr_equal(next->owner, owner);
    assert_int_equal(owner->owned, next->units * UNIT);
    send(other, slab, 0, 1);
    free_first(owner, next, 1);
    crowd_end(&crowd);
    assert_all_gone();
}

static bool units_are_free(const struct slab *slab, unsigned units) {
    uint64_t mask = ((UINT64_C(1) << units) - 1) << slab->unit;
    return (atomic_load(&slot_of_slab(slab)->free) & mask) == mask;
}

static void an_empty_slab_is_given_up(void **state) {
    (void)state;
    crowd_start(&crowd);
    for (unsigned class = 1; class < CLASSES; class += 8) {
        arenas_renew();
        struct slab *slab = make_used(owner, class, 2);
        unsigned units = slab->units;
        uint64_t freed = owner->counters.slabs_freed;
        free_first(owner, slab, 2);
        assert_ptr_equal(slab->owner, owner);
        assert_false(units_are_free(slab, units));
        make_used(owner, CLASSES - 1, 1); /* larger than the share */
        assert_ptr_equal(slab->owner, OWNER_FREE);
        assert_true(units_are_free(slab, units));
        assert_int_equal(owner->counters.slabs_freed - freed, 1);
        assert_int_equal(owner->counters.orphans, 0);
        free_first(owner, owner->youngest, 1);
        assert_all_gone();
    }
    crowd_end(&crowd);
}

/* Also those that one with blocks has come behind. */
static void all_empty_slabs_are_given_up(void **state) {
    (void)state;
    struct slab *slabs[4];
    arenas_renew();
    for (unsigned i = 0; i < 4; i++)
        slabs[i] = make_used(owner, CLASS, 2);
    free_first(owner, slabs[0], 2);
    free_first(owner, slabs[1], 2);
    free_first(owner, slabs[2], 1);
    slabs_arrange(owner, slabs[2]);
    slabs_give_up_empty(owner);
    for (unsigned i = 0; i < 4; i++)
        assert_ptr_equal(slabs[i]->owner, i < 2 ? OWNER_FREE : owner);
    empty(owner, slabs[2]);
    empty(owner, slabs[3]);
    assert_all_gone();
}

/* Once more than a share has become empty, and until a block is taken. */
static void who_only_frees_keeps_no_empty_slabs(void **state) {
    (void)state;
    crowd_start(&crowd);
    enum { COUNT = 3 * SHARE_LEAST / UNIT };
    static struct slab *slabs[COUNT];
    arenas_renew();
    for (unsigned i = 0; i < COUNT; i++)
        slabs[i] = make_used(owner, CLASS, 1);
    for (unsigned i = 0; i < COUNT - 1; i++) {
        assert_false(slabs_shrink(owner));
        assert_ptr_equal(slabs[i]->owner, OWNER_NONE);
        send(owner, slabs[i], 0, 1);
        assert_ptr_equal(slabs[i]->owner, OWNER_FREE);
    }
    assert_true(slabs_shrink(owner));
    assert_false(slabs_shrink(owner));
    free_first(owner, slabs[COUNT - 1], 1);
    assert_ptr_equal(slabs[COUNT - 1]->owner, OWNER_FREE);
    assert_int_equal(owner->owned, 0);
    struct slab *slab = make_used(owner, CLASS, 1);
    free_first(owner, slab, 1);
    assert_ptr_equal(slab->owner, owner);
    guard_check(owner);
    assert_all_gone();
    crowd_end(&crowd);
}

static void a_slab_with_blocks_is_an_orphan(void **state) {
    (void)state;
    crowd_start(&crowd);
    arenas_renew();
    struct slab *slab = make_used(owner, CLASS, 10);
    push_out(owner, slab);
    assert_ptr_equal(slab->owner, OWNER_NONE);
    assert_null(registered_owner(slab));
    assert_int_equal(slab->place, PLACE_ORPHANS);
    assert_int_equal(owner->counters.orphans, 1);
    crowd_end(&crowd);
    assert_ptr_equal(slabs_find(other, CLASS), slab);
    assert_int_equal(other->counters.adoptions, 1);
    assert_ptr_equal(slab->owner, other);
    assert_ptr_equal(registered_owner(slab), other);
    assert_int_equal(slab->place, PLACE_AVAILABLE);
    guard_check(other);
    free_first(other, slab, 10);
    assert_all_gone();
}

static void a_full_slab_is_in_no_list_until_somebody_frees_into_it(void **state) {
    (void)state;
    crowd_start(&crowd);
    arenas_renew();
    struct slab *slab = make_full(owner, CLASS);
    assert_int_equal(slab->place, PLACE_FULL);
    push_out(owner, slab);
    crowd_end(&crowd);
    assert_ptr_equal(slab->owner, OWNER_NONE);
    assert_null(registered_owner(slab));
    assert_int_equal(slab->place, PLACE_NONE);
    assert_null(slabs_find(other, CLASS));
    send(other, slab, 0, 1);
    assert_int_equal(other->counters.claims, 1);
    /* Now it has a block. */
    assert_int_equal(slab->place, PLACE_ORPHANS);
    assert_ptr_equal(slab->owner, OWNER_NONE);
    assert_ptr_equal(slabs_find(other, CLASS), slab);
    empty(other, slab);
    assert_all_gone();
}

/* Orphans of a class with so many blocks out each, let go by the owner. */
static void make_orphans(struct slab **slabs, const uint32_t *used, unsigned count) {
    crowd_start(&crowd);
    for (unsigned i = 0; i < count; i++) {
        slabs[i] = make_used(owner, CLASS, used[i]);
        push_out(owner, slabs[i]);
        assert_ptr_equal(slabs[i]->owner, OWNER_NONE);
        assert_int_equal(slabs[i]->place, PLACE_ORPHANS);
    }
    crowd_end(&crowd);
}

/* The list that the orphan is in is right for it still, so nothing is left to do but to release it. */
static void an_orphan_is_claimed_for_few_blocks_for_a_moment_only(void **state) {
    (void)state;
    for (unsigned is_posted = 0; is_posted < 2; is_posted++) {
        struct slab *slab;
        arenas_renew();
        make_orphans(&slab, (uint32_t[]){CAPACITY / 2}, 1);
        for (unsigned i = 0; i < KEEP_BLOCKS - 1; i++)
            outbox_put(other, slab, block_at(slab, i));
        if (is_posted)
            slab->posted = post_mark; /* by who is about to put it in an inbox */
        outbox_flush(other);
        assert_int_equal(slab->used, CAPACITY / 2 - (KEEP_BLOCKS - 1));
        assert_ptr_equal(slab->owner, OWNER_NONE);
        assert_int_equal(slab->place, PLACE_ORPHANS);
        assert_null(other->won);
        assert_int_equal(other->counters.claims, 1);
        assert_int_equal(other->counters.orphans, 1);
        assert_int_equal(other->called, is_posted);
        slab->posted = 0;
        other->called = false;
        assert_ptr_equal(slabs_find(other, CLASS), slab);
        empty(other, slab);
        assert_all_gone();
    }
}

/* One that is worth keeping, has become emptier, or empty, is settled later. */
static void an_orphan_that_has_changed_is_won(void **state) {
    const struct {
        uint32_t used, freed;
    } changes[] = {{CAPACITY / 2, KEEP_BLOCKS}, {1, 1}, {CAPACITY / 4 + 20, KEEP_BLOCKS - 1}};
    (void)state;
    for (unsigned i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct slab *slab;
        arenas_renew();
        make_orphans(&slab, &changes[i].used, 1);
        unsigned bin = slab->bin;
        for (uint32_t first = 0; other->won == NULL; first += changes[i].freed) {
            assert_true(first < changes[i].used);
            for (uint32_t j = 0; j < changes[i].freed; j++)
                outbox_put(other, slab, block_at(slab, first + j));
            outbox_flush(other);
            bool is_as_before = slab->used != 0 && slab_bin(slab) == bin && changes[i].freed < KEEP_BLOCKS;
            assert_ptr_equal(slab->owner, is_as_before ? OWNER_NONE : other);
            assert_ptr_equal(other->won, is_as_before ? NULL : slab);
        }
        assert_int_equal(slab->won, WON_CLAIMED);
        assert_int_equal(slab->claimed_for, changes[i].freed);
        uint32_t used = slab->used;
        slabs_exchange(other);
        assert_ptr_equal(slab->owner, used == 0 ? OWNER_FREE : OWNER_NONE);
        for (uint32_t j = changes[i].used; used != 0 && j-- > changes[i].used - used;)
            send(other, slab, j, 1);
        assert_all_gone();
    }
}

#define ORPHANS 40u

static void fuller_orphans_are_adopted_before_emptier_ones(void **state) {
    struct random random = {3};
    struct slab *slabs[ORPHANS];
    uint32_t used[ORPHANS] = {1, CAPACITY - 1};
    unsigned in_bin[ORPHAN_BINS] = {0}, last_bin = ORPHAN_BINS - 1;
    (void)state;
    arenas_renew();
    for (unsigned i = 2; i < ORPHANS; i++)
        used[i] = 1 + (uint32_t)random_below(&random, CAPACITY - 1);
    make_orphans(slabs, used, ORPHANS);
    for (unsigned i = 0; i < ORPHANS; i++) {
        assert_true(slabs[i]->bin < ORPHAN_BINS);
        in_bin[slabs[i]->bin]++;
        for (unsigned j = 0; j < i; j++) { /* the bins are in the order of how full the slabs are */
            const struct slab *fuller = used[i] < used[j] ? slabs[j] : slabs[i];
            assert_true(fuller->bin >= slabs[used[i] < used[j] ? i : j]->bin);
        }
    }
    assert_true(in_bin[0] > 0 && in_bin[ORPHAN_BINS - 1] > 0);
    for (unsigned i = 0; i < ORPHANS; i++) {
        struct slab *slab = slabs_find(other, CLASS);
        assert_non_null(slab);
        assert_int_equal(slab->place, PLACE_AVAILABLE);
        assert_true(slab->bin <= last_bin);
        last_bin = slab->bin;
        in_bin[last_bin]--;
        empty(other, slab);
        slabs_give_up_empty(other);
    }
    for (unsigned bin = 0; bin < ORPHAN_BINS; bin++)
        assert_int_equal(in_bin[bin], 0);
    assert_int_equal(other->counters.adoptions, ORPHANS);
    assert_null(slabs_find(other, CLASS));
    assert_all_gone();
}

#define STEP (CAPACITY / 20)

static void an_orphan_moves_between_bins_as_it_becomes_emptier(void **state) {
    struct slab *slab;
    uint32_t used = CAPACITY - 1, freed = 0;
    unsigned moves = 0;
    (void)state;
    arenas_renew();
    make_orphans(&slab, &used, 1);
    while (slab->used > STEP) {
        unsigned bin = slab->bin;
        send(other, slab, freed, STEP);
        freed += STEP;
        assert_int_equal(slab->used, used - freed);
        assert_ptr_equal(slab->owner, OWNER_NONE);
        assert_int_equal(slab->place, PLACE_ORPHANS);
        assert_true(slab->bin <= bin);
        moves += slab->bin < bin;
    }
    assert_int_equal(slab->bin, 0);
    assert_true(moves == ORPHAN_BINS - 1 || ORPHAN_BINS == 1);
    /* The last takes it out of the list, and ends it. */
    send(other, slab, freed, used - freed);
    assert_ptr_equal(slab->owner, OWNER_FREE);
    assert_null(slabs_find(other, CLASS));
    assert_all_gone();
}

/* A thread that uses a class, or does not, and claims a slab of it for some of its blocks. */
struct claimer {
    struct worker worker;
    struct slab *slab;
    uint32_t blocks;
    void *live;
};

static void use_class(void *argument) {
    struct claimer *claimer = argument;
    require((claimer->live = fh_malloc(size_class_bytes(CLASS))) != NULL);
    require(thread.room[CLASS].quota != 0);
}

static void use_another_class(void *argument) {
    struct claimer *claimer = argument;
    require((claimer->live = fh_malloc(size_class_bytes(FILLER))) != NULL);
    require(thread.room[CLASS].quota == 0);
}

static void claim(void *argument) {
    struct claimer *claimer = argument;
    send(thread.own, claimer->slab, 0, claimer->blocks);
}

static void free_rest(void *argument) {
    struct claimer *claimer = argument;
    fh_free(claimer->live);
    if (claimer->slab->owner == thread.own)
        empty(thread.own, claimer->slab);
}

#define FULL UINT32_MAX

/* A slab with so many blocks out that nobody owns. */
static void claim_for(uint32_t used, uint32_t blocks, task *start, bool is_kept) {
    static struct claimer claimer;
    worker_start(&claimer.worker);
    worker_run(&claimer.worker, start, &claimer);
    const struct arena *arena = claimer.worker.locals->own;
    uint64_t owned = arena->owned, claims = arena->counters.claims;
    arenas_renew();
    crowd_start(&crowd);
    struct slab *slab = used == FULL ? make_full(owner, CLASS) : make_used(owner, CLASS, used);
    used = slab->used;
    push_out(owner, slab);
    crowd_end(&crowd);
    claimer.slab = slab;
    claimer.blocks = blocks;
    worker_run(&claimer.worker, claim, &claimer);
    assert_int_equal(slab->used, used - blocks);
    assert_int_equal(slab->won, WON_NOT);
    assert_int_equal(arena->counters.claims - claims, 1);
    assert_int_equal(slab->place, is_kept ? PLACE_AVAILABLE : PLACE_ORPHANS);
    assert_ptr_equal(slab->owner, is_kept ? arena : OWNER_NONE);
    assert_ptr_equal(registered_owner(slab), slab->owner);
    assert_int_equal(arena->owned - owned, is_kept ? UNIT : 0);
    assert_ptr_equal(slabs_find(other, CLASS), is_kept ? NULL : slab);
    worker_run(&claimer.worker, free_rest, &claimer);
    worker_stop(&claimer.worker);
    if (!is_kept)
        empty(other, slab);
    assert_all_gone();
    assert_ptr_equal(slab->owner, OWNER_FREE);
}

static void a_slab_claimed_for_many_blocks_is_kept_by_who_uses_its_class(void **state) {
    (void)state;
    claim_for(FULL, KEEP_BLOCKS, use_class, true);
    claim_for(CAPACITY / 2, KEEP_BLOCKS, use_class, true);
    claim_for(FULL, KEEP_BLOCKS - 1, use_class, false);
    claim_for(CAPACITY / 2, KEEP_BLOCKS - 1, use_class, false);
    claim_for(FULL, CAPACITY / 2, use_another_class, false);
    claim_for(CAPACITY / 2, CAPACITY / 4, use_another_class, false);
}

static void a_slab_claimed_for_its_last_blocks_is_given_up(void **state) {
    (void)state;
    for (uint32_t used = 1; used < CAPACITY; used *= 4) {
        struct slab *slab;
        arenas_renew();
        make_orphans(&slab, &used, 1);
        send(other, slab, 0, used);
        assert_ptr_equal(slab->owner, OWNER_FREE);
        assert_int_equal(other->owned, 0);
        assert_null(orphans_claim(other, CLASS));
        assert_all_gone();
    }
}

/* Whoever has a block of a slab without owner, while its share lasts. */
static void a_slab_may_be_claimed_to_be_kept(void **state) {
    struct slab *slabs[2];
    const uint32_t used[2] = {10, 10};
    (void)state;
    arenas_renew();
    make_orphans(slabs, used, 2);
    queue_put(slabs[0], block_at(slabs[0], 0)); /* its pusher has found it claimed, and leaves it to us */
    other->share = UNIT;
    assert_true(slabs_have_room(other));
    assert_true(slabs_claim(other, slabs[0]));
    assert_ptr_equal(slabs[0]->owner, other);
    assert_ptr_equal(registered_owner(slabs[0]), other);
    assert_int_equal(slabs[0]->place, PLACE_AVAILABLE);
    assert_int_equal(other->owned, UNIT);
    assert_int_equal(other->counters.claims, 1);
    assert_true(queue_is_empty(slabs[0]));
    assert_int_equal(slabs[0]->used, 9);
    guard_check(other);
    assert_false(slabs_have_room(other));
    assert_false(slabs_claim(other, slabs[0]));
    assert_false(slabs_claim(other, slabs[1])); /* its share is used up */
    assert_ptr_equal(slabs[1]->owner, OWNER_NONE);
    owner->share = 2 * UNIT;
    assert_false(slabs_claim(owner, slabs[0]));
    assert_ptr_equal(slabs_find(owner, CLASS), slabs[1]); /* the only one among the orphans */
    empty(owner, slabs[1]);
    empty(other, slabs[0]);
    assert_all_gone();
}

/* Who frees into many slabs, and keeps them. */
static void claim_many(void *argument) {
    struct slab *const *slabs = argument;
    void *live = fh_malloc(size_class_bytes(CLASS));
    for (unsigned i = 0; i < ORPHANS; i++) {
        send(thread.own, slabs[i], 0, KEEP_BLOCKS);
        require(thread.own->owned <= arenas_share());
        require(slabs[i]->owner == thread.own);
        for (unsigned j = 0; j <= i; j++)
            require(slabs[j]->place == (slabs[j]->owner == thread.own ? PLACE_AVAILABLE : PLACE_ORPHANS));
    }
    require(slabs[0]->owner == OWNER_NONE);
    fh_free(live);
}

static void what_is_kept_is_bounded(void **state) {
    struct slab *slabs[ORPHANS];
    struct worker worker;
    (void)state;
    arenas_renew();
    worker_start(&worker);
    for (unsigned i = 0; i < ORPHANS; i++)
        slabs[i] = make_full(owner, CLASS);
    crowd_start(&crowd);
    push_out(owner, slabs[ORPHANS - 1]);
    for (unsigned i = 0; i < ORPHANS; i++)
        assert_ptr_equal(slabs[i]->owner, OWNER_NONE);
    worker_run(&worker, claim_many, slabs);
    crowd_end(&crowd);
    worker_stop(&worker);
    for (unsigned i = 0; i < ORPHANS; i++) {
        struct slab *slab = slabs_find(other, CLASS);
        empty(other, slab);
        slabs_give_up_empty(other);
    }
    for (unsigned i = 0; i < ORPHANS; i++)
        assert_ptr_equal(slabs[i]->owner, OWNER_FREE);
    assert_all_gone();
}

/* It has slabs of every kind, and things on their way in and out. */
static void an_arena_that_ends_has_nothing(void **state) {
    (void)state;
    arenas_renew();
    struct slab *orphan;
    uint32_t used = 2;
    make_orphans(&orphan, &used, 1);
    struct slab *full = make_full(owner, CLASS), *some = make_used(owner, CLASS, 10);
    struct slab *none = make_used(owner, CLASS + 1, 0), *posted = make_full(owner, CLASS + 2);
    struct slab *others = make_used(other, CLASS, 10);
    send(other, posted, 0, 3);
    assert_false(inbox_is_empty(owner));
    for (unsigned i = 0; i < 4; i++)
        assert_true(outbox_add(owner, CLASS, block_at(others, i)));
    assert_true(outbox_add(owner, CLASS, block_at(orphan, 0)));
    slabs_release_all(owner);
    assert_null(owner->oldest);
    assert_null(owner->youngest);
    assert_int_equal(owner->owned, 0);
    assert_null(owner->won);
    assert_int_equal(owner->outbox_count, 0);
    assert_true(inbox_is_empty(owner));
    assert_int_equal(owner->state, ARENA_EXITED);
    for (unsigned class = 0; class < CLASSES; class ++)
        assert_true(owner->stock->available[class].first == NULL &&
                    owner->stock->available[class].last == NULL);
    assert_ptr_equal(full->owner, OWNER_NONE);
    assert_int_equal(full->place, PLACE_NONE);
    struct slab *const left[] = {some, posted, orphan};
    for (unsigned i = 0; i < 3; i++) {
        assert_ptr_equal(left[i]->owner, OWNER_NONE);
        assert_int_equal(left[i]->place, PLACE_ORPHANS);
        assert_int_equal(left[i]->posted, 0);
        assert_true(queue_is_empty(left[i]));
    }
    assert_ptr_equal(none->owner, OWNER_FREE);
    assert_int_equal(posted->used, posted->capacity - 3);
    assert_int_equal(orphan->used, 1);
    assert_false(queue_is_empty(others));
    slabs_receive(other);
    assert_int_equal(others->used, 6);
    /* The rest is the other's to empty. */
    assert_ptr_equal(slabs_find(other, CLASS), others);
    empty(other, others);
    slabs_give_up_empty(other);
    send(other, full, 0, 1);
    struct slab *slab;
    for (unsigned class = CLASS; class <= CLASS + 2; class += 2)
        while ((slab = slabs_find(other, class)) != NULL) {
            empty(other, slab);
            slabs_give_up_empty(other);
        }
    assert_ptr_equal(full->owner, OWNER_FREE);
    for (unsigned i = 0; i < 3; i++)
        assert_ptr_equal(left[i]->owner, OWNER_FREE);
    assert_all_gone();
}

/* Ways to break an arena that owns three slabs, one of them full: each ends in guard_check. */
static void miscount_owned(void *unused) {
    (void)unused;
    owner->owned += UNIT;
    guard_check(owner);
}

static void lose_the_youngest(void *unused) {
    (void)unused;
    owner->youngest = owner->youngest->older;
    guard_check(owner);
}

static void cut_the_list(void *unused) {
    (void)unused;
    owner->oldest->younger->older = NULL;
    guard_check(owner);
}

static void own_anothers(void *unused) {
    (void)unused;
    atomic_store(&owner->oldest->owner, other);
    guard_check(owner);
}

static void register_anothers(void *unused) {
    (void)unused;
    registry_own(owner->oldest, other);
    guard_check(owner);
}

static void misplace(void *unused) {
    (void)unused;
    owner->oldest->place = PLACE_FULL;
    guard_check(owner);
}

static void take_unarranged(void *unused) {
    (void)unused;
    slab_take_one(owner->oldest);
    while (slab_take(owner->oldest, 1000, 1000).count > 0) {
    }
    guard_check(owner);
}

static void leave_the_list(void *unused) {
    (void)unused;
    owner->stock->available[CLASS] = (struct slab_list){NULL, NULL};
    guard_check(owner);
}

static void own_too_much(void *unused) {
    (void)unused;
    owner->share = owner->owned - UNIT;
    guard_check(owner);
}

static void miscount_outbox(void *unused) {
    (void)unused;
    owner->outbox_room += GRAIN;
    guard_check(owner);
}

static void fill_outbox_with_no_block(void *unused) {
    (void)unused;
    outbox_add(owner, CLASS, (char *)block_at(owner->oldest, 0) + 1);
    guard_check(owner);
}

static void check_finds_what_is_broken(void **state) {
    const struct {
        task *how;
        const char *message;
    } breaks[] = {
        {miscount_owned, "an arena counts what it owns"},
        {lose_the_youngest, "a list's links agree"},
        {cut_the_list, "a list's links agree"},
        {own_anothers, "an arena's lists hold slabs that it owns"},
        {register_anothers, "the registry names the owner of a slab"},
        {misplace, "a slab is in the list that it says"},
        {take_unarranged, "a slab is available if and only if it has blocks"},
        {leave_the_list, "an arena owns the slabs in its lists"},
        {own_too_much, "an arena owns no more than its share"},
        {miscount_outbox, "an outbox has room for what is in it"},
        {fill_outbox_with_no_block, ": inside a block"},
    };
    (void)state;
    arenas_renew();
    make_used(owner, CLASS, 1);
    make_used(owner, CLASS, 1);
    make_full(owner, CLASS);
    guard_check(owner);
    for (unsigned i = 0; i < sizeof breaks / sizeof *breaks; i++)
        assert_true(aborts(breaks[i].how, NULL, breaks[i].message));
    struct child child;
    config.on_error = ON_ERROR_REPORT;
    child_run(&child, fill_outbox_with_no_block, NULL);
    config.on_error = ON_ERROR_ABORT;
    assert_true(child_returned(&child));
    guard_check(owner);
    while (owner->owned > 0) {
        empty(owner, owner->oldest);
        slabs_give_up_empty(owner);
    }
    assert_all_gone();
}

/* Frees what arenas have let go of. */
static void empty_orphans(unsigned class) {
    for (struct slab *slab; (slab = slabs_find(other, class)) != NULL;) {
        empty(other, slab);
        slabs_give_up_empty(other);
    }
}

/* Full ones; the first thread of a process lets go of the others as well. */
static void who_makes_a_thread_lets_go(void **state) {
    struct arena *more[2] = {arenas_take(), arenas_take()};
    (void)state;
    arenas_renew();
    struct slab *full = make_full(owner, CLASS), *posted = make_full(owner, CLASS + 1);
    struct slab *some = make_used(owner, CLASS, 10), *none = make_used(owner, CLASS + 2, 0);
    for (unsigned i = 0; i < PART_KEPT / UNIT; i++)
        assert_non_null(slabs_make(owner, FILLER));
    struct slab *youngest = make_full(owner, CLASS + 3), *last = youngest;
    send(other, posted, 0, 3);
    slabs_before_thread(owner);
    assert_ptr_equal(full->owner, OWNER_NONE);
    assert_int_equal(full->place, PLACE_NONE);
    assert_ptr_equal(posted->owner, OWNER_NONE);
    assert_int_equal(posted->place, PLACE_ORPHANS);
    assert_int_equal(posted->posted, 0);
    assert_ptr_equal(some->owner, owner);
    assert_ptr_equal(none->owner, owner);
    assert_ptr_equal(youngest->owner, OWNER_NONE);
    assert_int_equal(owner->owned, PART_KEPT + 2 * UNIT);
    for (unsigned i = 0; i < 2; i++) {
        slabs_release_all(more[i]);
        arenas_give(more[i]);
    }
    assert_true(arenas_is_one());
    slabs_before_thread(owner);
    assert_ptr_equal(some->owner, OWNER_NONE);
    assert_int_equal(some->place, PLACE_ORPHANS);
    assert_ptr_equal(none->owner, OWNER_FREE);
    assert_int_equal(owner->owned, PART_KEPT);
    youngest = make_full(owner, FILLER + 1);
    for (unsigned i = 0; i < 2; i++) /* what is kept are the youngest, be they full */
        slabs_before_thread(owner);
    assert_ptr_equal(youngest->owner, owner);
    assert_int_equal(owner->owned, PART_KEPT);
    empty(owner, youngest);
    send(other, full, 0, 1);
    send(other, last, 0, 1);
    for (unsigned class = CLASS; class <= CLASS + 3; class ++)
        empty_orphans(class);
    assert_ptr_equal(full->owner, OWNER_FREE);
    assert_all_gone();
}

/* Of many arenas that wait to be recycled, few keep pages that only a thread at work needs. */
static void arenas_that_wait_keep_few_pages(void **state) {
    static struct arena *taken[2 * STOCKS_KEPT];
    unsigned char is_resident = 1;
    (void)state;
    if (getpagesize() != 4096)
        skip();
    for (unsigned i = 0; i < 2 * STOCKS_KEPT; i++) {
        taken[i] = arenas_take();
        assert_non_null(taken[i]);
        memset(taken[i]->stock, 0, sizeof(struct stock)); /* touched */
    }
    struct arena *last = taken[2 * STOCKS_KEPT - 1];
    assert_int_equal(mincore(last->stock, sizeof(struct stock), &is_resident), 0);
    assert_true(is_resident & 1);
    for (unsigned i = 0; i < 2 * STOCKS_KEPT; i++) {
        slabs_release_all(taken[i]);
        arenas_give(taken[i]);
    }
    assert_int_equal(mincore(last->stock, sizeof(struct stock), &is_resident), 0);
    assert_false(is_resident & 1);
    assert_ptr_equal(arenas_take(), last); /* and it is as good as new */
    assert_null(last->stock->available[CLASS].first);
    slabs_release_all(last);
    arenas_give(last);
}

TESTS(cmocka_unit_test(what_is_owned_is_bounded_in_bytes),
      cmocka_unit_test(a_slab_that_has_been_used_is_not_the_oldest),
      cmocka_unit_test(a_slab_may_be_larger_than_the_share), cmocka_unit_test(an_empty_slab_is_given_up),
      cmocka_unit_test(all_empty_slabs_are_given_up), cmocka_unit_test(who_only_frees_keeps_no_empty_slabs),
      cmocka_unit_test(a_slab_with_blocks_is_an_orphan),
      cmocka_unit_test(a_full_slab_is_in_no_list_until_somebody_frees_into_it),
      cmocka_unit_test(an_orphan_is_claimed_for_few_blocks_for_a_moment_only),
      cmocka_unit_test(an_orphan_that_has_changed_is_won),
      cmocka_unit_test(fuller_orphans_are_adopted_before_emptier_ones),
      cmocka_unit_test(an_orphan_moves_between_bins_as_it_becomes_emptier),
      cmocka_unit_test(a_slab_claimed_for_many_blocks_is_kept_by_who_uses_its_class),
      cmocka_unit_test(a_slab_claimed_for_its_last_blocks_is_given_up),
      cmocka_unit_test(a_slab_may_be_claimed_to_be_kept), cmocka_unit_test(what_is_kept_is_bounded),
      cmocka_unit_test(who_makes_a_thread_lets_go), cmocka_unit_test(an_arena_that_ends_has_nothing),
      cmocka_unit_test(check_finds_what_is_broken), cmocka_unit_test(arenas_that_wait_keep_few_pages))
