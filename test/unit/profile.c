/* SPDX-License-Identifier: MIT
 *
 * The heap profile: what it says of each site is near the truth, and a profiled block is a block like any
 * other. */
#include "check.h"

#include <dlfcn.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arena/arena.h"
#include "arena/cuts.h"
#include "child.h"
#include "config.h"
#include "freehold.h"
#include "profile/places.h"
#include "profile/profiled.h"
#include "profile/trace.h"
#include "random.h"
#include "require.h"
#include "stack.h"
#include "superslab/huge.h"
#include "superslab/large.h"
#include "superslab/size_class.h"
#include "unpaced.h"
#include "worker.h"

#define INTERVAL  20000 /* bytes, of estimates */
#define ROUNDS    24
#define FAR       5.5 /* standard errors, of a kind's estimates on average */
#define FAR_ONE   9.0 /* of one; where few are no samples, it is not normally distributed */
#define FAR_FEW   3.0 /* and few are as far as that */
#define SITE_SPAN 512 /* bytes of code of a site's function, at most */
#define DUMP_MOST (4 << 20)

#ifdef FREEHOLD_TSAN
#define SHORTER 4
#else
#define SHORTER 1
#endif

/* Sites: functions that allocate, one for each kind of block, which the compiler must not take for the same.
 */
#define SITE(name, call)                                                                                     \
    static noinline void *name(void *block, size_t size) {                                                   \
        (void)block;                                                                                         \
        __asm__ volatile("" : : "i"(__LINE__));                                                              \
        void *volatile made = (call);                                                                        \
        return made;                                                                                         \
    }

SITE(make_tiny, fh_malloc(size))
SITE(make_small, fh_malloc(size))
SITE(make_zeroed, fh_calloc(1, size))
SITE(make_aligned, fh_memalign(256, size))
SITE(make_wide, fh_malloc(size))
SITE(make_large, fh_malloc(size))
SITE(make_large_zeroed, fh_calloc(size, 1))
SITE(make_longer, fh_realloc(block, size))
SITE(make_huge, fh_malloc(size))

struct figures {
    double count, bytes, variance;
};

static const struct kind {
    void *(*make)(void *block, size_t size);
    size_t least, most; /* bytes */
    unsigned blocks;    /* of a round */
} kinds[] = {
    {make_tiny, 1, 100, 6000},
    {make_small, 100, 2000, 1500},
    {make_zeroed, 300, 600, 1500},
    {make_aligned, 300, 5000, 600},
    {make_wide, 9000, 32768, 200},
    {make_large, 33000, 200000, 150},
    {make_large_zeroed, 40000, 90000, 150},
    {make_longer, 33000, 70000, 150},
    {make_huge, 2200000, 5000000, 6},
};
#define KINDS (sizeof kinds / sizeof *kinds)

/* What the dump says, or what is true, of each kind. */
struct profile {
    struct figures live[KINDS], all[KINDS];
    unsigned others; /* sites that are of none */
    unsigned long interval, missed;
};

static void figures_add(struct figures *figures, double count, double bytes, double variance) {
    figures->count += count;
    figures->bytes += bytes;
    figures->variance += variance;
}

/* The kind whose function an address is in, or KINDS. */
static size_t kind_at(uintptr_t address) {
    size_t found = KINDS;
    uintptr_t nearest = SITE_SPAN;
    for (size_t i = 0; i < KINDS; i++)
        if (address - (uintptr_t)kinds[i].make < nearest) {
            nearest = address - (uintptr_t)kinds[i].make;
            found = i;
        }
    return found;
}

static size_t kind_of(const char *frames) {
    size_t found = KINDS;
    for (char *end; *frames == ' ' && found == KINDS; frames = end)
        found = kind_at(strtoull(frames, &end, 16));
    return found;
}

static void parse_site(struct profile *profile, const char *line) {
    double figure[9];
    char *end = (char *)line + 4;
    for (unsigned i = 0; i < 9; i++) {
        require(*end == ' ');
        figure[i] = strtod(end, &end);
    }
    size_t kind = kind_of(end);
    require(figure[5] <= figure[6] && figure[1] <= figure[3] + 1);
    if (kind == KINDS) {
        profile->others++;
        return;
    }
    figures_add(&profile->live[kind], figure[1], figure[2], figure[7]);
    figures_add(&profile->all[kind], figure[3], figure[4], figure[8]);
}

