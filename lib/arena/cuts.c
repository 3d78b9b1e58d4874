/* SPDX-License-Identifier: MIT */
#include "cuts.h"

#include "../profile/chance.h"
#include "../profile/profiled.h"
#include "../superslab/metadata.h"
#include "cache.h"

struct cuts *cuts_own(void) {
    struct arena *arena = thread.own;
    if (arena->cuts == NULL)
        arena->cuts = metadata_take(sizeof *arena->cuts);
    if (arena->cuts != NULL)
        countdown_follow(&arena->cuts->countdown);
    return arena->cuts;
}

static struct cut *cut_take(struct cuts *cuts) {
    if (cuts->unused == NULL) {
        struct cut *fresh = metadata_take(CUTS_AT_ONCE * sizeof *fresh);
        for (uint32_t i = 0; fresh != NULL && i < CUTS_AT_ONCE; i++) {
            fresh[i].below = cuts->unused;
            cuts->unused = &fresh[i];
        }
    }
    struct cut *cut = cuts->unused;
    if (cut == NULL)
        profiled_miss();
    else
        cuts->unused = cut->below;
    return cut;
}

static void cut_give(struct cuts *cuts, struct cut *cut) {
    cut->below = cuts->unused;
    cuts->unused = cut;
}

/* Cuts the cache at the block that *place leads to. */
static void cut_at(struct cuts *cuts, unsigned class, struct block **place, uint32_t untried,
                   double interval) {
    struct cut *cut = cut_take(cuts);
    if (cut == NULL)
        return;
    *cut = (struct cut){*place, cuts->of_cache[class], interval, untried};
    cuts->of_cache[class] = cut;
    *place = NULL;
}

static void try_list(struct cuts *cuts, unsigned class, uint32_t count) {
    double interval;
    uint32_t number = countdown_try(&cuts->countdown, size_class_bytes(class), count, &interval);
    cuts->uses[class]++;
    if (number == count)
        return;
    struct block **place = &thread.cache[class], *block = cache_first(class);
    for (uint32_t i = 0; i < number && block != NULL; i++) {
        place = &block->next;
        block = cache_next(class, block);
    }
    if (block != NULL) /* nothing has been written over a link */
        cut_at(cuts, class, place, count - number - 1, interval);
}

static void try_frees(struct cuts *cuts, unsigned class) {
    struct room *room = &thread.room[class];
    cuts->uses[class]++;
    uint32_t count = (uint32_t)room->left;
    uint32_t number =
        countdown_try(&cuts->countdown, size_class_bytes(class), count, &cuts->interval_of[class]);
    room->left = (int32_t)number;
    cuts->withheld[class] = (int32_t)(count - number);
}

void cuts_fill(unsigned class, uint32_t count) {
    struct cuts *cuts = cuts_own();
    if (cuts == NULL)
        return;
    try_list(cuts, class, count);
    try_frees(cuts, class);
}

void cuts_set_aside(unsigned class) {
    struct cuts *cuts = cuts_own();
    struct block **spare = &thread.own->stock->spare[class];
    if (cuts == NULL)
        return;
    cuts->of_spare[class] = cuts->of_cache[class];
    cuts->of_cache[class] = NULL;
    cuts->spare_is_cut[class] = *spare == NULL && cuts->of_spare[class] != NULL;
    if (cuts->spare_is_cut[class]) /* who looks whether there is one sees it */
        *spare = cuts->of_spare[class]->block;
    try_frees(cuts, class);
}

void cuts_push(unsigned class, struct block *block) {
    struct cuts *cuts = thread.own->cuts;
    double interval = cuts->interval_of[class];
    thread.room[class].left = cuts->withheld[class] - 1;
    countdown_follow(&cuts->countdown);
    try_frees(cuts, class);
    block->next = thread.cache[class];
    thread.cache[class] = block;
    if (cuts->countdown.wanted != 0)
        cut_at(cuts, class, &thread.cache[class], 0, interval);
}

/* Whether the empty cache begins with a cut. If it has none, the spare one becomes it before. */
static bool begins_with_cut(struct cuts *cuts, unsigned class) {
    struct stock *stock = thread.own->stock;
    if (cuts->of_cache[class] != NULL || stock->spare[class] == NULL)
        return cuts->of_cache[class] != NULL;
    thread.cache[class] = cuts->spare_is_cut[class] ? NULL : stock->spare[class];
    cuts->of_cache[class] = cuts->of_spare[class];
    stock->spare[class] = NULL;
    cuts->of_spare[class] = NULL;
    cuts->spare_is_cut[class] = false;
    return thread.cache[class] == NULL && cuts->of_cache[class] != NULL;
}

