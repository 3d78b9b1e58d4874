/* SPDX-License-Identifier: MIT
 *
 * Numbers that nobody needs to repeat. */
#ifndef FREEHOLD_RANDOM_H
#define FREEHOLD_RANDOM_H

#include <stdint.h>

/* The next one, by shifts; its low bits are the worst. *seed is not 0. */
static inline uint64_t random_next(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed >> 16;
}

#endif
