/* SPDX-License-Identifier: MIT
 *
 * A thread's cache of one class: the room that frees have, the spare one, and the count of the frees that go
 * past both. */
#include "check.h"

#include <limits.h>

#include "arena/arena.h"
#include "arena/arenas.h"
#include "arena/cache.h"
#include "child.h"
#include "config.h"
#include "crowd.h"
#include "freehold.h"
#include "require.h"
#include "superslab/registry.h"
#include "superslab/size_class.h"
#include "worker.h"

#define SIZE   1024
#define BLOCKS 400
#define KEPT   20000

static uint32_t length(const struct block *block) {
    uint32_t count = 0;
    for (; block != NULL; block = block->next)
        count++;
    return count;
}

static unsigned the_class(void) {
    return (unsigned)size_class(SIZE);
}

/* Blocks of the class that the thread's slabs do not have in their free lists. */
static int64_t blocks_used(unsigned class) {
    int64_t used = 0;
    for (const struct slab *slab = thread.own->oldest; slab != NULL; slab = slab->younger)
        if (slab->class == class)
            used += slab->used;
    return used;
}

static int64_t blocks_counted(unsigned class) {
    return thread.own->counters.used[class];
}

/* What a refill brings from a slab that has no free list: never more than a page. */
static uint32_t carved_by(const struct room *room, size_t size) {
    uint32_t quota = (uint32_t)room->quota, most = (uint32_t)(CARVE / size);
    return quota < most ? quota : most;
}

static void refill(void *unused) {
    (void)unused;
    void *block = fh_malloc(SIZE);
    unsigned class = the_class();
    const struct room *room = &thread.room[class];
    uint32_t brought = carved_by(room, SIZE);
    /* One block is handed out. */
    require(room->quota > 0 && room->left == room->quota);
    require(length(thread.cache[class]) == brought - 1);
    require(thread.own->stock->spare[class] == NULL);
    require(blocks_used(class) == brought && blocks_counted(class) == brought);
    fh_free(block);
    require(length(thread.cache[class]) == brought && room->left == room->quota - 1);
    require(blocks_used(class) == brought);
    /* A hit counts nothing. */
    require(fh_malloc(SIZE) == block && room->left == room->quota - 1);
    fh_free(block);
}

static void a_refill_fills_the_cache_and_renews_its_room(void **state) {
    (void)state;
    run_alone(refill, NULL);
}

/* What the cache must be after each free. */
struct model {
    uint32_t cache, spare, past;
    int32_t left;
};

static void model_free(struct model *model, int32_t quota) {
    if (model->left > 0) {
        model->left--;
        model->cache++;
    } else if (model->spare == 0) {
        model->spare = model->cache;
        model->cache = 1;
        model->left = quota - 1;
    } else {
        model->left--;
        model->past++;
    }
}

static void overflow(void *unused) {
    static void *at[BLOCKS];
    struct blocks blocks = {.size = SIZE, .count = BLOCKS, .at = at};
    unsigned class = the_class();
    (void)unused;
    allocate_blocks(&blocks);
    struct model model = {.cache = length(thread.cache[class]), .left = thread.room[class].left};
    int64_t used = blocks_used(class);
    for (unsigned i = 0; i < BLOCKS; i++) {
        fh_free(at[i]);
        model_free(&model, thread.room[class].quota);
        require(length(thread.cache[class]) == model.cache &&
                length(thread.own->stock->spare[class]) == model.spare);
        require(blocks_used(class) == used - model.past);
    }
    require(model.past > 0 && model.cache + model.spare <= HELD_MOST * (uint32_t)thread.room[class].quota);
    cache_settle(class);
    require(thread.room[class].left == 0 && blocks_counted(class) == used - model.past);
    cache_settle(class);
    require(blocks_counted(class) == used - model.past);
}

static void frees_fill_the_cache_then_the_spare_one_then_go_past(void **state) {
    (void)state;
    run_alone(overflow, NULL);
}

