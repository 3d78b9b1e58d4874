/* SPDX-License-Identifier: MIT */
#include "region.h"

#include "../config.h"
#include "../lock.h"
#include "../os.h"
#include "pool.h"
#include "registry.h"
#include "space.h"

#define ALL_UNITS UINT64_MAX
#define SMALL     8u /* granules: of a process that gets no huge pages even where everybody does */

enum kind { CLEAN, DIRTY, KINDS };

pthread_mutex_t regions_lock = PTHREAD_MUTEX_INITIALIZER;

static struct pool pool = {.size = sizeof(struct region)};

/* All of it regions_lock. */
static struct {
    struct granule *stretches[KINDS][REGION_GRANULES]; /* the first granule of each, by length - 1 and kind */
    uint64_t lengths[KINDS][REGION_WORDS];             /* a bit per list that is not empty */
    struct granule *oldest, *newest;                   /* loose ones */
    struct region *whole;                              /* wholly free and clean */
    struct region *youngest;                           /* the last one that was made, or has grown */
    uint64_t used, loose;                              /* units */
    uint64_t reserved, left;                           /* granules: all, and those that are free */
    uint64_t high, high_before; /* the most of used, in this decay period and the last */
    uint64_t regions;
    uint32_t edges, last_move; /* places where the kernel's mapping changes by a move; the last move */
} state;

/* Bitmaps of granules. */

static bool bit_get(const uint64_t *words, unsigned bit) {
    return (words[bit / 64] >> bit % 64 & 1) != 0;
}

static void bit_set(uint64_t *words, unsigned bit, bool value) {
    uint64_t mask = 1ul << bit % 64;
    words[bit / 64] = value ? words[bit / 64] | mask : words[bit / 64] & ~mask;
}

/* The first bit from start on that has the value, or REGION_GRANULES. */
static unsigned bit_next(const uint64_t *words, unsigned start, bool value) {
    for (unsigned i = start / 64; i < REGION_WORDS; i++) {
        uint64_t word = value ? words[i] : ~words[i];
        if (i == start / 64)
            word &= UINT64_MAX << start % 64;
        if (word != 0)
            return i * 64 + (unsigned)__builtin_ctzl(word);
    }
    return REGION_GRANULES;
}

/* The first of the bits before and at end that are all set. */
static unsigned bit_first(const uint64_t *words, unsigned end) {
    for (unsigned i = end / 64 + 1; i-- > 0;) {
        uint64_t word = ~words[i];
        if (i == end / 64)
            word &= UINT64_MAX >> (63 - end % 64);
        if (word != 0)
            return i * 64 + 64 - (unsigned)__builtin_clzl(word);
    }
    return 0;
}

/* Granules: every change of one, with all that counts it. */

static struct region *region_of(const struct granule *granule) {
    return (struct region *)((char *)(granule - granule->index) - offsetof(struct region, granules));
}

static char *granule_address(const struct granule *granule) {
    return region_of(granule)->base + granule->index * GRANULE;
}

static uint64_t loose_units(const struct granule *granule) {
    return granule->state == GRANULE_LIMBO ? 0 : granule->dirty & ~granule->used;
}

/* Most often it is all, none, the first ones or the last ones. */
static uint64_t units_in(uint64_t units) {
    if ((units & (units + 1)) == 0)
        return units == ALL_UNITS ? UNITS : (uint64_t)__builtin_ctzl(~units);
    if ((~units & (~units + 1)) == 0)
        return UNITS - (uint64_t)__builtin_ctzl(units);
    return (uint64_t)__builtin_popcountl(units);
}

static void loose_add(struct granule *granule) {
    granule->since = (uint32_t)os_clock();
    granule->older = state.newest;
    granule->newer = NULL;
    *(state.newest != NULL ? &state.newest->newer : &state.oldest) = granule;
    state.newest = granule;
    granule->is_loose = true;
}

static void loose_remove(struct granule *granule) {
    *(granule->older != NULL ? &granule->older->newer : &state.oldest) = granule->newer;
    *(granule->newer != NULL ? &granule->newer->older : &state.newest) = granule->older;
    granule->is_loose = false;
}

