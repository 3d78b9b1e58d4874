/* SPDX-License-Identifier: MIT */
#include "granules.h"

#include "../superslab/closed.h"
#include "../superslab/huge.h"
#include "../superslab/recent.h"
#include "../superslab/registry.h"
#include "residency.h"

#define GRANULE_PARTS 64u

/* Huge blocks are registered by granule, SuperSlabs by unit. */
static bool is_superslab(const char *base) {
    return registry_find(base + UNIT) != NULL;
}

/* Adds what one granule of a huge block has: units of it are in use, and so many bytes of these have memory.
 * The registry's pointer is a name here: the descriptor behind it may be another block's by now. */
static void account_huge(struct account *account, const char *base, uint64_t units, uint64_t bytes) {
    struct slab *slab = registry_find(base);
    size_t length = (size_t)__builtin_popcountl(units) * UNIT;
    bool is_kept = slab != NULL && (recent_has(huge_of(slab)) || closed_has(huge_of(slab)));
    *(is_kept ? &account->sum.kept : &account->sum.live) += bytes;
    if (slab != account->huge.slab || base != account->huge.end) {
        account->huge.record = image_add(account->image, TABLE_HUGE);
        account->huge.slab = slab;
        account->sum.huge_blocks += !is_kept;
        if (account->huge.record != NULL) {
            account->huge.record->address = (uint64_t)(uintptr_t)base;
            account->huge.record->is_kept = is_kept;
        }
    }
    account->huge.end = base + GRANULE;
    account->sum.huge_bytes += is_kept ? 0 : length;
    if (account->huge.record != NULL) {
        account->huge.record->length += length;
        account->huge.record->resident += bytes;
    }
}

/* What is not in use: dirty units are kept, and what else has memory got it by huge pages. */
static void account_loose(struct account *account, uint64_t used, uint64_t dirty, bool is_limbo) {
    for (unsigned i = 0; i < UNITS; i++) {
        if ((used >> i & 1) != 0)
            continue;
        uint64_t bytes = residency_of(account, i);
        bool is_dirty = (dirty >> i & 1) != 0;
        *(is_limbo   ? &account->sum.free_units
          : is_dirty ? &account->sum.kept
                     : &account->sum.huge_page_swell) += bytes;
        account->sum.purged += UNIT - bytes;
    }
}

static uint64_t bytes_of(const struct account *account, uint64_t units) {
    uint64_t bytes = 0;
    for (; units != 0; units &= units - 1)
        bytes += residency_of(account, (unsigned)__builtin_ctzl(units));
    return bytes;
}

/* Says what the granule is. */
static enum fh_granule_kind look(struct account *account, unsigned i) {
    const char *base = account->view.base + i * GRANULE;
    uint64_t used = account->view.granules[i].used, dirty = account->view.granules[i].dirty;
    bool is_used = account->view.granules[i].state == GRANULE_USED;
    bool is_limbo = account->view.granules[i].state == GRANULE_LIMBO;
    if (is_used && (registry_find(base) == NULL || is_superslab(base)))
        return FH_GRANULE_SUPERSLAB;
    residency_look(account, base, 0, UNITS, dirty);
    if (is_used)
        account_huge(account, base, used, bytes_of(account, used));
    account_loose(account, is_used ? used : 0, dirty, is_limbo);
    if (is_used || is_limbo)
        return is_used ? FH_GRANULE_HUGE : FH_GRANULE_LIMBO;
    return dirty != 0 ? FH_GRANULE_DIRTY : FH_GRANULE_CLEAN;
}

void account_region(struct account *account) {
    const struct region_view *view = &account->view;
    account->region = image_add(account->image, TABLE_REGIONS);
    if (account->region == NULL)
        account->region = &account->spare_region;
    account->sum.regions++;
    account->sum.reserved += (REGION_GRANULES - view->first) * GRANULE;
    account->region->address = (uint64_t)(uintptr_t)view->base;
    account->region->first = view->first;
    account->region->granules_count = REGION_GRANULES - view->first;
}

void account_granule(struct account *account, unsigned i) {
    struct fh_live_granule *record = &account->region->granules[i];
    record->kind = (uint8_t)look(account, i);
    if (record->kind != FH_GRANULE_SUPERSLAB)
        record->resident = residency_parts(residency_between(account, 0, GRANULE), GRANULE, GRANULE_PARTS);
}

static bool is_part(const struct account *account, const struct slab *slab) {
    for (unsigned i = 0; i < account->parts_count; i++)
        if (account->parts[i] == slab)
            return true;
    return false;
}

/* A granule that begins with the registry's entry, if it is of a huge block that is in no region. Its last
 * units may be nobody's. */
static void account_alone(struct account *account, const char *base) {
    const struct slab *slab = registry_find(base);
    bool is_known = slab == account->huge.slab && base == account->huge.end;
    if (slab == NULL || is_superslab(base) || is_part(account, slab) || (!is_known && region_contains(base)))
        return;
    residency_look(account, base, 0, UNITS, ALL_UNITS);
    account_huge(account, base, ALL_UNITS, residency_between(account, 0, GRANULE));
    account->sum.reserved += GRANULE;
}

void account_leaf(struct account *account, unsigned number) {
    const struct leaf *leaf = registry_leaf(number);
    if (leaf == NULL)
        return;
    account->sum.metadata += residency_bytes(account, leaf, sizeof *leaf);
    const char *first = (const char *)((uintptr_t)number << (UNIT_SHIFT + LEAF_BITS));
    struct footprint footprint;
    footprint_look(&footprint, account->page, leaf->slabs, sizeof leaf->slabs);
    for (uintptr_t i = 0; i < 1ul << LEAF_BITS; i += UNITS)
        if (footprint_has(&footprint, account->page, &leaf->slabs[i]) &&
            atomic_load_explicit(&leaf->slabs[i], memory_order_relaxed) != NULL)
            account_alone(account, first + i * UNIT);
}
