/* SPDX-License-Identifier: MIT */
#include "units.h"

#include "call.h"
#include "descriptor.h"
#include "region.h"
#include "slice.h"
#include "space.h"

#define ALL_FREE UINT64_MAX
#define ATTEMPTS 16u /* slots of a list that are tried though they may have a run that does not fit */

static uint64_t run_mask(unsigned first, unsigned length) {
    return (length == UNITS ? ALL_FREE : (1ul << length) - 1) << first;
}

/* The bits at which a run of count free units starts. */
static uint64_t run_starts(uint64_t free, unsigned length) {
    uint64_t starts = free;
    for (unsigned have = 1; have < length;) {
        unsigned step = length - have < have ? length - have : have;
        starts &= starts >> step;
        have += step;
    }
    return starts;
}

/* Every alignment-th bit. */
static uint64_t aligned_bits(unsigned alignment) {
    return alignment == UNITS ? 1 : UINT64_MAX / ((1ul << alignment) - 1);
}

/* One unit that has been used before costs no page fault. */
static unsigned choose(uint64_t starts, uint64_t dirty, unsigned length, bool low) {
    if (length == 1 && (starts & dirty) != 0)
        starts &= dirty;
    return (unsigned)(low ? __builtin_ctzl(starts) : 63 - __builtin_clzl(starts));
}

static struct taken take_from(struct slot *slot, unsigned length, uint64_t allowed, bool low) {
    uint64_t free = atomic_load_explicit(&slot->free, memory_order_relaxed);
    for (;;) {
        uint64_t starts = run_starts(free, length) & allowed;
        if (starts == 0)
            return (struct taken){NULL, false};
        uint64_t dirty = atomic_load_explicit(&slot->dirty, memory_order_relaxed);
        unsigned first = choose(starts, dirty, length, low);
        uint64_t mask = run_mask(first, length);
        /* Acquire; partners: units_give, whose giver's last writes to the units and their slabs come before
         * ours, and superslab_make. */
        if (!atomic_compare_exchange_weak_explicit(&slot->free, &free, free & ~mask, memory_order_acquire,
                                                   memory_order_relaxed))
            continue;
        dirty = atomic_fetch_or_explicit(&slot->dirty, mask, memory_order_relaxed);
        unsigned clean = (unsigned)__builtin_popcountl(mask & ~dirty);
        if (clean != 0) {
            clean_taken_add(clean * UNIT);
            if (length == 1)
                atomic_store_explicit(&slot->touched[first], 0, memory_order_relaxed);
        }
        if (clean != length)
            idle_remove(length - clean);
        struct superslab *superslab = atomic_load_explicit(&slot->superslab, memory_order_relaxed);
        return (struct taken){&superslab->slabs[first], (dirty & mask) == 0};
    }
}

struct taken unit_take_at(struct slot *slot, unsigned unit) {
    return take_from(slot, 1, 1ul << unit, true);
}

/* Lists by length: 1 to 8, then four to each doubling. The first list of which every slot has a run of
 * length, if it is where it belongs. */
static unsigned list_with(unsigned length) {
    if (length <= 8)
        return length - 1;
    unsigned doubling = 31 - (unsigned)__builtin_clz(length - 1), step = 1u << (doubling - 2);
    return 8 + (doubling - 3) * 4 + (length - (1u << doubling) + step - 1) / step - 1;
}

/* The list where a run of length belongs. */
static unsigned list_of(unsigned length) {
    if (length <= 8)
        return length - 1;
    unsigned doubling = 31 - (unsigned)__builtin_clz(length), step = 1u << (doubling - 2);
    return 8 + (doubling - 3) * 4 + (length - (1u << doubling)) / step - 1;
}

static unsigned longest_run(uint64_t free) {
    unsigned length = 0;
    for (unsigned step = UNITS; step != 0; step /= 2)
        if (length + step <= UNITS && run_starts(free, length + step) != 0)
            length += step;
    return length;
}