/* Whether the granule counts against the limit. */
static bool is_counted(const struct granule *granule) {
    return granule->state != GRANULE_FREE || granule->dirty != 0;
}

/* Who makes it count has taken the space. */
static void granule_set(struct granule *granule, enum granule_state to, uint64_t used, uint64_t dirty) {
    struct region *region = region_of(granule);
    bool was_counted = is_counted(granule), was_free = granule->state == GRANULE_FREE;
    uint64_t before = units_in(loose_units(granule));
    state.used += units_in(used) - units_in(granule->used);
    if (state.used > state.high)
        state.high = state.used;
    granule->state = (uint8_t)to;
    granule->used = used;
    granule->dirty = dirty;
    uint64_t after = units_in(loose_units(granule));
    state.loose += after - before;
    if (granule->is_loose != (after != 0))
        (granule->is_loose ? loose_remove : loose_add)(granule);
    if (was_free != (to == GRANULE_FREE)) {
        unsigned step = was_free ? -1u : 1u;
        region->left += step;
        state.left += (uint64_t)(int)step;
        bit_set(region->free, granule->index, to == GRANULE_FREE);
    }
    bit_set(region->dirty, granule->index, to == GRANULE_FREE && dirty != 0);
    if (was_counted && !is_counted(granule))
        space_give(GRANULE);
}

/* Stretches. A stretch is in the list of its length and kind; whoever changes one of its granules takes it
 * out before, and puts in what it has become afterwards. */

static enum kind stretch_kind(const struct region *region, unsigned first, unsigned length) {
    return bit_next(region->dirty, first, true) < first + length ? DIRTY : CLEAN;
}

static bool is_whole(const struct region *region) {
    return region->left == REGION_GRANULES - region->first &&
           stretch_kind(region, region->first, region->left) == CLEAN;
}

static void whole_add(struct region *region) {
    region->since = (uint32_t)os_clock();
    region->prev = NULL;
    region->next = state.whole;
    if (region->next != NULL)
        region->next->prev = region;
    state.whole = region;
}

static void whole_remove(struct region *region) {
    *(region->prev != NULL ? &region->prev->next : &state.whole) = region->next;
    if (region->next != NULL)
        region->next->prev = region->prev;
}

static void stretch_add(struct region *region, unsigned first, unsigned length) {
    struct granule *head = &region->granules[first];
    enum kind kind = stretch_kind(region, first, length);
    struct granule **list = &state.stretches[kind][length - 1];
    head->length = (uint16_t)length;
    head->prev = NULL;
    head->next = *list;
    if (head->next != NULL)
        head->next->prev = head;
    *list = head;
    bit_set(state.lengths[kind], length - 1, true);
    if (length == REGION_GRANULES - region->first && kind == CLEAN)
        whole_add(region);
}

static void stretch_remove(struct granule *head) {
    struct region *region = region_of(head);
    enum kind kind = stretch_kind(region, head->index, head->length);
    struct granule **list = &state.stretches[kind][head->length - 1];
    *(head->prev != NULL ? &head->prev->next : list) = head->next;
    if (head->next != NULL)
        head->next->prev = head->prev;
    if (*list == NULL)
        bit_set(state.lengths[kind], head->length - 1, false);
    if (is_whole(region))
        whole_remove(region);
}

/* Takes the stretches that adjoin the granules out of their lists: they are about to become one. */
static void stretch_join(struct region *region, unsigned *first, unsigned *length) {
    unsigned end = *first + *length;
    if (*first > 0 && bit_get(region->free, *first - 1))
        *first = bit_first(region->free, *first - 1);
    if (end < REGION_GRANULES && bit_get(region->free, end)) {
        stretch_remove(&region->granules[end]);
        end += region->granules[end].length;
    }
    if (bit_get(region->free, *first))
        stretch_remove(&region->granules[*first]);
    *length = end - *first;
}