static void empty_both(void *unused) {
    static void *at[BLOCKS];
    struct blocks blocks = {.size = SIZE, .count = BLOCKS, .at = at};
    unsigned class = the_class();
    (void)unused;
    allocate_blocks(&blocks);
    free_blocks(&blocks);
    uint32_t cached = length(thread.cache[class]), spare = length(thread.own->stock->spare[class]);
    uint64_t refills = thread.own->counters.refills;
    require(spare > 0);
    blocks.count = cached;
    allocate_blocks(&blocks);
    require(thread.cache[class] == NULL && length(thread.own->stock->spare[class]) == spare);
    void *next = fh_malloc(SIZE);
    require(thread.own->stock->spare[class] == NULL && length(thread.cache[class]) == spare - 1);
    require(thread.own->counters.refills == refills);
    fh_free(next);
    free_blocks(&blocks);
}

static void the_spare_cache_is_handed_out_after_the_other(void **state) {
    (void)state;
    run_alone(empty_both, NULL);
}

/* Frees until the cache is set aside, then allocates until it is back: each time it is longer. */
static void grow(void *unused) {
    static void *at[KEPT];
    struct blocks blocks = {.size = SIZE, .count = KEPT / 4, .at = at};
    unsigned class = the_class();
    uint32_t most = 0, freed = 0;
    (void)unused;
    allocate_blocks(&blocks);
    uint64_t refills = thread.own->counters.refills;
    for (;;) {
        while (thread.own->stock->spare[class] == NULL && freed < blocks.count)
            fh_free(at[freed++]);
        uint32_t held = length(thread.cache[class]) + length(thread.own->stock->spare[class]);
        require(held <= HELD_MOST * (uint32_t)thread.room[class].quota);
        most = held > most ? held : most;
        if (freed == blocks.count)
            break;
        while (thread.own->stock->spare[class] != NULL)
            at[--freed] = fh_malloc(SIZE);
    }
    require(most > 4 * (uint32_t)thread.room[class].quota && thread.own->counters.refills == refills);
    fh_check();
}

static void a_cache_that_is_set_aside_again_and_again_is_bounded(void **state) {
    (void)state;
    run_alone(grow, NULL);
}

static void flush(void *unused) {
    static void *at[BLOCKS];
    struct blocks blocks = {.size = SIZE, .count = BLOCKS, .at = at};
    unsigned class = the_class();
    (void)unused;
    allocate_blocks(&blocks);
    void *live = at[BLOCKS / 2];
    at[BLOCKS / 2] = NULL;
    free_blocks(&blocks);
    cache_flush();
    require(thread.cache[class] == NULL && thread.own->stock->spare[class] == NULL &&
            thread.room[class].left == 0);
    require(blocks_used(class) == 1 && blocks_counted(class) == 1);
    require(thread.room[class].quota == 0 && thread.own->quotas == 0);
    fh_free(live);
}

static void a_flush_leaves_only_what_is_live(void **state) {
    (void)state;
    run_alone(flush, NULL);
}

#define WRITTEN_OVER                                                                                         \
    "): this was written over the link of a free block, and is not followed. The block is one of 1024 "      \
    "bytes."

/* What a program may write to a block that it has freed: text, or what leads to its own variables, to a live
 * block, to one of another class, or into a free block. */
static struct block *damage(unsigned which) {
    static struct block variable;
    struct block *live = fh_malloc(SIZE), *other = fh_malloc((size_t)2 * SIZE), *block = fh_malloc(SIZE),
                 *last = fh_malloc(SIZE);
    struct block *const links[] = {(struct block *)0x4141414141414141, &variable, live, other, last + 1};
    fh_free(last);
    fh_free(other);
    fh_free(block);
    require(thread.cache[the_class()] == block && block->next == last);
    if (which < sizeof links / sizeof(struct block *))
        block->next = links[which];
    return block;
}

static void flush_damaged(void *which) {
    damage((unsigned)(uintptr_t)which);
    cache_flush();
}

static void count_damaged(void *which) {
    damage((unsigned)(uintptr_t)which);
    cache_count_all();
}

/* The head of the list is one that was read by the malloc before. */
static void set_damaged_aside(void *which) {
    damage((unsigned)(uintptr_t)which);
    fh_malloc(SIZE);
    cache_set_aside(the_class());
}

static void allocate_damaged(void *which) {
    damage((unsigned)(uintptr_t)which);
    fh_malloc(SIZE);
    require(fh_aligned_alloc(SIZE, SIZE) != NULL);
}