/* Every line is one of those that doc/PROFILE.md names, and in its place. */
static void parse(struct profile *profile, char *text) {
    static const char *const head[] = {"freehold-profile 1", "process ", "time ", "interval ", "missed "};
    unsigned number = 0, maps = 0;
    bool is_over = false;
    *profile = (struct profile){0};
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1, number++) {
        *end = '\0';
        require(!is_over);
        if (number < 5)
            require(strncmp(line, head[number], strlen(head[number])) == 0);
        else if (strncmp(line, "site ", 5) == 0 && maps == 0)
            parse_site(profile, line);
        else if (strncmp(line, "map ", 4) == 0)
            maps++;
        else {
            require(strcmp(line, "end") == 0);
            is_over = true;
        }
        if (number == 1)
            require(strtol(line + 8, NULL, 10) == getpid());
        if (number == 3)
            profile->interval = strtoul(line + 9, NULL, 10);
        if (number == 4)
            profile->missed = strtoul(line + 7, NULL, 10);
    }
    require(is_over && maps > 1);
}

static void dump(struct profile *profile) {
    static char text[DUMP_MOST];
    int file = memfd_create("profile", MFD_CLOEXEC);
    require(file >= 0 && fh_profile_dump(file) == 0);
    ssize_t length = pread(file, text, sizeof text - 1, 0);
    require(length > 0 && length < DUMP_MOST - 1);
    text[length] = '\0';
    close(file);
    parse(profile, text);
}

/* A block of the test's. */
struct item {
    void *block;
    size_t size;
    unsigned kind;
};

#define ITEMS_MOST 12000

struct play {
    struct item items[ITEMS_MOST];
    unsigned count;
    struct random random;
    struct profile truth;
};

/* What a sample's weight is: that of the size class, if there is one. */
static double weight_of(size_t size, unsigned kind) {
    size_t rounded = kinds[kind].make == make_aligned ? (size + 255) & ~255ul : size;
    size_t tried = rounded <= SMALL_MAX ? size_class_bytes((unsigned)size_class(rounded)) : size;
    return countdown_weight(tried, INTERVAL);
}

static void truth_add(struct figures *figures, size_t size, unsigned kind, double sign) {
    double bytes = (double)size;
    figures_add(figures, sign, sign * bytes, sign * bytes * bytes * (weight_of(size, kind) - 1));
}

static void item_made(struct play *play, struct item *item) {
    truth_add(&play->truth.live[item->kind], item->size, item->kind, 1);
    truth_add(&play->truth.all[item->kind], item->size, item->kind, 1);
}

static void item_end(struct play *play, const struct item *item) {
    truth_add(&play->truth.live[item->kind], item->size, item->kind, -1);
}

static size_t size_for(struct play *play, unsigned kind) {
    return kinds[kind].least + random_below(&play->random, kinds[kind].most - kinds[kind].least + 1);
}

static void make(struct play *play, unsigned kind) {
    struct item *item = &play->items[play->count++];
    require(play->count <= ITEMS_MOST);
    *item = (struct item){.size = size_for(play, kind), .kind = kind};
    item->block = kinds[kind].make(NULL, item->size);
    require(item->block != NULL);
    item_made(play, item);
    if (kinds[kind].make == make_longer && item->size < 50000) {
        item_end(play, item);
        item->size += UNIT; /* which is more than is there */
        item->block = make_longer(item->block, item->size);
        require(item->block != NULL);
        item_made(play, item);
    }
}

static void make_some(void *argument) {
    struct play *play = argument;
    for (unsigned kind = 0; kind < KINDS; kind++)
        for (unsigned i = 0; i < kinds[kind].blocks / 2; i++)
            make(play, kind);
}

/* Two thirds, in random order, each sometimes followed by another one of its kind. */
static void free_some(void *argument) {
    struct play *play = argument;
    for (unsigned left = play->count * 2 / 3; left > 0; left--) {
        size_t i = random_below(&play->random, play->count);
        struct item item = play->items[i];
        play->items[i] = play->items[--play->count];
        item_end(play, &item);
        fh_free(item.block);
        if (random_below(&play->random, 3) == 0)
            make(play, item.kind);
    }
}