/* The shortest stretch of length at least, a dirty one if there is. */
static struct granule *stretch_find(unsigned length) {
    for (unsigned kind = KINDS; kind-- > 0;) {
        unsigned found = bit_next(state.lengths[kind], length - 1, true);
        if (found < REGION_GRANULES)
            return state.stretches[kind][found];
    }
    return NULL;
}

/* Reservation. */

static unsigned granules_for(size_t length) {
    return (unsigned)((length + GRANULE - 1) / GRANULE);
}

/* A quarter of what there is already. Where that is not to be had, less is tried. */
static unsigned step_size(void) {
    uint64_t step = state.reserved / 4;
    return step == 0 ? 1 : step < REGION_GRANULES ? (unsigned)step : REGION_GRANULES;
}

static char *region_start(const struct region *region) {
    return region->base + region->first * GRANULE;
}

/* Makes the granules below the region's first ones its own: they are reserved. */
static void region_grow(struct region *region, unsigned count) {
    unsigned first = region->first - count, length = count, start = first;
    stretch_join(region, &start, &length);
    for (unsigned i = first; i < first + count; i++) {
        region->granules[i] = (struct granule){.index = (uint16_t)i};
        bit_set(region->free, i, true);
    }
    region->first = first;
    region->left += count;
    state.left += count;
    state.reserved += count;
    stretch_add(region, start, length);
}

/* A region that ends at an address, without granules. */
static struct region *region_make(char *end) {
    struct region *region = pool_take(&pool);
    if (region == NULL)
        return NULL;
    region->base = end - REGION_GRANULES * GRANULE;
    region->first = REGION_GRANULES;
    region->left = 0;
    for (unsigned i = 0; i < REGION_WORDS; i++)
        region->free[i] = region->dirty[i] = region->dense[i] = 0;
    state.regions++;
    return region;
}

static bool region_remove(struct region *region) {
    unsigned count = REGION_GRANULES - region->first;
    if (!os_unmap(region_start(region), count * GRANULE))
        return false;
    stretch_remove(&region->granules[region->first]);
    state.reserved -= count;
    state.left -= count;
    state.regions--;
    if (state.youngest == region)
        state.youngest = NULL;
    pool_give(&pool, region);
    return true;
}

/* Address space for count granules: right below the youngest region, if it is free, so that the two are one.
 */
static char *granules_map(unsigned count) {
    if (state.youngest != NULL && state.youngest->first >= count) {
        char *base = region_start(state.youngest) - count * GRANULE;
        if (os_map_at(base, count * GRANULE))
            return base;
    }
    return os_reserve(count * GRANULE, GRANULE);
}

static char *granules_reserve(unsigned count) {
    char *base = granules_map(count);
    if (base != NULL && !registry_prepare(base, count * GRANULE)) {
        os_unmap(base, count * GRANULE);
        return NULL;
    }
    /* A small process must not swell even where the kernel gives huge pages to everybody. */
    if (base != NULL && (!config.huge_pages || state.reserved < SMALL))
        os_advise_huge_pages(base, count * GRANULE, false);
    return base;
}

/* Granules that have just been reserved. If they adjoin the youngest region, their stretch is one with what
 * is free there. */
static bool region_take_in(char *base, unsigned count) {
    struct region *region = state.youngest;
    if (region == NULL || region_start(region) != base + count * GRANULE || region->first < count)
        region = region_make(base + count * GRANULE);
    if (region == NULL) {
        os_unmap(base, count * GRANULE);
        return false;
    }
    state.youngest = region;
    region_grow(region, count);
    return true;
}

/* Reserves least granules that adjoin, or more, in the place of regions that are wholly free: they are too
 * short. */
static bool region_add(unsigned least) {
    while (state.whole != NULL && region_remove(state.whole)) {
    }
    for (unsigned count = step_size();; count /= 2) {
        count = count < least ? least : count;
        char *base = granules_reserve(count);
        if (base != NULL)
            return region_take_in(base, count);
        if (count == least)
            return false;
    }
}

/* Purging. */

