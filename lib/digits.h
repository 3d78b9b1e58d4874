/* SPDX-License-Identifier: MIT
 *
 * Numbers as text, where there is no stdio. */
#ifndef FREEHOLD_DIGITS_H
#define FREEHOLD_DIGITS_H

#include <stdint.h>

#define DIGITS_MOST 20 /* of a number to base 10 or more */

/* Writes a number before end, where there is room for DIGITS_MOST; returns the first digit. */
static inline char *digits_write(char *end, uint64_t number, unsigned base) {
    do
        *--end = "0123456789abcdef"[number % base];
    while ((number /= base) != 0);
    return end;
}

#endif
