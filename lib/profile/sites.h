/* SPDX-License-Identifier: MIT
 *
 * Where the program allocates: each stack once, with what its samples stand for. All of it profile_lock. */
#ifndef FREEHOLD_PROFILE_SITES_H
#define FREEHOLD_PROFILE_SITES_H

#include "../types.h"

/* What samples stand for: unbiased estimates, and the variance of that of the bytes. */
struct estimate {
    double count, bytes, variance;
    uint64_t samples;
};

struct site {
    uint32_t next; /* of the same part of the table */
    uint32_t hash;
    uint32_t depth;
    uint32_t number;
    struct estimate live, all;
    const void *frames[];
};

/* The site of a stack, which is made if it is new; NULL if there is no memory. */
struct site *sites_find(const void *const *frames, uint32_t depth);

/* That of a number. */
struct site *sites_at(uint32_t number);

/* The sample of a block of size bytes comes, or goes. */
void estimate_add(struct estimate *estimate, size_t size, double weight);
void estimate_remove(struct estimate *estimate, size_t size, double weight);

/* All sites, one behind the other, and their bytes. */
const char *sites_first(size_t *length);
size_t site_bytes(const struct site *site);

/* Calls visit for the memory that they are in. */
void sites_visit(void (*visit)(void *context, const void *base, size_t length), void *context);

#endif
