/* SPDX-License-Identifier: MIT
 *
 * Random histories against a shadow of which blocks are live and what is in them.
 *
 * In the one kind, threads run freely and hand blocks to each other: a block that two have, or that is
 * written to by the allocator, is seen by its contents. In the other, three threads take turns, and after
 * every turn the blocks of each slab are counted: carved = live + cached + free + in flight. */
#include "check.h"

#include <inttypes.h>
#include <string.h>

#include "arena/arena.h"
#include "arena/cuts.h"
#include "config.h"
#include "crowd.h"
#include "freehold.h"
#include "profile/places.h"
#include "random.h"
#include "remote/queue.h"
#include "require.h"
#include "superslab/registry.h"
#include "superslab/superslab.h"
#include "superslab/units.h"
#include "worker.h"

#define SIZE_MOST ((size_t)8 << 20)

#ifdef FREEHOLD_TSAN
#define SHORTER 8 /* a sanitizer's build is that much slower */
#else
#define SHORTER 1
#endif

static const uint64_t fixed_seeds[] = {1, 2, 3};
#define FIXED_SEEDS (sizeof fixed_seeds / sizeof *fixed_seeds)

/* Calls a history with each seed: the fixed ones, and one that the environment gives. */
static void for_each_seed(void (*run)(unsigned, uint64_t), unsigned variant) {
    const char *given = getenv("HISTORY_SEED");
    for (unsigned i = 0; i < FIXED_SEEDS + (given != NULL); i++) {
        uint64_t seed = i < FIXED_SEEDS ? fixed_seeds[i] : strtoull(given, NULL, 0);
        /* Said beforehand, for a failure may end the process. */
        fprintf(stderr, "variant %u, HISTORY_SEED=%" PRIu64 "\n", variant, seed);
        run(variant, seed);
    }
}

/* A live block: its contents are made from its number. */
struct item {
    unsigned char *block;
    size_t size;
    uint64_t number;
};

static uint64_t content(uint64_t number, size_t i) {
    return (number + i) * 0x9e3779b97f4a7c15u;
}

static void item_fill(const struct item *item) {
    size_t words = item->size / 8;
    for (size_t i = 0; i < words; i++) {
        uint64_t word = content(item->number, i);
        memcpy(item->block + 8 * i, &word, sizeof word);
    }
    uint64_t rest = content(item->number, words);
    memcpy(item->block + 8 * words, &rest, item->size % 8);
}

/* Whether the first length bytes are the item's. */
static bool item_holds(const struct item *item, size_t length) {
    size_t words = length / 8;
    for (size_t i = 0; i < words; i++) {
        uint64_t word = content(item->number, i);
        if (memcmp(item->block + 8 * i, &word, sizeof word) != 0)
            return false;
    }
    uint64_t rest = content(item->number, words);
    return memcmp(item->block + 8 * words, &rest, length % 8) == 0;
}

/* Most are small: of a thousand, three may be of any size. */
static size_t random_size(struct random *random) {
    size_t percent = random_below(random, 1000);
    size_t most = percent < 600   ? 256
                  : percent < 900 ? 2048
                  : percent < 980 ? SMALL_MAX
                  : percent < 997 ? (size_t)8 * UNIT
                                  : SIZE_MOST;
    return random_below(random, most + 1);
}

static void item_make(struct item *item, size_t size, struct random *random) {
    size_t alignment = GRAIN;
    unsigned char *block;
    switch (random_below(random, 4)) {
    case 0:
        block = fh_calloc(1 + size / 8, 8);
        size = (1 + size / 8) * 8;
        for (size_t i = 0; block != NULL && i < size; i++)
            require(block[i] == 0);
        break;
    case 1:
        alignment = (size_t)GRAIN << random_below(random, 13);
        block = fh_aligned_alloc(alignment, size);
        break;
    default:
        block = fh_malloc(size);
    }
    require(block != NULL && (uintptr_t)block % alignment == 0);
    require(fh_malloc_usable_size(block) >= size);
    *item = (struct item){block, size, random_bits(random)};
    item_fill(item);
}

static void item_resize(struct item *item, struct random *random) {
    size_t size = 1 + random_size(random), before = item->size;
    require(item_holds(item, before));
    item->block = fh_realloc(item->block, size);
    require(item->block != NULL);
    item->size = size;
    require(item_holds(item, size < before ? size : before));
    item_fill(item);
}

