/* SPDX-License-Identifier: MIT */
#include "superslabs.h"

#include "../lock.h"
#include "../superslab/purge.h"
#include "../superslab/registry.h"
#include "../superslab/size_class.h"
#include "../superslab/slab.h"
#include "../superslab/superslab.h"
#include "residency.h"

#define NOBODY     0u
#define NOT_LISTED UINT16_MAX
#define FULL       15u
#define UNIT_PARTS 16u

/* Adjoining units of a SuperSlab that are one thing, from first to before end. */
struct part {
    const struct slab *slab; /* the descriptor that the registry has for all of them */
    const char *base;        /* of the SuperSlab */
    unsigned first, end;
};

/* A slab, as far as others may know it. */
struct sketch {
    unsigned class;
    size_t block_size;
    uint32_t carved, used, capacity;
    size_t start, carved_end, end; /* offsets in the SuperSlab: of the first block, behind the last carved
                                      one, behind the last */
};

static struct entry entry_of(const struct part *part) {
    return registry_entry(part->base + part->first * UNIT);
}

/* The registry knows how many blocks are carved: the limit is a multiple of a number of the class. */
static struct sketch sketch_of(const struct part *part, unsigned class) {
    struct entry entry = entry_of(part);
    struct sketch sketch = {.class = class, .block_size = size_class_bytes(class)};
    size_t offset = slab_offset(part->first, sketch.block_size), length = (part->end - part->first) * UNIT;
    uint64_t step = sketch.block_size * entry.leaf->reciprocals[class];
    uint64_t carved = entry_limit(entry) / step;
    sketch.capacity = (uint32_t)((length - offset) / sketch.block_size);
    sketch.carved = carved < sketch.capacity ? (uint32_t)carved : sketch.capacity;
    sketch.used = __atomic_load_n(&part->slab->used, __ATOMIC_RELAXED);
    sketch.used = sketch.used < sketch.carved ? sketch.used : sketch.carved;
    sketch.start = part->first * UNIT + offset;
    sketch.carved_end = sketch.start + sketch.carved * sketch.block_size;
    sketch.end = sketch.start + sketch.capacity * sketch.block_size;
    return sketch;
}

/* Used and free blocks have their share of the memory of all that are carved. */
static void account_memory(struct account *account, const struct part *part, const struct sketch *sketch) {
    uint64_t carved = residency_between(account, sketch->start, sketch->carved_end);
    uint64_t all = residency_between(account, part->first * UNIT, part->end * UNIT);
    uint64_t blocks = residency_between(account, sketch->start, sketch->end);
    uint64_t used = sketch->carved == 0 ? 0 : carved * sketch->used / sketch->carved;
    account->used_of[sketch->class] += used;
    account->sum.partly_used += blocks - used;
    account->sum.rounding += all - blocks;
}

static void account_class(struct account *account, const struct part *part, const struct sketch *sketch,
                          bool is_orphan) {
    struct fh_class_stats *class = image_record(account->image, TABLE_CLASSES, sketch->class);
    class->slabs++;
    class->slab_bytes += (part->end - part->first) * UNIT;
    class->blocks += sketch->carved;
    class->used += sketch->used;
    class->resident += residency_between(account, part->first * UNIT, part->end * UNIT);
    class->orphan_slabs += is_orphan;
    account->sum.orphan_slabs += is_orphan;
}

/* Notes what an owner has, and says which record of the table it is, from 1 on. */
static uint16_t account_owner(const struct account *account, const struct part *part,
                              const struct sketch *sketch, const struct arena *owner) {
    if (owner <= OWNER_HUGE)
        return NOBODY;
    struct fh_arena_stats *arena = image_record(account->image, TABLE_ARENAS, owner->index);
    if (arena == NULL)
        return NOT_LISTED;
    arena->owned += (part->end - part->first) * UNIT;
    arena->owned_free += (part->end - part->first) * UNIT - sketch->used * sketch->block_size;
    arena->slabs++;
    return (uint16_t)(owner->index + 1);
}

/* Writes what the units of a part are; the first one has a mark. */
static void draw(const struct account *account, struct fh_live_unit *units, const struct part *part,
                 struct fh_live_unit unit) {
    for (unsigned i = part->first; i < part->end; i++) {
        units[i] = unit;
        units[i].kind = (uint8_t)(unit.kind | (i == part->first ? FH_UNIT_FIRST : 0));
        units[i].resident = residency_parts(residency_of(account, i), UNIT, UNIT_PARTS);
    }
}

static struct fh_live_unit account_slab(struct account *account, const struct part *part, unsigned class) {
    /* Acquire; partner: slab_make, for what is constant of the owner. */
    const struct arena *owner = atomic_load_explicit(&part->slab->owner, memory_order_acquire);
    struct sketch sketch = sketch_of(part, class);
    account_memory(account, part, &sketch);
    account_class(account, part, &sketch, owner == OWNER_NONE);
    return (struct fh_live_unit){
        .kind = FH_UNIT_SLAB,
        .size_class = (uint8_t) class,
        .fullness = (uint8_t)((sketch.used * FULL + sketch.capacity - 1) / sketch.capacity),
        .owner = account_owner(account, part, &sketch, owner),
    };
}

