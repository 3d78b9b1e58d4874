/* SPDX-License-Identifier: MIT */
#include "slab.h"

#include "../config.h"
#include "../os.h"
#include "../random.h"
#include "../report.h"
#include "../thread.h"
#include "excess.h"
#include "filling.h"
#include "match.h"
#include "registry.h"
#include "size_class.h"
#include "superslab.h"
#include "units.h"

/* For a function that reads what others may be writing. */
#define NO_SANITIZE __attribute__((no_sanitize("thread"), no_sanitize("address")))

/* Slabs start at different cache lines, so that the first blocks of many slabs do not fight for the same
 * sets. The offset keeps the alignment that the block size has by itself. At guard level 2 it leaves room for
 * an edge. */
size_t slab_offset(unsigned unit, size_t block_size) {
    size_t alignment = block_size & -block_size, step = alignment < COLOR_STEP ? COLOR_STEP : alignment;
    size_t color = block_size > COLOR_MAX ? 0 : unit * step % COLOR_MAX;
    return unlikely(config.guard >= 2) ? color + alignment : color;
}

struct slab *slab_make(struct arena *owner, unsigned class) {
    size_t bytes = size_class_bytes(class);
    unsigned units = size_class_units(class);
    struct slab *slab = (units == 1 ? unit_take(class) : units_take(units, 1, true)).slab;
    if (slab == NULL)
        return NULL;
    char *base = unit_address(slab);
    size_t offset = slab_offset(slab->unit, bytes);
    slab->start = base + offset;
    slab->block_size = (uint32_t)bytes;
    slab->capacity = (uint32_t)((units * UNIT - offset) / bytes);
    slab->class = (uint8_t) class;
    slab->units = (uint8_t)units;
    slab->free = NULL;
    slab->carved = 0;
    slab_set_used(slab, 0);
    if (unlikely(config.guard >= 2))
        filling_edge(slab->start);
    slab->place = PLACE_NONE;
    slab->won = WON_NOT;
    for (unsigned i = 1; i < units; i++)
        registry_set(base + i * UNIT, slab);
    /* Release; partner: a late pusher of an earlier slab of these units, which reads owner. */
    atomic_store_explicit(&slab->owner, owner, memory_order_release);
    registry_carve(slab, 0);
    registry_classify(slab, class);
    registry_own(slab, owner);
    return slab;
}

/* Of blocks that are larger than a page nobody knows how much is written to: they count as half. */
static size_t touched_of(const struct slab *slab) {
    size_t bytes = slab->units * UNIT;
    return slab->block_size > CARVE ? bytes / 2 : bytes;
}

/* What is touched is known by the slab only: counted from the block on with which half of it is. */
static bool is_touched(const struct slab *slab) {
    return slab->carved >= slab->capacity / 2;
}

void slab_close(struct slab *slab) {
    if (is_touched(slab))
        touched_remove(touched_of(slab));
    registry_own(slab, NULL);
    registry_carve(slab, 0);
    registry_classify(slab, CLASS_NONE);
    /* Release; partner: a late pusher, which finds that there is nothing to claim. */
    atomic_store_explicit(&slab->owner, OWNER_FREE, memory_order_release);
}

#define PAGE (UNIT / UNIT_PAGES)

static unsigned pages_carved(const struct slab *slab) {
    size_t bytes = (size_t)(slab->start - unit_address(slab)) + (size_t)slab->carved * slab->block_size;
    return (unsigned)((bytes + PAGE - 1) / PAGE);
}

/* Of a slab that was carved to its half, that was noted then. */
static void give_unit(struct slab *slab) {
    unsigned pages = pages_carved(slab);
    if (!is_touched(slab))
        match_note(slab->class, pages);
    unit_give(slab, pages);
}

void slab_give_units(struct slab *slab) {
    char *base = unit_address(slab);
    for (unsigned i = 1; i < slab->units; i++)
        registry_set(base + i * UNIT, slab + i);
    if (slab->units == 1)
        give_unit(slab);
    else
        units_give(slab, 0, slab->units);
    excess_leave();
}

static struct chain carve(struct slab *slab, uint32_t count) {
    char *first = slab->start + (size_t)slab->carved * slab->block_size, *block = first;
    uintptr_t mark = block_mark(registry_entry(first), (struct block *)first);
    for (uint32_t i = 1; i < count; i++) {
        char *next = block + slab->block_size;
        *(struct block *)block = (struct block){(struct block *)next, mark};
        block = next;
        mark += slab->block_size;
    }
    *(struct block *)block = (struct block){NULL, mark};
    bool was_touched = is_touched(slab);
    slab->carved += count;
    slab_set_used(slab, slab->used + count);
    registry_carve(slab, slab->carved);
    if (!was_touched && is_touched(slab)) {
        touched_add(touched_of(slab));
        match_note(slab->class, UNIT_PAGES);
    }
    return (struct chain){(struct block *)first, (struct block *)block, count};
}

/* Never more than a page, as the first write to each costs a page fault. */
static uint32_t carve_count(const struct slab *slab, uint32_t wanted) {
    uint32_t most = CARVE / slab->block_size, left = slab->capacity - slab->carved;
    uint32_t count = wanted < most ? wanted : most;
    count = count == 0 ? 1 : count;
    return count < left ? count : left;
}