static void go_on(void *which) {
    config.on_error = ON_ERROR_REPORT;
    allocate_damaged(which);
    flush_damaged(which);
    count_damaged(which);
    fh_free(fh_malloc(SIZE));
}

static void what_was_written_over_a_link_is_not_followed(void **state) {
    (void)state;
    task *const tasks[] = {flush_damaged, count_damaged, set_damaged_aside, allocate_damaged};
    for (uintptr_t which = 0; which < 5; which++)
        for (unsigned i = 0; i < sizeof tasks / sizeof *tasks; i++)
            assert_true(aborts(tasks[i], (void *)which, WRITTEN_OVER));
    struct child child;
    for (uintptr_t which = 0; which <= 5; which++) {
        child_run(&child, go_on, (void *)which);
        assert_true(child_returned(&child));
        assert_true((strstr(child.errors, WRITTEN_OVER) != NULL) == (which < 5));
    }
}

/* A stale pointer may have made a ring of a list. */
static void count_ring(void *unused) {
    (void)unused;
    struct block *block = damage(UINT_MAX);
    block->next->next = block;
    cache_count_all();
    require(thread.own->counters.cached[the_class()] <= thread.own->stock->held[the_class()]);
    arena_check();
}

static void a_list_that_leads_back_is_counted_once(void **state) {
    (void)state;
    assert_true(aborts(count_ring, NULL, "a cache holds so many times its quota at most"));
}

/* Allocates until the cache of the blocks' class has been refilled once more. */
static void refill_once(struct blocks *blocks) {
    uint64_t before = thread.own->counters.refills;
    while (thread.own->counters.refills == before) {
        require(blocks->count < KEPT);
        require((blocks->at[blocks->count++] = fh_malloc(blocks->size)) != NULL);
    }
}

/* The bytes that the quota of a class may grow to, if it may have most. */
static size_t quota_within(size_t size, size_t most) {
    return most > QUOTA_BLOCKS * size ? most : QUOTA_BLOCKS * size;
}

static size_t quota_most(size_t size) {
    return quota_within(size, size < CARVE ? config.cache << 10 : QUOTA_LARGE * config.cache << 10);
}

static bool quota_is_full(unsigned class) {
    size_t size = size_class_bytes(class);
    return ((size_t)thread.room[class].quota + 1) * size > quota_most(size);
}

/* As far as it may grow while others have much. */
static bool quota_is_half_full(unsigned class) {
    size_t size = size_class_bytes(class);
    return ((size_t)thread.room[class].quota + 1) * size > quota_within(size, config.cache << 10);
}

/* Refills the cache of a class until its quota no longer grows. */
static void demand(unsigned class, struct blocks *blocks) {
    const struct room *room = &thread.room[class];
    int32_t before;
    blocks->size = size_class_bytes(class);
    do {
        before = room->quota;
        refill_once(blocks);
        require(room->quota == before || before == 0 || room->quota == 2 * before ||
                quota_is_half_full(class));
        require((size_t)room->quota * blocks->size <= quota_most(blocks->size));
    } while (room->quota > before);
}

/* Gives the thread an arena without any quota. */
static void start_thread(void) {
    fh_free(fh_malloc(SIZE));
    cache_flush();
}

static void demand_each(void *unused) {
    static void *at[KEPT];
    (void)unused;
    start_thread();
    for (unsigned class = 1; class < CLASSES; class ++) {
        struct blocks blocks = {.at = at};
        demand(class, &blocks);
        require(quota_is_full(class));
        free_blocks(&blocks);
        cache_flush();
        require(thread.own->quotas == 0);
    }
}

static void quotas_double_up_to_the_bytes_of_their_class(void **state) {
    (void)state;
    run_alone(demand_each, NULL);
}

/* The largest classes first, which do not ask. */
static void demand_pages_last(void *unused) {
    static void *at[KEPT];
    struct blocks blocks = {.at = at};
    unsigned pages = (unsigned)size_class(CARVE);
    uint64_t most = arenas_share() / CACHE_SHARE;
    (void)unused;
    start_thread();
    for (unsigned class = CLASSES - 1; thread.own->quotas < most - most / BULK_LEFT; class --)
        demand(class, &blocks);
    demand(pages, &blocks);
    require((size_t)thread.room[pages].quota * CARVE == config.cache << 10);
    fh_check();
    free_blocks(&blocks);
}

