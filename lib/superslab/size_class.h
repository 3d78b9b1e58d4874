/* SPDX-License-Identifier: MIT
 *
 * Size classes: multiples of 16 B to 128 B, then eight to each doubling, to SMALL_MAX. The size of a class
 * is a multiple of every power of two that divides the step to its neighbours, and slabs start accordingly,
 * so that rounding a size up to a multiple of an alignment is all that an aligned block needs. */
#ifndef FREEHOLD_SIZE_CLASS_H
#define FREEHOLD_SIZE_CLASS_H

#include "../types.h"

/* The class of every size up to SMALL_MAX, by the size in GRAIN, rounded up. */
extern const uint8_t size_class_table[SMALL_MAX / GRAIN + 1];

/* size is at most SMALL_MAX. */
static inline uintptr_t size_class(size_t size) {
    return size_class_table[(size + GRAIN - 1) / GRAIN];
}

/* A size as the class of its block has to hold it; 0 is a size of 1. */
static inline size_t size_rounded(size_t size, size_t alignment) {
    return ((size == 0) + size + alignment - 1) & ~(alignment - 1);
}

/* The block size of a class, in bytes, for tables. */
#define SIZE_CLASS_BYTES(class)                                                                              \
    ((class) <= 8 ? (class) * GRAIN : (GRAIN << (((class) - 9) / 8 & 31)) * (9 + ((class) - 9) % 8))

static inline size_t size_class_bytes(unsigned class) {
    return SIZE_CLASS_BYTES(class);
}

/* The units of a slab of a class. */
static inline unsigned size_class_units(unsigned class) {
    size_t bytes = size_class_bytes(class) * SLAB_BLOCKS;
    return bytes <= UNIT ? 1 : (unsigned)((bytes + UNIT - 1) / UNIT);
}

/* Fills the calling thread's part of it. Before that, every size is taken for CLASS_NONE, whose cache is
 * always empty. */
void size_class_start_thread(void);

#endif