static void item_end(struct item *item) {
    require(item_holds(item, item->size));
    fh_free(item->block);
    item->block = NULL;
}

/* One step of a history on an item of one's own. */
static void item_step(struct item *item, struct random *random) {
    if (item->block == NULL)
        item_make(item, random_size(random), random);
    else if (random_below(random, 4) == 0)
        item_resize(item, random);
    else
        item_end(item);
}

/* Histories of threads that run freely. */

#define THREADS_MOST 6
#define STEPS        (6000 / SHORTER)
#define ITEMS        200
#define SHELF        50

static struct item shelf[SHELF];
static pthread_mutex_t shelf_lock = PTHREAD_MUTEX_INITIALIZER;

/* Hands an item over, and takes whatever another thread has put there. */
static void exchange(struct item *item, struct random *random) {
    pthread_mutex_lock(&shelf_lock);
    struct item *place = &shelf[random_below(random, SHELF)], other = *place;
    *place = *item;
    pthread_mutex_unlock(&shelf_lock);
    *item = other;
}

static void *run_freely(void *seed) {
    struct random random = {(uint64_t)(uintptr_t)seed};
    struct item items[ITEMS] = {{NULL, 0, 0}};
    for (unsigned step = 0; step < STEPS; step++) {
        struct item *item = &items[random_below(&random, ITEMS)];
        if (random_below(&random, 3) == 0)
            exchange(item, &random);
        else
            item_step(item, &random);
    }
    for (unsigned i = 0; i < ITEMS; i++)
        if (items[i].block != NULL)
            item_end(&items[i]);
    fh_check();
    return NULL;
}

static void history_of_threads(unsigned threads, uint64_t seed) {
    pthread_t ids[THREADS_MOST];
    for (unsigned i = 0; i < threads; i++)
        require(pthread_create(&ids[i], NULL, run_freely, (void *)(uintptr_t)(seed * THREADS_MOST + i)) == 0);
    for (unsigned i = 0; i < threads; i++)
        require(pthread_join(ids[i], NULL) == 0);
    for (unsigned i = 0; i < SHELF; i++)
        if (shelf[i].block != NULL)
            item_end(&shelf[i]);
    fh_check();
}

static void no_thread_finds_its_blocks_changed(void **state) {
    static const unsigned threads[] = {1, 2, THREADS_MOST};
    (void)state;
    for (unsigned i = 0; i < sizeof threads / sizeof *threads; i++)
        for_each_seed(history_of_threads, threads[i]);
}

/* Histories of threads that take turns. */

#define WORKERS     3
#define TURNS       (2500 / SHORTER)
#define TURN_ITEMS  400
#define MANY_SIZE   100 /* bytes: of blocks that a turn makes or frees in numbers, so that batches fill up */
#define SLOTS_MOST  64
#define CHECK_EVERY 16

/* The blocks of a slab, by where they are. */
struct tally {
    uint32_t live, cached, in_outbox, in_queue, free;
};

struct scene {
    struct worker workers[WORKERS];
    struct item items[TURN_ITEMS];
    struct random random;
    struct tally tallies[SLOTS_MOST][UNITS];
    struct tally seen; /* the most of each in one slab, so that a history that lacks something is seen */
};

static struct tally *tally_of(struct scene *scene, const struct slab *slab) {
    uint32_t slot = superslab_of(slab)->slot;
    require(slot < SLOTS_MOST);
    return &scene->tallies[slot][slab->unit];
}

static bool is_small(const struct arena *owner) {
    return owner == OWNER_NONE || owner > OWNER_HUGE;
}

static void count_live(struct scene *scene) {
    for (unsigned i = 0; i < TURN_ITEMS; i++) {
        if (scene->items[i].block == NULL)
            continue;
        const struct slab *slab = registry_find(scene->items[i].block);
        require(slab != NULL || places_have(scene->items[i].block));
        if (slab != NULL && is_small(atomic_load(&slab->owner)))
            tally_of(scene, slab)->live++;
    }
}

static void count_cache(struct scene *scene, const struct block *block) {
    for (; block != NULL; block = block->next)
        tally_of(scene, registry_find(block))->cached++;
}

static void count_cuts(struct scene *scene, const struct cut *cut) {
    for (; cut != NULL; cut = cut->below)
        count_cache(scene, cut->block);
}