/* Sets the move of a granule, and counts the edges beside it: its neighbours' mappings merge with its own if
 * they have the same. */
static void move_set(struct granule *granule, uint32_t move) {
    struct region *region = region_of(granule);
    for (int side = -1; side <= 1; side += 2) {
        unsigned neighbour = granule->index + (unsigned)side;
        if (neighbour < region->first || neighbour >= REGION_GRANULES)
            continue;
        uint32_t other = region->granules[neighbour].move;
        state.edges += (other != move) - (other != granule->move);
    }
    granule->move = move;
}

/* Gives back loose units, from the first to the last: between them is none in use. What a move has brought is
 * mapped anew if it is free. */
static bool pages_give(struct granule *granule, uint64_t units) {
    unsigned first = (unsigned)__builtin_ctzl(units), end = UNITS - (unsigned)__builtin_clzl(units);
    char *base = granule_address(granule);
    if (granule->state != GRANULE_FREE || granule->move == 0 || !os_renew(base, GRANULE))
        return pages_purge(base + first * UNIT, (end - first) * UNIT);
    bit_set(region_of(granule)->dense, granule->index, false);
    move_set(granule, 0);
    return true;
}

static bool granule_purge(struct granule *granule) {
    uint64_t units = loose_units(granule);
    if (!pages_give(granule, units)) {
        loose_remove(granule);
        loose_add(granule);
        return false;
    }
    if (granule->state != GRANULE_FREE) {
        granule_set(granule, granule->state, granule->used, granule->dirty & ~units);
        return true;
    }
    struct region *region = region_of(granule);
    struct granule *head = &region->granules[bit_first(region->free, granule->index)];
    stretch_remove(head);
    granule_set(granule, GRANULE_FREE, 0, 0);
    registry_set(granule_address(granule), NULL);
    stretch_add(region, head->index, head->length);
    return true;
}

static bool is_too_much(void) {
    uint64_t high = state.high > state.high_before ? state.high : state.high_before;
    return state.used + state.loose > high + high / KEEP_SHARE;
}

/* The lock is given up between the granules. */
static void purge_excess(void) {
    bool goes_on = true;
    while (goes_on) {
        lock_take(&regions_lock);
        goes_on = is_too_much() && state.oldest != NULL && granule_purge(state.oldest);
        lock_give(&regions_lock);
    }
}

/* Gives up the lock after a change, and purges what is too much by it. */
static void leave(void) {
    bool is_more = is_too_much();
    lock_give(&regions_lock);
    if (unlikely(is_more))
        purge_excess();
}

static bool is_over(uint32_t since, uint64_t now) {
    return (uint32_t)now - since >= config.decay;
}

static bool loose_decay(bool all) {
    uint64_t now = os_clock();
    size_t bytes = 0;
    bool goes_on = true;
    while (goes_on && (all || bytes < PURGE_AT_ONCE)) {
        lock_take(&regions_lock);
        goes_on =
            state.oldest != NULL && (all || is_over(state.oldest->since, now)) && granule_purge(state.oldest);
        lock_give(&regions_lock);
        bytes += GRANULE;
    }
    return !goes_on;
}

static void whole_decay(bool all) {
    uint64_t now = os_clock();
    lock_take(&regions_lock);
    for (struct region *region = state.whole, *next; region != NULL; region = next) {
        next = region->next;
        if ((all || is_over(region->since, now)) && !region_remove(region))
            break;
    }
    state.high_before = state.high;
    state.high = state.used;
    lock_give(&regions_lock);
}

bool region_decay(bool all) {
    if (!loose_decay(all))
        return false;
    whole_decay(all);
    return true;
}

/* Taking and giving. */

/* The units that the i-th of the granules for length bytes has in use. */
static uint64_t units_of(size_t length, unsigned i) {
    size_t left = (length - i * GRANULE + UNIT - 1) / UNIT;
    return left >= UNITS ? ALL_UNITS : (1ul << left) - 1;
}

