/* SPDX-License-Identifier: MIT */
#include "match.h"

#include <limits.h>

#define FINE 16 /* parts of a page in which it is counted how many are needed */

/* How many pages a slab of each class has needed lately. Hints: of two changes at a time one may be lost. */
static _Atomic int needs[CLASSES] = {[0 ... CLASSES - 1] = UNIT_PAGES * FINE};

static unsigned pages_needed(unsigned class) {
    return (unsigned)(atomic_load_explicit(&needs[class], memory_order_relaxed) + FINE / 2) / FINE;
}

void match_note(unsigned class, unsigned pages) {
    int need = atomic_load_explicit(&needs[class], memory_order_relaxed);
    atomic_store_explicit(&needs[class], need + ((int)pages * FINE - need) / 4, memory_order_relaxed);
}

/* What it costs to take a unit of which so many pages are touched: those that become resident, and a part of
 * those that nobody will use. */
static unsigned cost_of(unsigned touched, unsigned pages) {
    return touched < pages ? pages - touched : (touched - pages) / MATCH_WASTE;
}

/* A search for the unit that costs least. */
struct search {
    unsigned pages;    /* that are needed */
    unsigned looks;    /* units that may still be looked at */
    unsigned cost;     /* of the best one so far, */
    unsigned unit;     /* which it is, */
    struct slot *slot; /* and of which slot; NULL if there is none */
};

static bool goes_on(const struct search *search) {
    return search->looks > 0 && search->cost > 0;
}

static void look_at(struct search *search, struct slot *slot, unsigned unit, unsigned cost) {
    search->looks--;
    if (cost < search->cost) {
        search->cost = cost;
        search->unit = unit;
        search->slot = slot;
    }
}

/* A clean unit has no memory, and all of them cost the same. */
static void search_slot(struct search *search, struct slot *slot, uint64_t free) {
    uint64_t dirty = free & atomic_load_explicit(&slot->dirty, memory_order_relaxed);
    if (free != dirty)
        look_at(search, slot, (unsigned)__builtin_ctzl(free & ~dirty), search->pages);
    for (; dirty != 0 && goes_on(search); dirty &= dirty - 1) {
        unsigned unit = (unsigned)__builtin_ctzl(dirty);
        unsigned touched = atomic_load_explicit(&slot->touched[unit], memory_order_relaxed);
        look_at(search, slot, unit, cost_of(touched, search->pages));
    }
}

static void search_list(struct search *search, unsigned list) {
    for (uint32_t index = 0; goes_on(search) && slots_next(list, &index); index++) {
        struct slot *slot = slot_at(index);
        uint64_t free = atomic_load_explicit(&slot->free, memory_order_relaxed);
        if (free != 0)
            search_slot(search, slot, free);
        else {
            search->looks--;
            units_relist(index, list);
        }
    }
}

/* Slots with short runs first, as for runs. */
struct taken match_take(unsigned class) {
    struct search search = {.pages = pages_needed(class), .looks = MATCH_LOOKS, .cost = UINT_MAX};
    uint64_t lists = slots_lists() & ((1ul << LIST_TO_PURGE) - 1);
    for (; lists != 0 && goes_on(&search); lists &= lists - 1)
        search_list(&search, (unsigned)__builtin_ctzl(lists));
    struct taken taken = {NULL, false};
    if (search.slot != NULL)
        taken = unit_take_at(search.slot, search.unit);
    return taken.slab != NULL ? taken : units_take_existing(1, 1, true);
}
