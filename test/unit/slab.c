/* SPDX-License-Identifier: MIT
 *
 * Slabs against a model of which blocks are out, and slab_check against slabs that are broken on purpose. */
#include "check.h"

#include <sys/mman.h>

#include "child.h"
#include "layout.h"
#include "os.h"
#include "random.h"
#include "superslab/registry.h"
#include "superslab/size_class.h"
#include "superslab/slab.h"
#include "superslab/superslab.h"

#define BLOCKS_MOST (UNIT / GRAIN)

static struct arena arena;

/* What must be true of a slab: which of its blocks are out, by index. */
struct model {
    struct slab *slab;
    bool out[BLOCKS_MOST];
    uint32_t count, carved;
};

static uint32_t index_of(const struct slab *slab, const struct block *block) {
    assert_true(slab_holds_block(slab, block));
    return (uint32_t)((size_t)((const char *)block - slab->start) / slab->block_size);
}

static struct block *block_at(const struct slab *slab, uint32_t index) {
    return (struct block *)(slab->start + (size_t)index * slab->block_size);
}

static struct model model_make(unsigned class) {
    struct model model = {.slab = slab_make(&arena, class)};
    assert_non_null(model.slab);
    return model;
}

static void model_check(const struct model *model) {
    const struct slab *slab = model->slab;
    assert_int_equal(slab->used, model->count);
    assert_int_equal(slab->carved, model->carved);
    assert_int_equal(slab_has_blocks(slab), model->count < slab->capacity);
    slab_check(slab);
}

static void model_take(struct model *model, uint32_t wanted, uint32_t most) {
    const struct slab *slab = model->slab;
    bool from_list = slab->free != NULL;
    uint32_t before = slab->carved - slab->used, left = slab->capacity - slab->carved, count = 0;
    struct chain chain = slab_take(model->slab, wanted, most);
    const struct block *last = NULL;
    for (const struct block *block = chain.first; block != NULL; last = block, block = block->next, count++) {
        uint32_t index = index_of(slab, block);
        assert_false(model->out[index]);
        assert_int_equal(index < model->carved, from_list);
        model->out[index] = true;
    }
    assert_int_equal(chain.count, count);
    assert_true(chain.last == NULL || chain.last == last);
    assert_int_equal(count == 0, !from_list && left == 0);
    if (from_list)
        assert_int_equal(count, before > most ? wanted : before);
    else
        assert_true(count <= 1 || (count <= wanted && (size_t)count * slab->block_size <= CARVE));
    model->carved += from_list ? 0 : count;
    model->count += count;
    model_check(model);
}

static void model_push(struct model *model, uint32_t index) {
    struct slab *slab = model->slab;
    bool was_full = !slab_has_blocks(slab);
    slab->place = was_full ? PLACE_FULL : PLACE_AVAILABLE;
    bool moves = slab_push(slab, block_at(slab, index));
    model->out[index] = false;
    model->count--;
    assert_int_equal(moves, was_full || model->count == 0);
    model_check(model);
}

/* Several blocks that are out at once, as a chain in random order. */
static void model_push_chain(struct model *model, struct random *random) {
    struct chain chain = {NULL, NULL, 0};
    for (uint32_t i = 0; i < model->slab->capacity; i++)
        if (model->out[i] && random_below(random, 4) == 0) {
            struct block *block = block_at(model->slab, i);
            block->next = chain.first;
            chain = (struct chain){block, chain.last == NULL ? block : chain.last, chain.count + 1};
            model->out[i] = false;
        }
    if (chain.count == 0)
        return;
    slab_push_chain(model->slab, chain);
    model->count -= chain.count;
    model_check(model);
}

static void take_all(struct model *model, uint32_t wanted) {
    while (model->count < model->slab->capacity)
        model_take(model, wanted, 2 * wanted);
}

