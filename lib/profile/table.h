/* SPDX-License-Identifier: MIT
 *
 * Memory of the profile's own: address space that is opened from its beginning as it is used, between pages
 * that nobody may touch. Whoever has it has a lock for it. */
#ifndef FREEHOLD_PROFILE_TABLE_H
#define FREEHOLD_PROFILE_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct table {
    char *base;
    size_t length; /* bytes: what may be opened */
    size_t open;   /* of these */
};

/* Reserves so many bytes, or half as many, and so on, but not less than least. Both are multiples of UNIT. */
bool table_make(struct table *table, size_t length, size_t least);

/* Sees to it that the first length bytes can be used; false if there is no memory. */
bool table_reach(struct table *table, size_t length);

#endif
