/* SPDX-License-Identifier: MIT */
#include "residency.h"

#include <string.h>

#include "../os.h"

static void believe(struct account *account, unsigned unit, bool has_memory) {
    size_t pages = UNIT / account->page;
    memset(account->pages + unit * pages, has_memory, pages);
}

/* Part of it is not mapped, or it is not known. */
static void look_at_unit(struct account *account, const char *base, unsigned unit, bool believed) {
    enum residency residency =
        os_resident(base + unit * UNIT, UNIT, account->pages + unit * (UNIT / account->page));
    if (residency != RESIDENCY_KNOWN)
        believe(account, unit, residency == RESIDENCY_UNKNOWN && believed);
}

void residency_look(struct account *account, const char *base, unsigned first, unsigned end,
                    uint64_t believed) {
    unsigned char *pages = account->pages + first * (UNIT / account->page);
    if (os_resident(base + first * UNIT, (end - first) * UNIT, pages) == RESIDENCY_KNOWN)
        return;
    for (unsigned i = first; i < end; i++)
        look_at_unit(account, base, i, (believed >> i & 1) != 0);
}

uint64_t residency_between(const struct account *account, size_t from, size_t to) {
    const unsigned shift = account->page_shift;
    uint64_t bytes = 0;
    for (size_t at = from, end; at < to; at = end) {
        end = ((at >> shift) + 1) << shift;
        end = end < to ? end : to;
        bytes += (account->pages[at >> shift] & 1) != 0 ? end - at : 0;
    }
    return bytes;
}

uint64_t residency_bytes(struct account *account, const void *base, size_t length) {
    uintptr_t at = (uintptr_t)base & ~(account->page - 1), end = (uintptr_t)base + length;
    uint64_t bytes = 0;
    for (; at < end; at += GRANULE) {
        size_t part = end - at < GRANULE ? (end - at + account->page - 1) & ~(account->page - 1) : GRANULE;
        enum residency residency = os_resident((const void *)at, part, account->pages);
        if (residency == RESIDENCY_KNOWN)
            bytes += residency_between(account, 0, part);
        else if (residency == RESIDENCY_UNKNOWN)
            bytes += part;
    }
    return bytes;
}

void footprint_look(struct footprint *footprint, size_t page, const void *array, size_t length) {
    footprint->start = (uintptr_t)array & ~(page - 1);
    size_t pages = ((uintptr_t)array + length - footprint->start + page - 1) / page;
    if (os_resident((const void *)footprint->start, pages * page, footprint->pages) != RESIDENCY_KNOWN)
        memset(footprint->pages, 1, pages);
}