static void free_all(void *argument) {
    struct play *play = argument;
    while (play->count > 0) {
        item_end(play, &play->items[--play->count]);
        fh_free(play->items[play->count].block);
    }
}

static void seed_thread(void *number) {
    fh_free(fh_malloc(1));
    if (thread.own != NULL)
        cuts_own()->countdown.seed = 99 + (uintptr_t)number;
}

/* How far estimates are from the truth, in standard errors. */
struct distances {
    double sum[KINDS], most;
    unsigned count, far;
};

static void compare(struct distances *distances, size_t kind, const struct figures *estimate,
                    const struct figures *truth) {
    double error = sqrt(truth->variance);
    double far = error == 0 ? 0 : (estimate->bytes - truth->bytes) / error;
    distances->sum[kind] += far;
    distances->count++;
    distances->far += fabs(far) > FAR_FEW;
    distances->most = fabs(far) > distances->most ? fabs(far) : distances->most;
}

/* Since a dump before. */
static void subtract(struct figures *figures, const struct figures *before) {
    figures_add(figures, -before->count, -before->bytes, -before->variance);
}

static void compare_all(struct distances *live, struct distances *all, struct profile *said,
                        const struct profile *before, const struct profile *truth) {
    for (size_t kind = 0; kind < KINDS; kind++) {
        subtract(&said->all[kind], &before->all[kind]);
        compare(live, kind, &said->live[kind], &truth->live[kind]);
        compare(all, kind, &said->all[kind], &truth->all[kind]);
    }
}

static void require_near(const struct distances *distances, unsigned rounds) {
    fprintf(stderr, "of %u estimates %u are far, the farthest %.1f standard errors; by kind, on average:",
            distances->count, distances->far, distances->most);
    for (size_t kind = 0; kind < KINDS; kind++)
        fprintf(stderr, " %.2f", distances->sum[kind] / rounds);
    fprintf(stderr, "\n");
    require(distances->most < FAR_ONE);
    require(distances->far <= 2 + distances->count / 60);
    for (size_t kind = 0; kind < KINDS; kind++)
        require(fabs(distances->sum[kind]) < FAR * sqrt(rounds));
}

static void estimates_are_near_the_truth(void **state) {
    static struct play play;
    static struct profile said, before;
    static struct distances live, all;
    struct worker workers[2];
    (void)state;
    assert_int_equal(fh_profile(INTERVAL), 0);
    seed_thread((void *)0);
    for (unsigned i = 0; i < 2; i++) {
        worker_start(&workers[i]);
        worker_run(&workers[i], seed_thread, (void *)(uintptr_t)(i + 1));
    }
    play.random.state = 5;
    for (unsigned round = 0; round < ROUNDS / SHORTER; round++) {
        dump(&before);
        memset(&play.truth, 0, sizeof play.truth);
        make_some(&play);
        worker_run(&workers[0], make_some, &play);
        worker_run(&workers[1], free_some, &play);
        free_some(&play);
        worker_run(&workers[0], make_some, &play);
        fh_check();
        dump(&said);
        compare_all(&live, &all, &said, &before, &play.truth);
        worker_run(&workers[round % 2], free_all, &play);
    }
    for (unsigned i = 0; i < 2; i++)
        worker_stop(&workers[i]);
    dump(&said);
    for (size_t kind = 0; kind < KINDS; kind++)
        assert_true(said.live[kind].bytes == 0 && said.live[kind].count == 0);
    assert_int_equal(said.missed, 0);
    assert_int_equal(said.interval, INTERVAL);
    require_near(&live, ROUNDS / SHORTER);
    require_near(&all, ROUNDS / SHORTER);
    fh_profile(0);
}

/* With it each block is a sample. */
static void profile_all(void) {
    require(fh_profile(1) == 0);
    fh_free(fh_malloc(1));
    if (thread.own != NULL)
        arena_trim();
}

static void fill(char *block, size_t size, unsigned seed) {
    for (size_t i = 0; i < size; i++)
        block[i] = (char)(i * 7 + seed);
}

