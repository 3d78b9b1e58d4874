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

#define LOOKS 16u

/* Of the pages that have memory, in the order of their addresses. */
struct choice {
    size_t count;
    size_t at[ZEROS_MOST]; /* pages from the base on */
    bool zeros[ZEROS_MOST];
};

/* Each step-th page from the next one on, before end. false if there is none, or the kernel does not say. */
static bool choose(struct choice *choice, const struct account *account, const char *base, size_t *next,
                   size_t end, size_t step) {
    void *pages[ZEROS_MOST];
    choice->count = 0;
    for (; *next < end && choice->count < ZEROS_MOST; *next += step)
        if ((account->pages[*next] & 1) != 0) {
            choice->at[choice->count] = *next;
            pages[choice->count++] = (void *)(uintptr_t)(base + *next * account->page);
        }
    return choice->count != 0 && os_find_zeros(pages, choice->count, choice->zeros);
}

static bool has_zeros(const struct account *account, const char *base, size_t next, size_t end, size_t step) {
    struct choice choice;
    while (choose(&choice, account, base, &next, end, step))
        for (size_t i = 0; i < choice.count; i++)
            if (choice.zeros[i])
                return true;
    return false;
}

/* What was only read has no memory of its own, though it is mapped. To ask that of a page costs far more than
 * to know that it is mapped; so some are asked for, at no multiple of a unit, and all from the first such one
 * on. What is missed before it is 4 MiB / LOOKS, as a rule. */
static void strike_zeros(struct account *account, const char *base, size_t next, size_t end) {
    const size_t step = SUPERSLAB / account->page / LOOKS - 3;
    struct choice choice;
    if (!account->has_zeros && !account->had_zeros && !has_zeros(account, base, next, end, step))
        return;
    while (choose(&choice, account, base, &next, end, 1))
        for (size_t i = 0; i < choice.count; i++)
            if (choice.zeros[i]) {
                account->pages[choice.at[i]] = 0;
                account->has_zeros = true;
            }
}

void residency_look(struct account *account, const char *base, unsigned first, unsigned end,
                    uint64_t believed) {
    size_t unit = UNIT / account->page;
    if (os_resident(base + first * UNIT, (end - first) * UNIT, account->pages + first * unit) !=
        RESIDENCY_KNOWN)
        for (unsigned i = first; i < end; i++)
            look_at_unit(account, base, i, (believed >> i & 1) != 0);
    strike_zeros(account, base, first * unit, end * unit);
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