/* The cache is empty but for what is below its uppermost cut. */
static struct block *cut_open(struct cuts *cuts, unsigned class) {
    struct cut *cut = cuts->of_cache[class];
    struct block *block = cut->block;
    cuts->of_cache[class] = cut->below;
    thread.cache[class] = block;
    cut_give(cuts, cut);
    return block;
}

static double cut_end(struct cuts *cuts, unsigned class) {
    double interval = cuts->of_cache[class]->interval;
    uint32_t untried = cuts->of_cache[class]->untried;
    struct block *block = cut_open(cuts, class);
    cuts->uses[class]++;
    if (cuts->countdown.wanted == 0)
        return 0;
    thread.cache[class] = cache_next(class, block);
    if (untried != 0)
        try_list(cuts, class, untried);
    cache_send_home(class, block);
    return interval;
}

double cuts_malloc(unsigned class) {
    struct cuts *cuts = cuts_own();
    if (cuts == NULL || thread.cache[class] != NULL)
        return 0;
    if (begins_with_cut(cuts, class))
        return cut_end(cuts, class);
    return thread.cache[class] != NULL ? 0 : cuts_malloc_mapped(size_class_bytes(class));
}

void cuts_pass(unsigned class) {
    struct cuts *cuts = thread.own->cuts;
    if (cuts == NULL || thread.cache[class] != NULL)
        return;
    if (begins_with_cut(cuts, class))
        (void)cut_open(cuts, class);
}

double cuts_malloc_mapped(size_t size) {
    struct cuts *cuts = cuts_own();
    double interval = 0;
    if (cuts != NULL)
        (void)countdown_try(&cuts->countdown, size, 1, &interval);
    return interval;
}

/* Runs of all lengths have one countdown, with the chance that the longest has: of those at which it ends,
 * each is a sample with the chance that makes up for its own. */
uint32_t cuts_runs(uint32_t most) {
    struct cuts *cuts = cuts_own();
    if (cuts == NULL)
        return most;
    cuts->run_interval = 0;
    return countdown_try(&cuts->countdown, LARGE_MAX, most, &cuts->run_interval);
}

double cuts_malloc_run(size_t size) {
    struct cuts *cuts = cuts_own();
    double interval = cuts == NULL || cuts->countdown.wanted == 0 ? 0 : cuts->run_interval;
    if (interval == 0)
        return 0;
    double share = chance_of((double)size / interval) / chance_of(LARGE_MAX / interval);
    return chance_uniform(&cuts->countdown.seed) < share ? interval : 0;
}

/* The last link of a list. */
static struct block **end_of(unsigned class, struct block **list) {
    for (struct block *block = *list; block != NULL; block = cache_next(class, block))
        list = &block->next;
    return list;
}

static void join(struct cuts *cuts, unsigned class, struct block **list, struct cut **uppermost) {
    for (struct cut *cut; (cut = *uppermost) != NULL;) {
        list = end_of(class, list);
        *list = cut->block;
        *uppermost = cut->below;
        cut_give(cuts, cut);
    }
}

static void join_spare(struct cuts *cuts, unsigned class) {
    struct block **spare = &thread.own->stock->spare[class];
    if (cuts->spare_is_cut[class])
        *spare = NULL;
    cuts->spare_is_cut[class] = false;
    join(cuts, class, spare, &cuts->of_spare[class]);
}

void cuts_join(unsigned class) {
    struct cuts *cuts = thread.own->cuts;
    if (cuts == NULL)
        return;
    if (cuts->of_cache[class] != NULL)
        (void)cache_first(class);
    join(cuts, class, &thread.cache[class], &cuts->of_cache[class]);
    join_spare(cuts, class);
    cuts->withheld[class] = 0;
}

static void visit_cuts(const struct cut *cut, void (*visit)(void *context, const struct block *list),
                       void *context) {
    for (; cut != NULL; cut = cut->below)
        visit(context, cut->block);
}

void cuts_visit(unsigned class, void (*visit)(void *context, const struct block *list), void *context) {
    const struct cuts *cuts = thread.own->cuts;
    visit(context, thread.cache[class]);
    if (cuts == NULL || !cuts->spare_is_cut[class])
        visit(context, thread.own->stock->spare[class]);
    if (cuts == NULL)
        return;
    visit_cuts(cuts->of_cache[class], visit, context);
    visit_cuts(cuts->of_spare[class], visit, context);
}
