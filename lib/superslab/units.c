/* SPDX-License-Identifier: MIT */
#include "units.h"

#include "metadata.h"
#include "registry.h"
#include "superslab.h"

#define ALL_FREE UINT64_MAX
#define HINTS    7 /* lengths up to 1, 2, 4, 8, 16, 32, 64 */

static struct slot first_chunk[SLOTS_CHUNK];
static _Atomic(struct slot *) chunks[SLOTS_CHUNKS]; /* set once each, under superslabs_lock */
static _Atomic uint32_t count;                      /* slots ever used; grows under superslabs_lock */
static _Atomic uint32_t lowest[HINTS]; /* hints, by length: slots below have no such run, probably */

uint32_t slots_count(void) {
    /* Acquire; partner: slot_take. */
    return atomic_load_explicit(&count, memory_order_acquire);
}

struct slot *slot_at(uint32_t index) {
    if (index < SLOTS_CHUNK)
        return &first_chunk[index];
    return atomic_load_explicit(&chunks[index / SLOTS_CHUNK], memory_order_relaxed) + index % SLOTS_CHUNK;
}

struct slot *slot_take(uint32_t *index) {
    uint32_t used = slots_count();
    for (uint32_t i = 0; i < used; i++) {
        /* Acquire; partner: superslab_retire. */
        if (atomic_load_explicit(&slot_at(i)->superslab, memory_order_acquire) == NULL) {
            *index = i;
            return slot_at(i);
        }
    }
    if (used == SLOTS_CHUNK * SLOTS_CHUNKS)
        return NULL;
    if (used >= SLOTS_CHUNK && used % SLOTS_CHUNK == 0) {
        struct slot *chunk = metadata_take(SLOTS_CHUNK * sizeof *chunk);
        if (chunk == NULL)
            return NULL;
        atomic_store_explicit(&chunks[used / SLOTS_CHUNK], chunk, memory_order_relaxed);
    }
    /* Release; partner: slots_count. */
    atomic_store_explicit(&count, used + 1, memory_order_release);
    *index = used;
    return slot_at(used);
}

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
        struct superslab *superslab = atomic_load_explicit(&slot->superslab, memory_order_relaxed);
        return (struct taken){&superslab->slabs[first], (dirty & mask) == 0};
    }
}

/* The hint for runs of a length: 1, 2, to 4, to 8 and so on. */
static _Atomic uint32_t *hint_of(unsigned length) {
    return &lowest[length == 1 ? 0 : 32 - __builtin_clz(length - 1)];
}

struct taken units_take_existing(unsigned length, unsigned alignment, bool low) {
    uint64_t allowed = aligned_bits(alignment);
    uint32_t used = slots_count();
    _Atomic uint32_t *hint = hint_of(length);
    uint32_t first = atomic_load_explicit(hint, memory_order_relaxed);
    for (uint32_t i = first; i < used; i++) {
        struct taken taken = take_from(slot_at(i), length, allowed, low);
        if (taken.slab != NULL) {
            if (i != first)
                atomic_store_explicit(hint, i, memory_order_relaxed);
            return taken;
        }
    }
    /* A hint is not exact: what is below it counts too before a SuperSlab is mapped. */
    for (uint32_t i = 0; i < first; i++) {
        struct taken taken = take_from(slot_at(i), length, allowed, low);
        if (taken.slab != NULL)
            return taken;
    }
    return (struct taken){NULL, false};
}

struct taken units_take(unsigned length, unsigned alignment, bool low) {
    for (;;) {
        struct taken taken = units_take_existing(length, alignment, low);
        if (taken.slab != NULL || !superslab_make())
            return taken;
    }
}

static struct slot *slot_of(const struct slab *slab) {
    return slot_at(superslab_of(slab)->slot);
}

bool units_extend(struct slab *slab, unsigned length) {
    struct slot *slot = slot_of(slab);
    unsigned first = slab->unit + slab->units;
    if (slab->unit + length > UNITS)
        return false;
    uint64_t mask = run_mask(first, length - slab->units);
    uint64_t free = atomic_load_explicit(&slot->free, memory_order_relaxed);
    do {
        if ((free & mask) != mask)
            return false;
        /* Acquire; partner: units_give. */
    } while (!atomic_compare_exchange_weak_explicit(&slot->free, &free, free & ~mask, memory_order_acquire,
                                                    memory_order_relaxed));
    atomic_fetch_or_explicit(&slot->dirty, mask, memory_order_relaxed);
    return true;
}

void units_give(struct slab *slab, unsigned first) {
    struct slot *slot = slot_of(slab);
    uint32_t index = superslab_of(slab)->slot;
    uint64_t mask = run_mask(slab->unit + first, slab->units - first);
    atomic_fetch_and_explicit(&slot->aged, ~mask, memory_order_relaxed);
    /* Release; partners: take_from, units_extend, superslab_retire. After this the SuperSlab is not pinned:
     * only the slot may be touched. */
    atomic_fetch_or_explicit(&slot->free, mask, memory_order_release);
    for (unsigned i = 0; i < HINTS; i++)
        if (index < atomic_load_explicit(&lowest[i], memory_order_relaxed))
            atomic_store_explicit(&lowest[i], index, memory_order_relaxed);
}