static bool is_filled(const char *block, size_t size, unsigned seed) {
    for (size_t i = 0; i < size; i++)
        if (block[i] != (char)(i * 7 + seed))
            return false;
    return true;
}

/* A block of each size, live at the same time; each is what was written to it. */
static void live_together(size_t alignment) {
    static char *at[SMALL_MAX / 80];
    unsigned count = 0;
    for (size_t size = 0; size <= SMALL_MAX - 100; size += 1 + count * 3 % 200, count++) {
        require(count < sizeof(at) / sizeof(char *));
        require((at[count] = fh_memalign(alignment, size + 1)) != NULL &&
                (uintptr_t)at[count] % alignment == 0);
        require(size + 1 > SMALL_MAX - alignment || places_have(at[count]));
        require(fh_malloc_usable_size(at[count]) >= size + 1);
        fill(at[count], size + 1, count);
    }
    count = 0;
    for (size_t size = 0; size <= SMALL_MAX - 100; size += 1 + count * 3 % 200, count++) {
        require(is_filled(at[count], size + 1, count));
        fh_free(at[count]);
    }
}

static void profiled_blocks_of_all_sizes_and_alignments_are_blocks(void **state) {
    (void)state;
    profile_all();
    for (size_t alignment = 16; alignment <= 4096; alignment *= 4)
        live_together(alignment);
    void *nothing = fh_malloc(0);
    require(nothing != NULL && places_have(nothing));
    fh_free(nothing);
    fh_profile(0);
}

static void calloc_zeroes_profiled_blocks(void **state) {
    (void)state;
    profile_all();
    for (size_t size = 10; size < 6000000; size = size * 3 / 2) {
        char *block = fh_malloc(size);
        memset(block, 0x5a, size);
        fh_free(block);
        block = fh_calloc(1, size);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(block[i], 0);
        fh_free(block);
    }
    fh_profile(0);
}

static void realloc_keeps_what_is_in_profiled_blocks(void **state) {
    (void)state;
    profile_all();
    size_t size = 7;
    char *block = fh_malloc(size);
    fill(block, size, 1);
    for (unsigned i = 0; i < 40; i++) {
        size_t next = i < 20 ? size * 2 : size / 2;
        block = fh_realloc(block, next);
        assert_non_null(block);
        assert_true(is_filled(block, size < next ? size : next, i + 1));
        assert_true(fh_malloc_usable_size(block) >= next);
        size = next;
        fill(block, size, i + 2);
    }
    fh_free(block);
    fh_profile(0);
}

static uint32_t number_of(const void *block) {
    struct slab *slab = registry_find(block);
    if (slab->owner == OWNER_HUGE)
        return huge_of(slab)->profiled;
    return slab->run.start == block ? 0 : slab->run.profiled;
}

static void large_blocks_are_profiled_where_they_are(void **state) {
    static struct profile said, before;
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        size_t size = i == 0 ? 200000 : 3000000;
        profile_all();
        dump(&before);
        char *block = make_large(NULL, size);
        assert_true(number_of(block) != 0);
        assert_true(fh_malloc_usable_size(block) >= size);
        dump(&said);
        assert_true(said.live[5].bytes - before.live[5].bytes == (double)size);
        size *= 2;
        block = make_longer(block, size); /* in its place, or elsewhere */
        assert_true(number_of(block) != 0);
        dump(&said);
        assert_true(said.live[7].bytes == (double)size && said.live[5].bytes == before.live[5].bytes);
        fh_free(block);
        dump(&said);
        assert_true(said.live[7].bytes == 0);
        fh_profile(0);
        void *again = fh_malloc(size); /* the same units, as like as not */
        assert_true(number_of(again) == 0);
        fh_free(again);
    }
}

static void free_twice(void *size) {
    profile_all();
    void *block = fh_malloc((size_t)size);
    fh_free(block);
    fh_free(block);
}

static void free_inside(void *size) {
    profile_all();
    char *block = fh_malloc((size_t)size);
    fh_free(block + 16);
}

