/* SPDX-License-Identifier: MIT
 *
 * Where caches are cut: every malloc is a sample with the same chance, whatever the pattern, and whether or
 * not the one before was. All patterns of a few mallocs and frees are tried, and some long ones. */
#include "check.h"

#include <math.h>

#include "arena/arena.h"
#include "arena/cache.h"
#include "arena/cuts.h"
#include "freehold.h"
#include "profile/places.h"
#include "random.h"
#include "require.h"
#include "superslab/size_class.h"
#include "unpaced.h"
#include "worker.h"

#define SHORT       8   /* mallocs and frees of a short pattern */
#define LONG_MOST   200 /* mallocs of a long one */
#define FAR         5.5 /* standard deviations; by chance, one in 25 million is as far, */
#define SOME        10. /* where so many are expected; a deviation is never less than that of so many */
#define BLOCKS_MOST 400

#ifdef FREEHOLD_TSAN
#define SHORTER 8
#else
#define SHORTER 1
#endif

/* How often something happened that has a chance. */
struct tally {
    uint64_t tried, was;
};

static void tally_add(struct tally *tally, bool was) {
    tally->tried++;
    tally->was += was;
}

static double distance(const struct tally *tally, double chance) {
    double n = (double)tally->tried;
    return ((double)tally->was - n * chance) / sqrt(fmax(n * chance, SOME) * (1 - chance));
}

static void require_chance(const struct tally *tally, double chance, const char *what, unsigned number) {
    double far = distance(tally, chance);
    if (fabs(far) < FAR)
        return;
    fprintf(stderr, "%s %u: %llu of %llu, expected %.4f of them: %.1f deviations\n", what, number,
            (unsigned long long)tally->was, (unsigned long long)tally->tried, chance, far);
    abort();
}

/* What is known of the mallocs of a pattern: the first, the second, ... */
struct counts {
    struct tally each[LONG_MOST], both[LONG_MOST]; /* both it and the one before it were samples */
    bool was_before;
};

static void count(struct counts *counts, unsigned number, bool was) {
    tally_add(&counts->each[number], was);
    tally_add(&counts->both[number], was && counts->was_before);
    counts->was_before = was;
}

static void require_counts(const struct counts *counts, unsigned mallocs, double chance, const char *name) {
    struct tally all = {0, 0};
    for (unsigned i = 0; i < mallocs; i++) {
        require_chance(&counts->each[i], chance, name, i);
        if (i > 0)
            require_chance(&counts->both[i], chance * chance, "both", i);
        all.tried += counts->each[i].tried;
        all.was += counts->each[i].was;
    }
    require_chance(&all, chance, "all of", mallocs);
}

/* Live blocks, as a stack or a queue. */
struct live {
    void *at[BLOCKS_MOST];
    unsigned first, end;
    bool is_queue;
};

static bool live_add(struct live *live, size_t size) {
    void *block = fh_malloc(size);
    require(block != NULL && live->end < BLOCKS_MOST);
    live->at[live->end++] = block;
    return places_have(block);
}

static void live_remove(struct live *live) {
    if (live->first == live->end)
        return;
    fh_free(live->is_queue ? live->at[live->first++] : live->at[--live->end]);
}

static void live_clear(struct live *live) {
    while (live->first != live->end)
        live_remove(live);
    live->first = live->end = 0;
}

struct trial {
    size_t size;
    double chance;
    bool is_queue;
};

/* One in two of the class's mallocs, or as said. */
static double begin(size_t size, double chance) {
    size_t bytes = size_class_bytes((unsigned)size_class(size));
    uint64_t interval = (uint64_t)(-(double)bytes / log(1 - chance));
    fh_free(fh_malloc(size)); /* the thread has an arena */
    require(fh_profile(interval) == 0);
    cuts_own()->countdown.seed = 12345;
    cache_flush(); /* what is cached has not been tried */
    return 1 / countdown_weight(bytes, (double)interval);
}

static unsigned play(struct live *live, struct counts *counts, unsigned pattern, size_t size) {
    unsigned mallocs = 0;
    for (unsigned i = 0; i < SHORT; i++)
        if ((pattern >> i & 1) != 0) {
            bool was = live_add(live, size);
            count(counts, mallocs++, was);
        } else
            live_remove(live);
    live_clear(live);
    return mallocs;
}

