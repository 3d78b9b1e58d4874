/* SPDX-License-Identifier: MIT
 *
 * Places of huge blocks: granules of a region, or a mapping. */
#ifndef FREEHOLD_PLACE_H
#define FREEHOLD_PLACE_H

#include "../types.h"

/* Address space for a block of length bytes, a multiple of UNIT. *zero says whether it reads as zero. false
 * if there is none. */
bool place_take(struct huge *huge, size_t length, size_t alignment, bool *zero);

/* Gives it back. Until the granules are used or purged the registry says of them that they were freed. */
void place_give(const struct huge *huge);

/* Registers slab for each granule of length bytes, or NULL; or that they were freed. */
void place_register(const char *base, size_t length, struct slab *slab);
void place_register_freed(const char *base, size_t length);

/* Descriptors of huge blocks, which are recycled as such. NULL if there is no memory. */
struct huge *huge_describe(void);
void huge_forget(struct huge *huge);

/* A freed block's place and descriptor go back. */
void huge_release(struct huge *huge);

/* Bytes of blocks that have places; more of them. */
uint64_t placed_bytes(void);
void placed_add(size_t bytes);

#endif