static void list_longest(uint32_t index) {
    unsigned longest = longest_run(atomic_load_explicit(&slot_at(index)->free, memory_order_relaxed));
    if (longest != 0)
        slot_list(index, list_of(longest));
}

void units_offer(uint32_t index) {
    list_longest(index);
    slot_list(index, LIST_TO_PURGE);
    housekeeper_wake();
}

bool units_relist(uint32_t index, unsigned list) {
    unsigned longest = longest_run(atomic_load_explicit(&slot_at(index)->free, memory_order_relaxed));
    if (longest != 0 && list_of(longest) == list)
        return false;
    slot_strike(index, list);
    list_longest(index);
    return true;
}

/* Takes units from a slot of the list. What is found where it does not belong is put elsewhere, so that a
 * search is long only if as many were short. */
static struct taken take_listed(unsigned list, unsigned length, uint64_t allowed, bool low) {
    for (uint32_t index = 0, attempts = 0; attempts < ATTEMPTS && slots_next(list, &index); index++) {
        struct slot *slot = slot_at(index);
        struct taken taken = take_from(slot, length, allowed, low);
        if (taken.slab != NULL)
            return taken;
        attempts += !units_relist(index, list);
    }
    return (struct taken){NULL, false};
}

struct taken units_take_existing(unsigned length, unsigned alignment, bool low) {
    uint64_t allowed = aligned_bits(alignment);
    uint64_t lists = slots_lists() & ((1ul << LIST_TO_PURGE) - 1) >> list_with(length) << list_with(length);
    for (; lists != 0; lists &= lists - 1) {
        struct taken taken = take_listed((unsigned)__builtin_ctzl(lists), length, allowed, low);
        if (taken.slab != NULL)
            return taken;
    }
    /* The list before may have runs that are just long enough. */
    return take_listed(list_of(length), length, allowed, low);
}

static struct slot *slot_of(const struct slab *slab) {
    return slot_at(superslab_of(slab)->slot);
}

/* The length of the run that units are part of. */
static unsigned run_around(uint64_t free, uint64_t units) {
    unsigned first = (unsigned)__builtin_ctzl(units), last = 63 - (unsigned)__builtin_clzl(units);
    uint64_t below = ~free & (run_mask(0, first + 1) >> 1), above = last == 63 ? 0 : ~free >> (last + 1);
    unsigned from = below == 0 ? 0 : 64 - (unsigned)__builtin_clzl(below);
    unsigned end = above == 0 ? 64 : last + 1 + (unsigned)__builtin_ctzl(above);
    return end - from;
}

bool units_extend(struct slab *slab, unsigned before, unsigned length) {
    struct slot *slot = slot_of(slab);
    unsigned first = slab->unit + before;
    if (slab->unit + length > UNITS)
        return false;
    uint64_t mask = run_mask(first, length - before);
    uint64_t free = atomic_load_explicit(&slot->free, memory_order_relaxed);
    do {
        if ((free & mask) != mask)
            return false;
        /* Acquire; partner: units_give. */
    } while (!atomic_compare_exchange_weak_explicit(&slot->free, &free, free & ~mask, memory_order_acquire,
                                                    memory_order_relaxed));
    uint64_t dirty = mask & atomic_fetch_or_explicit(&slot->dirty, mask, memory_order_relaxed);
    idle_remove((uint64_t)__builtin_popcountl(dirty));
    return true;
}

static void give(struct slab *slab, unsigned first, unsigned end) {
    struct slot *slot = slot_of(slab);
    uint32_t index = superslab_of(slab)->slot;
    uint64_t mask = run_mask(slab->unit + first, end - first);
    atomic_fetch_and_explicit(&slot->aged, ~mask, memory_order_relaxed);
    idle_add(end - first); /* first, so that whoever takes them does not count them before */
    /* Release; partners: take_from, units_extend, superslab_retire. After this the SuperSlab is not pinned:
     * only the slot may be touched. */
    uint64_t free = mask | atomic_fetch_or_explicit(&slot->free, mask, memory_order_release);
    slot_list(index, list_of(run_around(free, mask)));
    slot_list(index, LIST_TO_PURGE);
    housekeeper_wake();
}

