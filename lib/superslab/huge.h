/* SPDX-License-Identifier: MIT
 *
 * Huge blocks: over LARGE_MAX, or aligned to more. Each has granules of its own, and is registered for each;
 * one over HUGE_MAX has a mapping. */
#ifndef FREEHOLD_HUGE_H
#define FREEHOLD_HUGE_H

#include "../types.h"

/* The descriptor of a slab whose owner is OWNER_HUGE. */
static inline struct huge *huge_of(struct slab *slab) {
    return (struct huge *)((char *)slab - offsetof(struct huge, slab));
}

/* A huge block of at least size bytes at a multiple of alignment. *zero says whether it reads as zero. NULL
 * if there is no memory. */
void *huge_take(size_t size, size_t alignment, bool *zero);

/* One that was freed lately, if there is one of that length; else NULL. */
void *huge_take_recent(size_t size);

/* Frees a huge block. false if another thread has freed it meanwhile. */
bool huge_give(struct huge *huge);

/* Makes a huge block longer or shorter without copying it; it may move. NULL if it cannot, and the block
 * is as it was. */
void *huge_resize(struct huge *huge, size_t size);

/* The block is no profiled one any more, if it was. */
void huge_unprofile(struct huge *huge);

#endif