/* Of the lists of which a cache and its spare one are. */
static void count_class(struct scene *scene, const struct thread *locals, unsigned class) {
    const struct cuts *cuts = locals->own->cuts;
    if (cuts == NULL || !cuts->spare_is_cut[class])
        count_cache(scene, locals->own->stock->spare[class]);
    if (cuts == NULL)
        return;
    count_cuts(scene, cuts->of_cache[class]);
    count_cuts(scene, cuts->of_spare[class]);
}

static void count_outbox(struct scene *scene, const struct arena *arena) {
    for (uint32_t i = 0; i < arena->outbox_count; i++)
        tally_of(scene, registry_find(arena->outbox->blocks[i]))->in_outbox++;
}

static void count_thread(struct scene *scene, const struct thread *locals) {
    for (unsigned class = 1; class < CLASSES; class ++)
        count_cache(scene, locals->cache[class]);
    if (locals->own == NULL)
        return;
    for (unsigned class = 1; class < CLASSES; class ++)
        count_class(scene, locals, class);
    count_outbox(scene, locals->own);
}

static void count_threads(struct scene *scene) {
    for (unsigned i = 0; i < WORKERS; i++)
        count_thread(scene, scene->workers[i].locals);
    count_thread(scene, &thread);
    count_outbox(scene, &late_arena);
}

/* A batch's count is also that of its list, which ends at the block that it says. */
static uint32_t batch_length(const struct slab *slab, const void *first) {
    const struct batch *batch = batch_of(slab, first);
    const struct block *block = (const struct block *)(slab->start + (size_t)batch->second * GRAIN);
    const struct block *last = (const struct block *)(slab->start + (size_t)batch->last * GRAIN);
    uint32_t length = 1;
    for (; batch->count > 1; block = block->next) {
        length++;
        if (block == last)
            break;
    }
    require(length == batch->count);
    return length;
}

static void tally_most(struct tally *most, const struct tally *tally) {
    most->live = tally->live > most->live ? tally->live : most->live;
    most->cached = tally->cached > most->cached ? tally->cached : most->cached;
    most->in_outbox = tally->in_outbox > most->in_outbox ? tally->in_outbox : most->in_outbox;
    most->in_queue = tally->in_queue > most->in_queue ? tally->in_queue : most->in_queue;
    most->free = tally->free > most->free ? tally->free : most->free;
}

static void count_slab(struct scene *scene, const struct slab *slab) {
    struct tally *tally = tally_of(scene, slab);
    for (const struct block *block = slab->free; block != NULL; block = block->next)
        tally->free++;
    for (const ck_stack_entry_t *entry = slab->queue.head; entry != NULL; entry = entry->next)
        tally->in_queue += batch_length(slab, entry);
    uint32_t out = tally->live + tally->cached + tally->in_outbox + tally->in_queue;
    require(slab->carved == out + tally->free);
    require(slab->used == out);
    tally_most(&scene->seen, tally);
}

/* The slabs of this thread and of the late arena have blocks that are no item. */
static bool is_counted(const struct arena *owner) {
    return is_small(owner) && owner != thread.own && owner != &late_arena;
}

static void count_all(struct scene *scene) {
    memset(scene->tallies, 0, sizeof scene->tallies);
    count_live(scene);
    count_threads(scene);
    for (uint32_t i = 0; i < slots_count(); i++) {
        const struct superslab *superslab = atomic_load(&slot_at(i)->superslab);
        for (unsigned unit = 0; superslab != NULL && unit < UNITS; unit++)
            if (is_counted(atomic_load(&superslab->slabs[unit].owner)))
                count_slab(scene, &superslab->slabs[unit]);
    }
}

static void take_step(void *argument) {
    struct scene *scene = argument;
    item_step(&scene->items[random_below(&scene->random, TURN_ITEMS)], &scene->random);
}

static void make_many(void *argument) {
    struct scene *scene = argument;
    for (unsigned i = 0; i < TURN_ITEMS; i += 2)
        if (scene->items[i].block == NULL)
            item_make(&scene->items[i], MANY_SIZE, &scene->random);
}

static void free_many(void *argument) {
    struct scene *scene = argument;
    for (unsigned i = 0; i < TURN_ITEMS; i++)
        if (scene->items[i].block != NULL && scene->items[i].size == MANY_SIZE)
            item_end(&scene->items[i]);
}

static task *random_turn(struct random *random) {
    switch (random_below(random, 16)) {
    case 0:
        return make_many;
    case 1:
        return free_many;
    default:
        return take_step;
    }
}

