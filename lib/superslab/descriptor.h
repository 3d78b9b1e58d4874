/* SPDX-License-Identifier: MIT
 *
 * Descriptors of SuperSlabs: from a slab to its SuperSlab and back. */
#ifndef FREEHOLD_DESCRIPTOR_H
#define FREEHOLD_DESCRIPTOR_H

#include "../types.h"

/* The descriptor that a slab is part of. */
static inline struct superslab *superslab_of(const struct slab *slab) {
    return (struct superslab *)((char *)(slab - slab->unit) - offsetof(struct superslab, slabs));
}

/* The address of a unit. */
static inline char *unit_address(const struct slab *slab) {
    return superslab_of(slab)->base + slab->unit * UNIT;
}

/* What posted of a slab holds while it is in an inbox. Another number in the child of a fork, so that nothing
 * is posted there. */
extern uint32_t post_mark;

/* A descriptor, new or recycled; NULL if there is no memory. */
struct superslab *descriptor_take(void);

/* Recycles a descriptor that nobody can look at any more. */
void descriptor_give(struct superslab *superslab);

#endif