static void a_slab_hands_out_each_block_once(void **state) {
    (void)state;
    for (unsigned class = 1; class < CLASSES; class ++) {
        struct model model = model_make(class);
        assert_true(model.slab->capacity >= SLAB_BLOCKS - 1);
        model_check(&model);
        take_all(&model, 1 + class % 7);
        model_take(&model, 1, 1);
        model_take(&model, UINT16_MAX, UINT16_MAX);
        while (model.count > 0)
            model_push(&model, model.count - 1);
        slab_give_up(model.slab);
    }
}

static void a_slab_follows_its_model(void **state) {
    struct random random = {7};
    (void)state;
    for (unsigned class = 1; class < CLASSES; class += 6) {
        struct model model = model_make(class);
        for (unsigned step = 0; step < 1500; step++) {
            uint32_t index = (uint32_t)random_below(&random, model.slab->capacity);
            uint32_t wanted = 1 + (uint32_t)random_below(&random, 40);
            if (model.out[index])
                model_push(&model, index);
            else if (random_below(&random, 3) == 0)
                model_take(&model, wanted, wanted * (1 + (uint32_t)random_below(&random, 4)));
            else if (random_below(&random, 40) == 0)
                model_push_chain(&model, &random);
        }
        model.slab->free = NULL;
        model.slab->used = 0;
        slab_give_up(model.slab);
    }
}

static void holds_block_knows_each_block_by_its_start(void **state) {
    (void)state;
    for (unsigned class = 1; class < CLASSES; class += 3) {
        const struct slab *slab = slab_make(&arena, class);
        size_t held = 0;
        for (char *address = unit_address(slab) - GRAIN; address < unit_address(slab) + slab->units * UNIT;
             address += GRAIN / 2)
            if (slab_holds_block(slab, address)) {
                assert_ptr_equal(address, block_at(slab, (uint32_t)held));
                held++;
            }
        assert_int_equal(held, slab->capacity);
        assert_false(slab_holds_block(slab, NULL));
        assert_false(slab_holds_block(slab, (const void *)UINTPTR_MAX));
        slab_give_up((struct slab *)slab);
    }
}

static void a_slab_given_up_leaves_no_trace(void **state) {
    (void)state;
    struct slab *slab = slab_make(&arena, CLASSES - 1);
    char *base = unit_address(slab);
    unsigned units = slab->units;
    slab_give_up(slab);
    assert_ptr_equal(slab->owner, OWNER_FREE);
    for (unsigned i = 0; i < units; i++) {
        struct entry entry = registry_entry(base + i * UNIT);
        assert_ptr_equal(entry_slab(entry), slab + i);
        assert_null(entry.leaf->owners[entry.index]);
        assert_int_equal(entry.leaf->classes[entry.index], CLASS_NONE);
    }
}

/* Ways to break a slab of which six blocks are carved and 1, 3 and 4 are out: each ends in slab_check. */
static void use_too_many(void *slab) {
    ((struct slab *)slab)->used = 7;
    slab_check(slab);
}

static void carve_too_many(void *slab) {
    ((struct slab *)slab)->carved = ((struct slab *)slab)->capacity + 1;
    slab_check(slab);
}

static void miscount_up(void *slab) {
    ((struct slab *)slab)->used++;
    slab_check(slab);
}

static void miscount_down(void *slab) {
    ((struct slab *)slab)->used--;
    slab_check(slab);
}

static void push_twice(void *slab) {
    slab_push(slab, ((struct slab *)slab)->free);
    slab_check(slab);
}

static void lose_a_block(void *slab) {
    ((struct slab *)slab)->free = ((struct slab *)slab)->free->next;
    slab_check(slab);
}

static void push_an_uncarved_block(void *slab) {
    slab_push(slab, block_at(slab, 6));
    slab_check(slab);
}

static void push_an_inner_address(void *slab) {
    slab_push(slab, (struct block *)((char *)block_at(slab, 1) + GRAIN));
    slab_check(slab);
}

static void push_another_slabs_block(void *slab) {
    slab_push(slab, slab_take_one(slab_make(&arena, ((struct slab *)slab)->class)));
    slab_check(slab);
}

static void overwrite_a_link(void *slab) {
    memset(((struct slab *)slab)->free, 0x33, sizeof(struct block));
    slab_check(slab);
}