/* Takes granules out of the stretch that they are in. false if the limit is reached. */
static bool granules_carve(const struct granules *granules, size_t length, uint64_t *dirty) {
    struct region *region = granules->region;
    struct granule *head = &region->granules[bit_first(region->free, granules->first)];
    unsigned clean = 0, start = head->index, end = granules->first + granules->count;
    unsigned stretch_end = start + head->length;
    for (unsigned i = granules->first; i < end; i++)
        clean += !is_counted(&region->granules[i]);
    if (!space_take(clean * GRANULE))
        return false;
    stretch_remove(head);
    for (unsigned i = granules->first; i < end; i++) {
        struct granule *granule = &region->granules[i];
        uint64_t used = units_of(length, i - granules->first);
        *dirty |= granule->dirty & used;
        granule_set(granule, GRANULE_USED, used, granule->dirty | used);
    }
    if (start < granules->first)
        stretch_add(region, start, granules->first - start);
    if (end < stretch_end)
        stretch_add(region, end, stretch_end - end);
    return true;
}

/* What huge blocks leave when no further region can be mapped. */
static uint64_t reserve(void) {
    uint64_t share = state.reserved / RESERVE_SHARE;
    return share < RESERVE_MOST ? share : RESERVE_MOST;
}

/* A stretch of length granules at least, of which so many are to be taken. */
static struct granule *find_or_add(unsigned length, unsigned count, bool is_huge) {
    struct granule *head = stretch_find(length);
    if (head != NULL && (!is_huge || state.left >= count + reserve()))
        return head;
    return region_add(length) ? stretch_find(length) : NULL;
}

static unsigned dirty_in(const struct region *region, unsigned first, unsigned count) {
    unsigned dirty = 0;
    for (unsigned i = first; (i = bit_next(region->dirty, i, true)) < first + count; i++)
        dirty++;
    return dirty;
}

/* Where in a stretch: at the end of it that has more dirty granules, in the middle only if it has all of
 * them. Else SuperSlabs go to its end and huge blocks, which may grow, to its beginning. */
static unsigned choose(const struct granule *head, unsigned count, bool is_huge) {
    const struct region *region = region_of(head);
    unsigned last = head->index + head->length - count;
    if (last == head->index)
        return last;
    unsigned below = dirty_in(region, head->index, count), above = dirty_in(region, last, count);
    if (below != above)
        return below > above ? head->index : last;
    unsigned dirty = bit_next(region->dirty, head->index, true);
    if (below == 0 && dirty < last)
        return dirty;
    return is_huge ? head->index : last;
}

static unsigned align(const struct granule *head, size_t alignment) {
    uintptr_t address = (uintptr_t)granule_address(head);
    return head->index + (unsigned)((-address & (alignment - 1)) / GRANULE);
}

static bool take(size_t length, size_t alignment, bool is_huge, struct granules *granules, uint64_t *dirty) {
    unsigned count = granules_for(length),
             slack = alignment > GRANULE ? (unsigned)(alignment / GRANULE) - 1 : 0;
    *dirty = 0;
    lock_take(&regions_lock);
    struct granule *head =
        count + slack > REGION_GRANULES ? NULL : find_or_add(count + slack, count, is_huge);
    bool taken = head != NULL;
    if (taken) {
        unsigned first = slack == 0 ? choose(head, count, is_huge) : align(head, alignment);
        *granules = (struct granules){region_of(head), first, count};
        taken = granules_carve(granules, length, dirty);
    }
    leave();
    return taken;
}

bool region_take(size_t length, size_t alignment, struct granules *granules, uint64_t *dirty) {
    return take(length, alignment, true, granules, dirty);
}

bool region_take_one(struct granules *granules, uint64_t *dirty) {
    return take(GRANULE, GRANULE, false, granules, dirty);
}