#define SHUFFLE_LEAST 4u

/* At guard level 2 nobody is to know which block comes next: those of a page, or a few, are carved, and freed
 * in any order. */
static cold void carve_and_shuffle(struct slab *slab) {
    struct block *blocks[CARVE / GRAIN];
    uint64_t seed = (os_fine_clock() ^ (uintptr_t)slab) | 1;
    uint32_t count = CARVE / slab->block_size, left = slab->capacity - slab->carved;
    count = count < SHUFFLE_LEAST ? SHUFFLE_LEAST : count;
    struct block *block = carve(slab, count < left ? count : left).first;
    for (count = 0; block != NULL; block = block->next, count++) {
        filling_new(block, slab->block_size);
        uint64_t place = random_next(&seed) % (count + 1);
        blocks[count] = block;
        blocks[count] = blocks[place];
        blocks[place] = block;
    }
    while (count > 0)
        slab_push(slab, blocks[--count]);
}

/* A link that does not lead to a free block of the slab is not followed. */
static inline void check_link(const struct slab *slab, const struct block *block) {
    struct entry entry = registry_entry(block);
    if (block != NULL &&
        unlikely((uintptr_t)block >> ADDRESS_BITS != 0 || entry_slab(entry) != slab ||
                 entry_position(entry, slab->class, block) >= entry.leaf->limits[entry.index] ||
                 block->mark != block_mark(entry, block)))
        report_invariant("a free list holds free blocks of its slab", block, slab, thread.own);
}

/* A long list is not taken whole: what a thread caches nobody else can use. The walk meets blocks that are
 * handed out next. */
static struct chain split(struct slab *slab, uint32_t count) {
    struct block *first = slab->free, *last = first;
    for (uint32_t i = 1; i < count; i++) {
        check_link(slab, last);
        last = last->next;
    }
    check_link(slab, last);
    slab->free = last->next;
    __builtin_prefetch(last->next, 1); /* the first one of the next call */
    slab_set_used(slab, slab->used + count);
    last->next = NULL;
    return (struct chain){first, last, count};
}

/* Blocks of a long list lie all over the slab: they are fetched by address, for along the list each would
 * have to wait for the one before. Of so many prefetches a processor drops most, so cache lines are read,
 * those of live blocks as well: what is written there meanwhile does not matter. But a block with a page of
 * its own may be one that nobody may read. */
NO_SANITIZE void slab_fetch(const struct slab *slab) {
    const char *at = slab->start, *end = at + (size_t)slab->carved * slab->block_size;
    size_t step = slab->block_size < CACHE_LINE ? CACHE_LINE : slab->block_size;
    if (slab->block_size < CARVE)
        for (; at + 3 * step < end; at += 4 * step)
            (void)(*(const volatile char *)at, *(const volatile char *)(at + step),
                   *(const volatile char *)(at + 2 * step), *(const volatile char *)(at + 3 * step));
    for (; at < end; at += step)
        __builtin_prefetch(at, 1);
}

struct chain slab_take(struct slab *slab, uint32_t wanted, uint32_t most) {
    if (unlikely(config.guard >= 2) && slab->free == NULL && slab->carved < slab->capacity)
        carve_and_shuffle(slab);
    if (slab->free != NULL) {
        struct chain all = {slab->free, NULL, slab->carved - slab->used};
        if (wanted >= FETCH_BLOCKS && all.count >= FETCH_BLOCKS && all.count >= slab->carved / FETCH_PART)
            slab_fetch(slab);
        if (all.count > most)
            return split(slab, wanted);
        check_link(slab, all.first);
        check_link(slab, all.first->next);
        slab->free = NULL;
        slab_set_used(slab, slab->carved);
        return all;
    }
    uint32_t count = carve_count(slab, wanted);
    return count == 0 ? (struct chain){NULL, NULL, 0} : carve(slab, count);
}

bool slab_holds_block(const struct slab *slab, const void *address) {
    size_t offset = (size_t)((const char *)address - slab->start);
    return offset < (size_t)slab->capacity * slab->block_size && offset % slab->block_size == 0;
}

static bool slab_has_carved(const struct slab *slab, const struct block *block) {
    return slab_holds_block(slab, block) &&
           (size_t)((const char *)block - slab->start) / slab->block_size < slab->carved;
}

bool slab_is_whole(const struct slab *slab) {
    uint32_t left = slab->carved - slab->used;
    if (slab->used > slab->carved || slab->carved > slab->capacity)
        return false;
    for (const struct block *block = slab->free; block != NULL; block = block->next, left--)
        if (left == 0 || !slab_has_carved(slab, block))
            return false;
    return left == 0;
}

void slab_check(const struct slab *slab) {
    const struct arena *owner = atomic_load_explicit(&slab->owner, memory_order_relaxed);
    if (slab->used > slab->carved || slab->carved > slab->capacity)
        report_invariant("used <= carved <= capacity", slab->start, slab, owner);
    uint32_t count = 0;
    for (const struct block *block = slab->free; block != NULL; block = block->next) {
        if (!slab_has_carved(slab, block))
            report_invariant("the free list holds carved blocks of the slab only", block, slab, owner);
        if (++count > slab->carved - slab->used)
            break;
    }
    if (count != slab->carved - slab->used)
        report_invariant("used = carved - free", slab->start, slab, owner);
}
