/* SPDX-License-Identifier: MIT
 *
 * A thread's cache of one class: the room that frees have, the spare one, and the count of the frees that go
 * past both. */
#include "check.h"

#include "arena/arena.h"
#include "arena/cache.h"
#include "config.h"
#include "freehold.h"
#include "require.h"
#include "superslab/registry.h"
#include "superslab/size_class.h"
#include "worker.h"

#define SIZE   1024
#define BLOCKS 400

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
    const struct slab *slab;
    for (slab = thread.own->available[class].first; slab != NULL; slab = slab->next)
        used += slab->used;
    for (slab = thread.own->full[class].first; slab != NULL; slab = slab->next)
        used += slab->used;
    return used;
}

static int64_t blocks_counted(unsigned class) {
    return thread.own->counters.used[class];
}

static void refill(void *unused) {
    (void)unused;
    void *block = fh_malloc(SIZE);
    unsigned class = the_class();
    const struct room *room = &thread.room[class];
    /* A page is carved at first: one block of it is handed out. */
    require(length(thread.cache[class]) == CARVE / SIZE - 1);
    require(thread.spare[class] == NULL);
    require(room->full == (int32_t)((config.cache << 10) / SIZE) && room->left == room->full);
    require(blocks_used(class) == CARVE / SIZE && blocks_counted(class) == CARVE / SIZE);
    fh_free(block);
    require(length(thread.cache[class]) == CARVE / SIZE && room->left == room->full - 1);
    require(blocks_used(class) == CARVE / SIZE);
    /* A hit counts nothing. */
    require(fh_malloc(SIZE) == block && room->left == room->full - 1);
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

static void model_free(struct model *model, int32_t full) {
    if (model->left > 0) {
        model->left--;
        model->cache++;
    } else if (model->spare == 0) {
        model->spare = model->cache;
        model->cache = 1;
        model->left = full - 1;
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
        model_free(&model, thread.room[class].full);
        require(length(thread.cache[class]) == model.cache && length(thread.spare[class]) == model.spare);
        require(blocks_used(class) == used - model.past);
    }
    /* Bounded by what was there, and the room that was given, twice. */
    require(model.past > 0 && thread.room[class].full * 2 + CARVE / SIZE >= model.cache + model.spare);
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
    uint32_t cached = length(thread.cache[class]), spare = length(thread.spare[class]);
    uint64_t refills = thread.own->counters.refills;
    require(spare > 0);
    blocks.count = cached;
    allocate_blocks(&blocks);
    require(thread.cache[class] == NULL && length(thread.spare[class]) == spare);
    void *next = fh_malloc(SIZE);
    require(thread.spare[class] == NULL && length(thread.cache[class]) == spare - 1);
    require(thread.own->counters.refills == refills);
    fh_free(next);
    free_blocks(&blocks);
}

static void the_spare_cache_is_handed_out_after_the_other(void **state) {
    (void)state;
    run_alone(empty_both, NULL);
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
    require(thread.cache[class] == NULL && thread.spare[class] == NULL && thread.room[class].left == 0);
    require(blocks_used(class) == 1 && blocks_counted(class) == 1);
    fh_free(live);
}

static void a_flush_leaves_only_what_is_live(void **state) {
    (void)state;
    run_alone(flush, NULL);
}

static void bound(void *unused) {
    void *at[64];
    (void)unused;
    for (unsigned class = 1; class < CLASSES; class ++) {
        struct blocks blocks = {.size = size_class_bytes(class), .count = 64, .at = at};
        allocate_blocks(&blocks);
        free_blocks(&blocks);
        require((size_t)thread.room[class].full * blocks.size <= config.cache << 10);
        require(((size_t)thread.room[class].full + 1) * blocks.size > config.cache << 10);
    }
}

static void the_room_of_every_class_is_the_same_in_bytes(void **state) {
    (void)state;
    run_alone(bound, NULL);
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
        cmocka_unit_test(a_flush_leaves_only_what_is_live),
        cmocka_unit_test(the_room_of_every_class_is_the_same_in_bytes),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