static void what_is_wanted_in_bulk_leaves_others_room(void **state) {
    (void)state;
    run_alone(demand_pages_last, NULL);
}

static uint64_t quotas_counted(void) {
    uint64_t quotas = 0;
    for (unsigned class = 1; class < CLASSES; class ++)
        quotas += (uint64_t)thread.room[class].quota * size_class_bytes(class);
    return quotas;
}

/* What the quotas may be in all: a part of the arena's share, and one first quota of every class. */
static uint64_t quotas_most(void) {
    uint64_t share = arenas_share(), part = share / CACHE_SHARE;
    if (share >= CACHE_LARGE && part < CACHE_MOST)
        part = 2 * part < CACHE_MOST ? 2 * part : CACHE_MOST;
    return part + CACHE_LEAST;
}

/* Demands all that there is in every class but one. */
static void demand_all_but(unsigned spared, struct blocks *blocks) {
    for (unsigned class = 1; class < CLASSES; class ++) {
        if (class == spared)
            continue;
        demand(class, blocks);
        require(thread.own->quotas == quotas_counted() && quotas_counted() <= quotas_most());
    }
}

static void demand_all(void *unused) {
    static void *at[KEPT];
    struct blocks blocks = {.at = at};
    uint64_t all = 0;
    (void)unused;
    start_thread();
    for (unsigned class = 1; class < CLASSES; class ++)
        all += quota_most(size_class_bytes(class));
    demand_all_but(0, &blocks);
    /* The bound has been felt. */
    require(thread.own->quotas < all / 2);
    fh_check();
    free_blocks(&blocks);
    require(thread.own->quotas == quotas_counted() && quotas_counted() <= quotas_most());
    fh_check();
}

/* Runs a task on a thread whose arena's share is small. */
static void run_in_a_crowd(task *next) {
    static struct crowd crowd;
    struct worker worker;
    worker_start(&worker);
    crowd_start(&crowd);
    worker_run(&worker, next, NULL);
    crowd_end(&crowd);
    worker_stop(&worker);
}

static void the_sum_of_all_quotas_is_bounded(void **state) {
    (void)state;
    run_in_a_crowd(demand_all);
}

/* While one class is in demand, the others are not. */
static void demand_one(void *unused) {
    static void *at[KEPT];
    struct blocks blocks = {.at = at};
    unsigned class = the_class();
    (void)unused;
    start_thread();
    demand_all_but(class, &blocks);
    uint64_t others = thread.own->quotas;
    blocks.size = SIZE;
    while (4 * (size_t)thread.room[class].quota * SIZE < arenas_share() / CACHE_SHARE) {
        refill_once(&blocks);
        require(thread.own->quotas == quotas_counted() && quotas_counted() <= quotas_most());
    }
    require(thread.own->quotas - (size_t)thread.room[class].quota * SIZE < others);
    for (unsigned i = 1; i < CLASSES; i++)
        require(thread.room[i].quota != 0 ||
                (thread.cache[i] == NULL && thread.own->stock->spare[i] == NULL));
    fh_check();
    free_blocks(&blocks);
}

static void classes_that_are_not_used_give_up_their_quotas(void **state) {
    (void)state;
    run_in_a_crowd(demand_one);
}

/* Blocks whose thread has gone, freed by one that uses their class. */
struct inheritance {
    struct blocks orphans, own;
    void *at[BLOCKS], *kept[20];
    void *other;
};

static void inherit(task *claim, bool crowded) {
    static struct inheritance all;
    static struct crowd crowd;
    struct worker worker;
    all.orphans = (struct blocks){.size = SIZE, .count = BLOCKS, .at = all.at};
    all.own = (struct blocks){.size = SIZE, .count = 20, .at = all.kept};
    worker_start(&worker);
    worker_run(&worker, allocate_blocks, &all.own);
    run_alone(allocate_blocks, &all.orphans);
    if (crowded)
        crowd_start(&crowd);
    worker_run(&worker, claim, &all);
    crowd_end(&crowd);
    worker_run(&worker, free_blocks, &all.own);
    worker_run(&worker, trim, NULL);
    worker_stop(&worker);
    for (size_t i = 0; i < BLOCKS; i++)
        assert_ptr_equal(registry_find(all.at[i])->owner, OWNER_FREE);
}

