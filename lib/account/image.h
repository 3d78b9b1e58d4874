/* SPDX-License-Identifier: MIT
 *
 * An image: an account in the form in which others read it, a struct fh_live and the tables behind it. */
#ifndef FREEHOLD_IMAGE_H
#define FREEHOLD_IMAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "freehold_live.h"

/* The tables, in the order of struct fh_live. */
enum image_table {
    TABLE_COUNTERS,
    TABLE_STATS,
    TABLE_CLASSES,
    TABLE_ARENAS,
    TABLE_REGIONS,
    TABLE_HUGE,
    TABLE_SUPERSLABS,
    TABLES
};

/* The bytes of an image; with the tables of regions, huge blocks and SuperSlabs if it has maps. */
size_t image_length(bool has_maps);

/* Makes zeroed memory an empty one. */
void image_make(struct fh_live *image, bool has_maps);

/* Empties all tables. */
void image_clear(struct fh_live *image);

/* The next record of a table, zeroed; NULL if there is no room. It counts among the table's total either way.
 */
void *image_add(struct fh_live *image, enum image_table table);

/* A record that is there, or NULL. */
void *image_record(const struct fh_live *image, enum image_table table, uint32_t index);

/* Copies an image but for its sequence and what readers write, to one of the same length. */
void image_copy(struct fh_live *to, const struct fh_live *from);

#endif
