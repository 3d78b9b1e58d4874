/* SPDX-License-Identifier: MIT
 *
 * What has memory, as far as the kernel says. Where it does not say, units that may hold other than zeros are
 * believed to have. */
#ifndef FREEHOLD_RESIDENCY_H
#define FREEHOLD_RESIDENCY_H

#include "account.h"

#define ALL_UNITS UINT64_MAX

/* Looks at units from first to before end of what begins at base, GRANULE at most; which are believed to have
 * memory where the kernel does not say. */
void residency_look(struct account *account, const char *base, unsigned first, unsigned end,
                    uint64_t believed);

/* Of what was looked at last: bytes that have memory, from one offset to before another. */
uint64_t residency_between(const struct account *account, size_t from, size_t to);

/* The same of a unit. */
static inline uint64_t residency_of(const struct account *account, unsigned unit) {
    return residency_between(account, unit * UNIT, (unit + 1) * UNIT);
}

/* Bytes of length at base that have memory, rounded to pages; all if the kernel does not say. */
uint64_t residency_bytes(struct account *account, const void *base, size_t length);

/* Which pages of an array of the registry's have memory. Those without were never written, and are not to get
 * any by being read. */
#define FOOTPRINT_MOST (512ul << 10) /* bytes of an array */
struct footprint {
    uintptr_t start; /* of the first page */
    unsigned char pages[FOOTPRINT_MOST / 4096 + 1];
};
void footprint_look(struct footprint *footprint, size_t page, const void *array, size_t length);

static inline bool footprint_has(const struct footprint *footprint, size_t page, const void *address) {
    return (footprint->pages[((uintptr_t)address - footprint->start) / page] & 1) != 0;
}

/* In parts of a unit, of a granule: so many of them as there would be if all had memory. */
static inline uint8_t residency_parts(uint64_t bytes, size_t whole, unsigned parts) {
    return (uint8_t)((bytes * parts + whole - 1) / whole);
}

#endif