static uint64_t slabs_claimed(void) {
    return thread.own->counters.claims;
}

/* The first free of a slab makes it the thread's, and the others are local. */
static void claim_orphans(void *argument) {
    const struct blocks *orphans = &((struct inheritance *)argument)->orphans;
    const struct arena *arena = thread.own;
    uint64_t claims = slabs_claimed(), owned = arena->owned;
    unsigned slabs = 0;
    require(thread.room[the_class()].quota != 0);
    for (size_t i = 0; i < orphans->count; i++) {
        const struct slab *slab = registry_find(orphans->at[i]);
        slabs += slab->owner == OWNER_NONE;
        fh_free(orphans->at[i]);
        require(slab->owner == arena && slab->place != PLACE_ORPHANS && slab->place != PLACE_NONE);
    }
    require(slabs > 1 && slabs_claimed() - claims == slabs);
    require(arena->owned - owned == slabs * UNIT);
    fh_check();
}

static void who_frees_blocks_without_owner_in_a_class_it_uses_owns_them(void **state) {
    (void)state;
    inherit(claim_orphans, false);
}

static uint32_t cached(void) {
    return length(thread.cache[the_class()]) + length(thread.own->stock->spare[the_class()]);
}

/* A thread that may own no more caches them, as far as there is room. */
static void cache_orphans(void *argument) {
    struct inheritance *all = argument;
    const struct blocks *orphans = &all->orphans;
    const struct arena *arena = thread.own;
    /* A slab of another class uses up the share, and brings it to mind. */
    require((all->other = fh_malloc(2ul * SIZE)) != NULL && arena->owned + UNIT > arenas_share());
    uint64_t frees = arena->counters.remote_frees, claims = arena->counters.claims;
    uint32_t before = cached(), quota = (uint32_t)thread.room[the_class()].quota, freed = 0;
    require(thread.room[the_class()].left == (int32_t)quota && 2 * quota < BLOCKS);
    while (arena->outbox_count == 0) {
        require(arena->counters.remote_frees == frees && cached() == before + freed);
        fh_free(orphans->at[freed++]);
    }
    require(freed > 2 * quota && cached() == before + freed - 1);
    require(arena->counters.claims == claims);
    require(registry_find(orphans->at[0])->owner == OWNER_NONE);
    void *again = fh_malloc(SIZE);
    require(again == orphans->at[freed - 2]);
    fh_free(again);
    /* What finds no room goes home. */
    while (freed < orphans->count)
        fh_free(orphans->at[freed++]);
    fh_check();
    trim(NULL);
    require(cached() == 0 && arena->outbox_count == 0);
    require(arena->counters.remote_frees - frees > 0 && arena->counters.claims > claims);
    fh_free(all->other);
}

static void who_may_own_no_more_caches_blocks_without_owner(void **state) {
    (void)state;
    inherit(cache_orphans, true);
}

static int start(void **state) {
    /* Nothing else shall flush or purge meanwhile, and an environment shall not decide. */
    config.decay = 86400000;
    config.cache = 64;
    return check_start(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refill_fills_the_cache_and_renews_its_room),
        cmocka_unit_test(frees_fill_the_cache_then_the_spare_one_then_go_past),
        cmocka_unit_test(the_spare_cache_is_handed_out_after_the_other),
        cmocka_unit_test(a_cache_that_is_set_aside_again_and_again_is_bounded),
        cmocka_unit_test(a_flush_leaves_only_what_is_live),
        cmocka_unit_test(what_was_written_over_a_link_is_not_followed),
        cmocka_unit_test(a_list_that_leads_back_is_counted_once),
        cmocka_unit_test(quotas_double_up_to_the_bytes_of_their_class),
        cmocka_unit_test(what_is_wanted_in_bulk_leaves_others_room),
        cmocka_unit_test(the_sum_of_all_quotas_is_bounded),
        cmocka_unit_test(classes_that_are_not_used_give_up_their_quotas),
        cmocka_unit_test(who_frees_blocks_without_owner_in_a_class_it_uses_owns_them),
        cmocka_unit_test(who_may_own_no_more_caches_blocks_without_owner),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
