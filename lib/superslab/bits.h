/* SPDX-License-Identifier: MIT
 *
 * Bitmaps of a region's granules. */
#ifndef FREEHOLD_BITS_H
#define FREEHOLD_BITS_H

#include "../types.h"

static inline bool bit_get(const uint64_t *words, unsigned bit) {
    return (words[bit / 64] >> bit % 64 & 1) != 0;
}

static inline void bit_set(uint64_t *words, unsigned bit, bool value) {
    uint64_t mask = 1ul << bit % 64;
    words[bit / 64] = value ? words[bit / 64] | mask : words[bit / 64] & ~mask;
}

/* The first bit from start on that has the value, or REGION_GRANULES. */
static inline unsigned bit_next(const uint64_t *words, unsigned start, bool value) {
    for (unsigned i = start / 64; i < REGION_WORDS; i++) {
        uint64_t word = value ? words[i] : ~words[i];
        if (i == start / 64)
            word &= UINT64_MAX << start % 64;
        if (word != 0)
            return i * 64 + (unsigned)__builtin_ctzl(word);
    }
    return REGION_GRANULES;
}

/* The first of the bits before and at end that are all set. */
static inline unsigned bit_first(const uint64_t *words, unsigned end) {
    for (unsigned i = end / 64 + 1; i-- > 0;) {
        uint64_t word = ~words[i];
        if (i == end / 64)
            word &= UINT64_MAX >> (63 - end % 64);
        if (word != 0)
            return i * 64 + 64 - (unsigned)__builtin_clzl(word);
    }
    return 0;
}

#endif