/* A run that nobody has and that is not free is kept by a thread; or it is changing hands. */
static struct fh_live_unit account_run(struct account *account, const struct part *part) {
    bool is_live = atomic_load_explicit(&part->slab->owner, memory_order_relaxed) == OWNER_LARGE;
    *(is_live ? &account->runs : &account->kept_runs) +=
        residency_between(account, part->first * UNIT, part->end * UNIT);
    account->sum.large_blocks += is_live;
    account->sum.large_bytes += is_live ? (part->end - part->first) * UNIT : 0;
    return (struct fh_live_unit){.kind = is_live ? FH_UNIT_RUN : FH_UNIT_KEPT_RUN};
}

static struct fh_live_unit account_unit(struct account *account, unsigned unit, bool is_dirty) {
    uint64_t bytes = residency_of(account, unit);
    *(is_dirty ? &account->sum.free_units : &account->sum.huge_page_swell) += bytes;
    account->sum.purged += UNIT - bytes;
    return (struct fh_live_unit){.kind = is_dirty ? FH_UNIT_DIRTY : FH_UNIT_CLEAN};
}

static const struct slab *slab_at(const char *base, unsigned unit) {
    return entry_slab(registry_entry(base + unit * UNIT));
}

/* The units of which there are any: all, or those of a part of a SuperSlab. */
static uint64_t units_there(const char *base) {
    uint64_t there = 0;
    for (unsigned i = 0; i < UNITS; i++)
        there |= (uint64_t)(slab_at(base, i) != NULL) << i;
    return there;
}

/* The part that begins with a unit that is taken. */
static struct part part_at(const char *base, unsigned first, uint64_t taken) {
    struct part part = {slab_at(base, first), base, first, first + 1};
    while (part.end < UNITS && (taken >> part.end & 1) != 0 && slab_at(base, part.end) == part.slab)
        part.end++;
    return part;
}

static unsigned account_taken(struct account *account, struct fh_live_superslab *record, const char *base,
                              unsigned first, uint64_t taken) {
    struct part part = part_at(base, first, taken);
    struct entry entry = entry_of(&part);
    unsigned class = atomic_load_explicit(&entry.leaf->classes[entry.index], memory_order_relaxed);
    struct fh_live_unit unit =
        class == CLASS_NONE ? account_run(account, &part) : account_slab(account, &part, class);
    draw(account, record->units, &part, unit);
    return part.end;
}

static void account_units(struct account *account, struct fh_live_superslab *record, const char *base,
                          const struct slot *slot) {
    uint64_t there = units_there(base), free = atomic_load_explicit(&slot->free, memory_order_relaxed);
    uint64_t dirty = atomic_load_explicit(&slot->dirty, memory_order_relaxed);
    if (there == 0)
        return;
    residency_look(account, base, (unsigned)__builtin_ctzl(there), UNITS - (unsigned)__builtin_clzl(there),
                   ~free | dirty);
    for (unsigned i = 0; i < UNITS;) {
        if ((there >> i & 1) == 0)
            i++;
        else if ((free >> i & 1) == 0)
            i = account_taken(account, record, base, i, there & ~free);
        else {
            struct fh_live_unit unit = account_unit(account, i, (dirty >> i & 1) != 0);
            draw(account, record->units, &(struct part){NULL, base, i, i + 1}, unit);
            record->units[i++].kind &= (uint8_t)~FH_UNIT_FIRST;
        }
    }
}

/* A part of a SuperSlab stays for ever. */
static void note_part(struct account *account, const struct superslab *superslab) {
    if (account->parts_count < ACCOUNT_PARTS)
        account->parts[account->parts_count++] = &superslab->slabs[0];
    account->sum.reserved += (size_t)__builtin_popcountl(units_there(superslab->base)) * UNIT;
}

void account_superslab(struct account *account, uint32_t index) {
    lock_take(&purge_lock);
    lock_take(&superslabs_lock);
    const struct slot *slot = slot_at(index);
    const struct superslab *superslab = atomic_load_explicit(&slot->superslab, memory_order_relaxed);
    if (superslab != NULL) {
        struct fh_live_superslab *record = image_add(account->image, TABLE_SUPERSLABS);
        if (record == NULL)
            record = &account->spare;
        record->address = (uint64_t)(uintptr_t)superslab->base;
        account->sum.superslabs++;
        account_units(account, record, superslab->base, slot);
        if (superslab->granules.region == NULL)
            note_part(account, superslab);
    }
    lock_give(&superslabs_lock);
    lock_give(&purge_lock);
}