/* The thread has room for the run: nothing but its start says that it is not to be freed so. */
static void free_beside_start(void *size) {
    profile_all();
    fh_free(fh_malloc((size_t)size));
    char *block = fh_malloc((size_t)size);
    for (; number_of(block) == 0; block = fh_malloc((size_t)size))
        fh_free(block);
    fh_free(block + 1);
}

/* The last block of its unit, which nobody has had. */
static void free_beside(void *unused) {
    (void)unused;
    profile_all();
    uintptr_t block = (uintptr_t)fh_malloc(1000);
    fh_free((void *)((block | (UNIT - 1)) + 1 - 1024));
}

static void resize_freed(void *size) {
    profile_all();
    void *block = fh_malloc((size_t)size);
    fh_free(block);
    fh_realloc(block, 2 * (size_t)size);
}

static void misuse_of_profiled_blocks_is_reported(void **state) {
    (void)state;
    assert_true(aborts(free_twice, (void *)100, "already freed"));
    assert_true(aborts(free_twice, (void *)20000, "already freed"));
    assert_true(aborts(free_twice, (void *)100000, "already freed"));
    assert_true(aborts(free_twice, (void *)3000000, "freed"));
    assert_true(aborts(free_inside, (void *)100, "inside a profiled block"));
    assert_true(aborts(free_inside, (void *)100000, "inside a block"));
    assert_true(aborts(free_beside_start, (void *)100000, "inside a block"));
    assert_true(aborts(free_beside, NULL, "never allocated"));
    assert_true(aborts(resize_freed, (void *)100, "already freed"));
}

/* A coroutine's stack: what a function without frame pointers has left in their place leads out of it. */
static void a_walk_ends_where_nothing_can_be_read(void **state) {
    const void *found[8];
    (void)state;
    char *pages = mmap(NULL, 3 * UNIT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED && mprotect(pages + UNIT, 2 * UNIT, PROT_NONE) == 0);
    void **frame = (void **)(pages + UNIT / 2);
    frame[1] = (void *)(uintptr_t)free_inside;
    for (size_t from_end = 0; from_end <= UNIT; from_end += sizeof(void *)) {
        frame[0] = pages + 2 * UNIT - from_end;
        errno = 77;
        assert_int_equal(stack_walk(found, 8, frame), 1);
        assert_int_equal(errno, 77);
    }
    munmap(pages, 3 * UNIT);
}

static void be_a_child(void *argument) {
    struct play *play = argument;
    static struct profile said;
    free_some(play);
    make_some(play);
    dump(&said);
    free_all(play);
    fh_check();
    dump(&said);
    for (size_t kind = 0; kind < KINDS; kind++)
        require(said.live[kind].bytes == 0);
}

/* How many frames a function has that was called from there and keeps no frame pointer of its caller. */
static noinline unsigned frames_of(const void *caller) {
    void *frame[2] = {NULL, (void *)(uintptr_t)caller};
    const void *addresses[TRACE_DEPTH];
    return trace_take(addresses, TRACE_DEPTH, frame);
}

static void the_unwinder_is_not_called_by_itself(void **state) {
    (void)state;
    trace_start();
    void *library = dlopen("libgcc_s.so.1", RTLD_LAZY);
    if (library == NULL) {
        skip();
        return;
    }
    const char *unwinder = dlsym(library, "_Unwind_Backtrace");
    assert_true(frames_of(__builtin_return_address(0)) > 1);
    assert_int_equal(frames_of(unwinder + 1), 1);
    dlclose(library);
}

static void a_child_goes_on_with_the_profile(void **state) {
    static struct play play;
    struct child child;
    struct worker worker;
    (void)state;
    assert_int_equal(fh_profile(INTERVAL), 0);
    worker_start(&worker);
    play.random.state = 8;
    make_some(&play);
    worker_run(&worker, make_some, &play);
    child_run(&child, be_a_child, &play);
    assert_true(child_returned(&child));
    worker_run(&worker, free_some, &play);
    worker_stop(&worker);
    free_all(&play);
    fh_profile(0);
}

static void make_and_exit(void *argument) {
    make_some(argument);
    free_some(argument);
}