static void try_short(void *argument) {
    const struct trial *trial = argument;
    static struct counts counts;
    double chance = begin(trial->size, trial->chance);
    struct live live = {.is_queue = trial->is_queue};
    struct tally all = {0, 0};
    for (unsigned pattern = 0; pattern < 1 << SHORT; pattern++) {
        unsigned mallocs = 0;
        counts = (struct counts){0};
        for (unsigned i = 0; i < 800 / SHORTER; i++)
            mallocs = play(&live, &counts, pattern, trial->size);
        if (mallocs == 0)
            continue;
        require_counts(&counts, mallocs, chance, "short pattern, malloc");
        for (unsigned i = 0; i < mallocs; i++) {
            all.tried += counts.each[i].tried;
            all.was += counts.each[i].was;
        }
        fh_check();
    }
    require_chance(&all, chance, "all short patterns", 0);
    require(fh_profile(0) == 0);
}

static void every_malloc_of_a_short_pattern_has_the_same_chance(void **state) {
    static const size_t sizes[] = {16, 1024, 32768};
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        for (unsigned queue = 0; queue < 2; queue++) {
            struct trial trial = {.size = sizes[i], .chance = queue == 0 ? 0.5 : 0.2, .is_queue = queue != 0};
            run_alone(try_short, &trial);
        }
}

/* A B f f, bursts that are freed as a stack or a queue, and waves. */
enum long_pattern { PAIRS, NESTED, BURST, WAVES, WANDER, LONG_PATTERNS };

static unsigned play_long(struct live *live, struct counts *counts, enum long_pattern pattern, size_t size,
                          struct random *random) {
    unsigned mallocs = 0;
    while (mallocs < LONG_MOST) {
        unsigned more = pattern == PAIRS ? 1 : pattern == NESTED ? 2 : pattern == BURST ? LONG_MOST : 20;
        unsigned fewer = pattern == WAVES ? 17 : more;
        if (pattern == WANDER) {
            more = 1 + (unsigned)random_below(random, 9);
            fewer = (unsigned)random_below(random, 10);
        }
        for (unsigned i = 0; i < more && mallocs < LONG_MOST; i++)
            count(counts, mallocs++, live_add(live, size));
        for (unsigned i = 0; i < fewer; i++)
            live_remove(live);
    }
    live_clear(live);
    return mallocs;
}

static void try_long(void *argument) {
    const struct trial *trial = argument;
    static struct counts counts;
    struct random random = {77};
    double chance = begin(trial->size, trial->chance);
    struct live live = {.is_queue = trial->is_queue};
    for (enum long_pattern pattern = PAIRS; pattern < LONG_PATTERNS; pattern++) {
        counts = (struct counts){0};
        for (unsigned i = 0; i < 1500 / SHORTER; i++) {
            play_long(&live, &counts, pattern, trial->size, &random);
            if (pattern == WANDER && i % 16 == 0)
                cache_flush();
        }
        require_counts(&counts, LONG_MOST, chance, "long pattern, malloc");
        fh_check();
    }
    require(fh_profile(0) == 0);
}

static void every_malloc_of_a_long_pattern_has_the_same_chance(void **state) {
    static const size_t sizes[] = {64, 4096};
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct trial trial = {
            .size = sizes[i / 2], .chance = i % 2 == 0 ? 0.3 : 0.05, .is_queue = i % 2 != 0};
        run_alone(try_long, &trial);
    }
}

/* There is no memory for samples. */
static bool is_full;

void *__real_places_take(unsigned class, uint32_t number);
void *__wrap_places_take(unsigned class, uint32_t number);
void *__wrap_places_take(unsigned class, uint32_t number) {
    return is_full ? NULL : __real_places_take(class, number);
}

/* Whether each live block is what was written to it: none is handed out twice. */
static void require_own(const struct live *live) {
    for (unsigned i = live->first; i < live->end; i++)
        require(*(void **)live->at[i] == &live->at[i]);
}

static void miss_samples(void *argument) {
    static struct live live;
    struct random random = {5};
    (void)argument;
    begin(64, 0.5);
    for (unsigned i = 0; i < 2000 / SHORTER; i++) {
        for (uint64_t more = random_below(&random, BLOCKS_MOST - live.end + 1); more > 0; more--) {
            require(!live_add(&live, 64));
            *(void **)live.at[live.end - 1] = &live.at[live.end - 1];
        }
        require_own(&live);
        for (uint64_t fewer = random_below(&random, live.end + 1); fewer > 0; fewer--)
            live_remove(&live);
        if (i % 16 == 0)
            cache_flush();
        fh_check();
    }
    live_clear(&live);
    require(fh_profile(0) == 0);
}

static void a_sample_that_is_missed_is_a_block_of_the_cache(void **state) {
    (void)state;
    is_full = true;
    run_alone(miss_samples, NULL);
    is_full = false;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_malloc_of_a_short_pattern_has_the_same_chance),
        cmocka_unit_test(every_malloc_of_a_long_pattern_has_the_same_chance),
        cmocka_unit_test(a_sample_that_is_missed_is_a_block_of_the_cache),
    };
    return cmocka_run_group_tests(tests, check_start, NULL);
}
