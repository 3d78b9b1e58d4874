/* SPDX-License-Identifier: MIT
 *
 * Slabs: made from units, taken from and given to by their owner. */
#ifndef FREEHOLD_SLAB_H
#define FREEHOLD_SLAB_H

#include "../types.h"

/* A chain of blocks, linked through next. */
struct chain {
    struct block *first;
    struct block *last; /* NULL if nobody has walked it */
    uint32_t count;
};

/* Where the first block of a slab of a class is, in bytes from the start of its unit. */
size_t slab_offset(unsigned unit, size_t block_size);

/* A new slab of a class, owned by owner, with all blocks uncarved; NULL if there is no memory. */
struct slab *slab_make(struct arena *owner, unsigned class);

/* A slab of mine with used 0 comes to its end in two steps: from the first on nobody claims it and nothing
 * is posted to me on its account; the second gives back its units, and nobody may look at it afterwards. */
void slab_close(struct slab *slab);
void slab_give_units(struct slab *slab);

/* Fetches the cache lines of a slab's blocks. */
void slab_fetch(const struct slab *slab);

/* Takes the free list if that has not more than most blocks, else as many of it as are wanted; or carves some
 * if there is none. The chain is empty if the slab is full. */
struct chain slab_take(struct slab *slab, uint32_t wanted, uint32_t most);

/* Of a slab of mine: how many of its blocks are in use, for others to see. */
static inline void slab_set_used(struct slab *slab, uint32_t used) {
    __atomic_store_n(&slab->used, used, __ATOMIC_RELAXED);
}

/* Puts a block on the free list. Says whether the slab belongs in another list now: it was full, or has
 * become empty. */
static inline bool slab_push(struct slab *slab, struct block *block) {
    struct block *free = slab->free;
    block->next = free;
    slab->free = block;
    uint32_t used = slab->used - 1;
    slab_set_used(slab, used);
    return used == 0 || (free == NULL && slab->place == PLACE_FULL);
}

/* Puts a chain on the free list. */
static inline void slab_push_chain(struct slab *slab, struct chain chain) {
    chain.last->next = slab->free;
    slab->free = chain.first;
    slab_set_used(slab, slab->used - chain.count);
}

/* In which of the orphans' lists of its class a slab of mine belongs, by how full it is; and whether that is
 * the one it was in last. */
static inline unsigned slab_bin(const struct slab *slab) {
    return slab->used * ORPHAN_BINS / (slab->capacity + 1);
}

static inline bool slab_is_in_bin(const struct slab *slab) {
    return slab->used * ORPHAN_BINS - slab->bin * (slab->capacity + 1) <= slab->capacity;
}

static inline bool slab_has_blocks(const struct slab *slab) {
    return slab->free != NULL || slab->carved < slab->capacity;
}

/* Whether address is that of a carved block of the slab. Reads only what is constant for the slab's life
 * unless the slab is mine. */
bool slab_holds_block(const struct slab *slab, const void *address);

/* Checks the free list and the counters of a slab of mine, and stops the process if they are broken. */
void slab_check(const struct slab *slab);

/* Whether the free list and the counters agree, of a slab whose last owner may be in the middle of an edit
 * for ever. */
bool slab_is_whole(const struct slab *slab);

#endif