bool region_extend(struct granules *granules, size_t length) {
    struct region *region = granules->region;
    unsigned end = granules->first + granules->count, more = granules_for(length) - granules->count;
    struct granules behind = {region, end, more};
    uint64_t dirty = 0;
    lock_take(&regions_lock);
    bool extended =
        more == 0 || (end + more <= REGION_GRANULES && bit_next(region->free, end, false) >= end + more &&
                      granules_carve(&behind, length - granules->count * GRANULE, &dirty));
    if (extended) {
        struct granule *last = &region->granules[end - 1];
        uint64_t used = units_of(length, granules->count - 1);
        granule_set(last, GRANULE_USED, used, last->dirty | used);
        granules->count += more;
    }
    lock_give(&regions_lock);
    return extended;
}

/* Under regions_lock: frees granules, with the dirty units that they have. */
static void granules_free(struct region *region, unsigned first, unsigned count) {
    unsigned start = first, length = count;
    stretch_join(region, &start, &length);
    for (unsigned i = first; i < first + count; i++)
        granule_set(&region->granules[i], GRANULE_FREE, 0, region->granules[i].dirty);
    stretch_add(region, start, length);
}

void region_shorten(struct granules *granules, size_t length) {
    unsigned count = granules_for(length);
    struct granule *last = &granules->region->granules[granules->first + count - 1];
    lock_take(&regions_lock);
    if (count < granules->count)
        granules_free(granules->region, granules->first + count, granules->count - count);
    granule_set(last, GRANULE_USED, units_of(length, count - 1), last->dirty);
    granules->count = count;
    leave();
}

bool region_may_move(void) {
    lock_take(&regions_lock);
    bool may_move = state.edges + 2 <= MOVE_EDGES;
    lock_give(&regions_lock);
    return may_move;
}

void region_moved(const struct granules *from, const struct granules *to, size_t length) {
    lock_take(&regions_lock);
    for (unsigned i = 0; from->region != NULL && i < from->count; i++) {
        struct granule *granule = &from->region->granules[from->first + i];
        granule_set(granule, GRANULE_USED, granule->used, granule->dirty & ~granule->used);
    }
    state.last_move++;
    for (unsigned i = 0; to->region != NULL && i < granules_for(length); i++)
        move_set(&to->region->granules[to->first + i], state.last_move);
    lock_give(&regions_lock);
}

void region_give(const struct granules *granules) {
    lock_take(&regions_lock);
    granules_free(granules->region, granules->first, granules->count);
    leave();
}

void region_hold(const struct granules *granules, uint64_t dirty) {
    lock_take(&regions_lock);
    granule_set(&granules->region->granules[granules->first], GRANULE_LIMBO, 0, dirty);
    lock_give(&regions_lock);
}

void region_release(const struct granules *granules) {
    region_give(granules);
}

/* Places at which the advice changes. */
static unsigned edges(const uint64_t *words) {
    unsigned count = 0, place = 0;
    for (bool value = true; (place = bit_next(words, place, value)) < REGION_GRANULES; value = !value)
        count++;
    return count;
}

bool region_advise(const struct granules *granules, bool wanted) {
    struct region *region = granules->region;
    bool done = true;
    lock_take(&regions_lock);
    if (bit_get(region->dense, granules->first) != wanted) {
        unsigned before = edges(region->dense);
        bit_set(region->dense, granules->first, wanted);
        unsigned after = edges(region->dense);
        done = after <= before || after <= DENSE_EDGES;
        if (done)
            os_advise_huge_pages(granules_address(granules), GRANULE, wanted);
        else
            bit_set(region->dense, granules->first, !wanted);
    }
    lock_give(&regions_lock);
    return done;
}

static uint64_t read_under_lock(const uint64_t *figure) {
    lock_take(&regions_lock);
    uint64_t value = *figure;
    lock_give(&regions_lock);
    return value;
}

uint64_t region_used_bytes(void) {
    return read_under_lock(&state.used) * UNIT;
}

uint64_t region_loose_bytes(void) {
    return read_under_lock(&state.loose) * UNIT;
}

uint64_t region_reserved_bytes(void) {
    return read_under_lock(&state.reserved) * GRANULE;
}

uint64_t regions_now(void) {
    return read_under_lock(&state.regions);
}