static void check(void *unused) {
    (void)unused;
    fh_check();
}

/* Nothing is left in an arena whose thread has exited. */
static void require_ended(const struct arena *arena) {
    require(atomic_load(&arena->state) == ARENA_EXITED);
    require(arena->owned == 0 && arena->oldest == NULL && arena->youngest == NULL);
    for (unsigned class = 0; class < CLASSES; class ++)
        require(arena->stock->available[class].first == NULL && arena->stock->available[class].last == NULL);
    require(arena->won == NULL && !arena->called && arena->inbox.head == NULL);
    require(arena->outbox_count == 0 && arena->quotas == 0);
}

static void end(struct worker *worker) {
    const struct arena *arena = worker->locals->own;
    worker_stop(worker);
    if (arena != NULL)
        require_ended(arena);
}

/* A worker exits and another comes: orphans, adoption, recycled arenas. */
static void replace(struct worker *worker) {
    end(worker);
    worker_start(worker);
}

/* Where a bound is felt after a few slabs. Only around a worker's turn: this thread's slabs, whose blocks are
 * not counted, shall stay its own. */
static struct crowd crowd;

/* One slab may be larger than the share. A worker may sleep from here on: it leaves nothing to be settled. */
static void require_settled(const struct scene *scene) {
    for (unsigned i = 0; i < WORKERS; i++) {
        const struct arena *arena = scene->workers[i].locals->own;
        require(arena == NULL || (arena->won == NULL && !arena->called));
        require(arena == NULL || arena->owned <= arenas_share() || arena->oldest == arena->youngest);
    }
}

static void take_turn(struct scene *scene, struct worker *worker, bool crowded) {
    if (crowded)
        crowd_start(&crowd);
    worker_run(worker, random_turn(&scene->random), scene);
    require_settled(scene);
    crowd_end(&crowd);
}

static uint64_t orphans_made(void) {
    struct fh_counts counts;
    fh_counters(&counts);
    return counts.orphans;
}

static void history(bool crowded, unsigned exits, uint64_t seed) {
    static struct scene scene;
    uint64_t orphans = orphans_made();
    trim(NULL); /* what this thread allocates from now on is of its own slabs */
    memset(&scene, 0, sizeof scene);
    scene.random = (struct random){seed};
    for (unsigned i = 0; i < WORKERS; i++)
        worker_start(&scene.workers[i]);
    for (unsigned turn = 0; turn < TURNS; turn++) {
        struct worker *worker = &scene.workers[random_below(&scene.random, WORKERS)];
        if (exits > 0 && random_below(&scene.random, exits) == 0)
            replace(worker);
        take_turn(&scene, worker, crowded);
        count_all(&scene);
        if (turn % CHECK_EVERY == 0)
            worker_run(worker, check, NULL);
    }
    const struct tally *seen = &scene.seen;
    require(seen->live > 0 && seen->in_queue > 0 && seen->free > 0);
    require(seen->in_outbox > 0 || config.decay == 0);
    require((seen->cached > 0) == (config.guard < 2));
    require(!crowded || orphans_made() - orphans > TURNS / 10);
    for (unsigned i = 0; i < TURN_ITEMS; i++)
        if (scene.items[i].block != NULL)
            item_end(&scene.items[i]);
    for (unsigned i = 0; i < WORKERS; i++)
        end(&scene.workers[i]);
}

static void history_of_turns(unsigned exits, uint64_t seed) {
    history(false, exits, seed);
}

static void history_in_a_crowd(unsigned exits, uint64_t seed) {
    history(true, exits, seed);
}

static void every_block_of_a_slab_is_accounted_for(void **state) {
    (void)state;
    for_each_seed(history_of_turns, 0);
}

static void and_so_it_is_while_threads_come_and_go(void **state) {
    (void)state;
    for_each_seed(history_of_turns, 40);
}

static void and_so_it_is_where_little_may_be_owned(void **state) {
    (void)state;
    for_each_seed(history_in_a_crowd, 0);
    for_each_seed(history_in_a_crowd, 40);
}

TESTS(cmocka_unit_test(every_block_of_a_slab_is_accounted_for),
      cmocka_unit_test(and_so_it_is_while_threads_come_and_go),
      cmocka_unit_test(and_so_it_is_where_little_may_be_owned),
      cmocka_unit_test(no_thread_finds_its_blocks_changed))