void units_give(struct slab *slab, unsigned first, unsigned end) {
    struct slot *slot = slot_of(slab);
    for (unsigned i = first; i < end; i++)
        atomic_store_explicit(&slot->touched[slab->unit + i], UNIT_PAGES, memory_order_relaxed);
    give(slab, first, end);
}

void unit_give(struct slab *slab, unsigned pages) {
    _Atomic uint8_t *touched = &slot_of(slab)->touched[slab->unit];
    if (atomic_load_explicit(touched, memory_order_relaxed) < pages)
        atomic_store_explicit(touched, (uint8_t)pages, memory_order_relaxed);
    give(slab, 0, 1);
}

/* Purges units that the caller has taken, each run of adjoining ones with one system call. */
static uint64_t units_purge(const struct superslab *superslab, uint64_t units) {
    uint64_t clean = 0;
    for (uint64_t rest = units; rest != 0;) {
        unsigned first = (unsigned)__builtin_ctzl(rest);
        uint64_t from_first = ~(rest >> first);
        unsigned length = from_first == 0 ? UNITS - first : (unsigned)__builtin_ctzl(from_first);
        uint64_t run = run_mask(first, length);
        if (pages_purge(superslab->base + first * UNIT, length * UNIT))
            clean |= run;
        rest &= ~run;
    }
    return clean;
}

/* A part of the free units that are wanted, taken while they are purged, so that nobody is given one in
 * between. Says which it was; none if all of them are clean. */
static uint64_t part_take(struct slot *slot, uint64_t wanted) {
    uint64_t free = atomic_load_explicit(&slot->free, memory_order_relaxed), units;
    do {
        units = free & wanted & atomic_load_explicit(&slot->dirty, memory_order_relaxed);
        if (units == 0)
            return 0;
        units = slice_part(units);
        /* Acquire; partner: units_give. */
    } while (!atomic_compare_exchange_weak_explicit(&slot->free, &free, free & ~units, memory_order_acquire,
                                                    memory_order_relaxed));
    return units;
}

/* Else the next fault, or the kernel by itself, would make all of a huge page resident again. */
static void thin_out(const struct slot *slot, struct superslab *superslab) {
    uint64_t clean = atomic_load_explicit(&slot->free, memory_order_relaxed) &
                     ~atomic_load_explicit(&slot->dirty, memory_order_relaxed);
    if (superslab->is_dense && (unsigned)__builtin_popcountl(clean) >= SPARSE_UNITS)
        superslab->is_dense = !region_advise(&superslab->granules, false);
}

bool slot_purge(uint32_t index, uint64_t wanted, const struct slice *slice) {
    struct slot *slot = slot_at(index);
    for (uint64_t units; (units = part_take(slot, wanted)) != 0; wanted &= ~units) {
        struct superslab *superslab = atomic_load_explicit(&slot->superslab, memory_order_relaxed);
        uint64_t clean = units_purge(superslab, units);
        atomic_fetch_and_explicit(&slot->dirty, ~clean, memory_order_relaxed);
        idle_remove((uint64_t)__builtin_popcountl(clean));
        /* Release; partner: units_take. */
        atomic_fetch_or_explicit(&slot->free, units, memory_order_release);
        thin_out(slot, superslab); /* which purge_lock pins */
        units_offer(index);
        if (slice_is_over(slice))
            return (atomic_load_explicit(&slot->free, memory_order_relaxed) & wanted & ~units &
                    atomic_load_explicit(&slot->dirty, memory_order_relaxed)) == 0;
    }
    return true;
}