static void blocks_of_threads_that_have_exited_are_known(void **state) {
    static struct play play;
    static struct profile said;
    (void)state;
    assert_int_equal(fh_profile(INTERVAL), 0);
    play.random.state = 9;
    for (unsigned i = 0; i < 8; i++)
        run_alone(make_and_exit, &play);
    dump(&said);
    double bytes = 0;
    for (size_t kind = 0; kind < KINDS; kind++)
        bytes += said.live[kind].bytes;
    assert_true(bytes > 0);
    free_all(&play);
    dump(&said);
    for (size_t kind = 0; kind < KINDS; kind++)
        assert_true(said.live[kind].bytes == 0);
    fh_check();
    fh_profile(0);
}

/* Nothing is sampled while it is off; what was sampled stays known. */
static void it_can_be_switched_while_blocks_live(void **state) {
    static struct play play;
    static struct profile said, before;
    (void)state;
    play.random.state = 10;
    for (unsigned i = 0; i < 12; i++) {
        assert_int_equal(fh_profile(i % 3 == 0 ? 0 : i % 3 == 1 ? 100 : INTERVAL), 0);
        dump(&before);
        make_some(&play);
        free_some(&play);
        fh_check();
        dump(&said);
        for (size_t kind = 0; kind < KINDS && i % 3 == 0; kind++)
            assert_true(said.all[kind].count == before.all[kind].count);
        if (i % 4 == 3)
            free_all(&play);
    }
    dump(&said);
    for (size_t kind = 0; kind < KINDS; kind++)
        assert_true(said.live[kind].bytes == 0);
    fh_profile(0);
}

static void the_account_knows_profiled_blocks(void **state) {
    struct fh_account account;
    void *blocks[300];
    (void)state;
    profile_all();
    for (unsigned i = 0; i < 300; i++)
        memset(blocks[i] = fh_malloc(1000), 1, 1000);
    assert_int_equal(fh_stats(&account), 0);
    assert_true(account.samples >= 300000);
    assert_true(account.resident == account.live + account.rounding + account.cached + account.in_flight +
                                        account.partly_used + account.free_units + account.kept +
                                        account.quarantine + account.samples + account.metadata +
                                        account.huge_page_swell);
    for (unsigned i = 0; i < 300; i++)
        fh_free(blocks[i]);
    fh_profile(0);
}

static void *dump_to(void *file) {
    return (void *)(intptr_t)fh_profile_dump((int)(intptr_t)file);
}

/* It may be the one that exits. */
static void a_thread_with_the_smallest_stack_dumps(void **state) {
    pthread_attr_t smallest;
    pthread_t number;
    void *result;
    int file = memfd_create("profile", MFD_CLOEXEC);
    (void)state;
    assert_int_equal(pthread_attr_init(&smallest), 0);
    assert_int_equal(pthread_attr_setstacksize(&smallest, (size_t)sysconf(_SC_THREAD_STACK_MIN)), 0);
    assert_int_equal(pthread_create(&number, &smallest, dump_to, (void *)(intptr_t)file), 0);
    assert_int_equal(pthread_join(number, &result), 0);
    assert_null(result);
    pthread_attr_destroy(&smallest);
    close(file);
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    errno = 0;
    assert_int_equal(fh_profile(SIZE_MAX), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(fh_profile_dump(-1), -1);
    assert_int_equal(errno, EBADF);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(estimates_are_near_the_truth),
        cmocka_unit_test(profiled_blocks_of_all_sizes_and_alignments_are_blocks),
        cmocka_unit_test(calloc_zeroes_profiled_blocks),
        cmocka_unit_test(realloc_keeps_what_is_in_profiled_blocks),
        cmocka_unit_test(large_blocks_are_profiled_where_they_are),
        cmocka_unit_test(misuse_of_profiled_blocks_is_reported),
        cmocka_unit_test(a_walk_ends_where_nothing_can_be_read),
        cmocka_unit_test(the_unwinder_is_not_called_by_itself),
        cmocka_unit_test(a_child_goes_on_with_the_profile),
        cmocka_unit_test(blocks_of_threads_that_have_exited_are_known),
        cmocka_unit_test(it_can_be_switched_while_blocks_live),
        cmocka_unit_test(the_account_knows_profiled_blocks),
        cmocka_unit_test(a_thread_with_the_smallest_stack_dumps),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, check_start, NULL);
}