static void check_finds_what_is_broken(void **state) {
    static const char foreign[] = "invariant broken: the free list holds carved blocks of the slab only";
    static const char bounds[] = "invariant broken: used <= carved <= capacity";
    static const char counting[] = "invariant broken: used = carved - free";
    (void)state;
    const struct {
        task *how;
        const char *message;
    } breaks[] = {
        {use_too_many, bounds},
        {carve_too_many, bounds},
        {miscount_up, counting},
        {miscount_down, counting},
        {push_twice, counting},
        {lose_a_block, counting},
        {push_an_uncarved_block, foreign},
        {push_an_inner_address, foreign},
        {push_another_slabs_block, foreign},
        {overwrite_a_link, foreign},
    };
    struct slab *slab = slab_make(&arena, (unsigned)size_class(64));
    for (unsigned i = 0; i < 6; i++)
        assert_ptr_equal(slab_take_one(slab), block_at(slab, i));
    for (unsigned i = 0; i < 6; i++)
        if (i != 1 && i != 3 && i != 4)
            slab_push(slab, block_at(slab, i));
    slab_check(slab);
    for (unsigned i = 0; i < sizeof breaks / sizeof *breaks; i++)
        assert_true(aborts(breaks[i].how, slab, breaks[i].message));
    slab_check(slab);
    slab->used = 0;
    slab_give_up(slab);
}

/* All blocks are free but one, which the program has forbidden to read. */
static void take_all_but_one(void *slab) {
    struct block *kept = block_at(slab, 3);
    assert_int_equal(mprotect(kept, os_page(), PROT_NONE), 0);
    assert_int_equal(slab_take(slab, BLOCKS_MOST, BLOCKS_MOST).count, ((struct slab *)slab)->capacity - 1);
}

static void a_live_block_may_be_one_that_nobody_may_read(void **state) {
    (void)state;
    if (os_page() > SMALL_MAX)
        skip();
    struct slab *slab = slab_make(&arena, (unsigned)size_class(os_page()));
    while (slab->used < slab->capacity)
        (void)slab_take(slab, 1, 1);
    for (uint32_t i = 0; i < slab->capacity; i++)
        if (i != 3)
            slab_push(slab, block_at(slab, i));
    struct child child;
    child_run(&child, take_all_but_one, slab);
    assert_true(child_returned(&child));
    slab->used = 0;
    slab_give_up(slab);
}

/* Two classes, of one of which slabs are carved to their end, and of the other a page: after some turns each
 * has its own unit, whichever is looked for first. */
static void a_slab_gets_a_unit_that_was_carved_as_far(void **state) {
    const unsigned all = 32, some = 1;
    const struct slab *last_full = NULL, *last_little = NULL;
    (void)state;
    layout_start();
    for (unsigned turn = 0; turn < 64; turn++) {
        struct slab *first = slab_make(&arena, turn % 2 == 0 ? all : some);
        struct slab *second = slab_make(&arena, turn % 2 == 0 ? some : all);
        struct slab *full = turn % 2 == 0 ? first : second, *little = turn % 2 == 0 ? second : first;
        assert_true(turn < 32 || (full == last_full && little == last_little));
        last_full = full;
        last_little = little;
        slab_take(little, 1, 1);
        while (slab_take(full, 1000, 1000).count > 0) {
        }
        full->used = little->used = 0; /* as if all had been freed */
        slab_give_up(full);
        slab_give_up(little);
    }
    assert_ptr_not_equal(last_full, last_little);
    layout_end();
}

TESTS(cmocka_unit_test(a_slab_gets_a_unit_that_was_carved_as_far),
      cmocka_unit_test(a_slab_hands_out_each_block_once), cmocka_unit_test(a_slab_follows_its_model),
      cmocka_unit_test(holds_block_knows_each_block_by_its_start),
      cmocka_unit_test(a_slab_given_up_leaves_no_trace), cmocka_unit_test(check_finds_what_is_broken),
      cmocka_unit_test(a_live_block_may_be_one_that_nobody_may_read))
