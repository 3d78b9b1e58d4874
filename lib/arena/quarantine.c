/* SPDX-License-Identifier: MIT */
#include "quarantine.h"

#include "../config.h"
#include "../superslab/pool.h"
#include "../superslab/registry.h"
#include "../superslab/slab.h"

#define QUARANTINE_BLOCKS 4096u
#define AHEAD             8u /* a block is fetched when so many others are to be looked at before it */

/* A ring. All of it owner only. */
struct quarantine {
    struct block *link; /* of the pool */
    uint32_t first, count;
    uint64_t bytes;
    struct block *blocks[QUARANTINE_BLOCKS];
};

static struct pool pool = {.size = sizeof(struct quarantine)};

/* Its bytes, for others to see as well. */
static void set_bytes(struct arena *arena, uint64_t bytes) {
    arena->quarantine->bytes = bytes;
    atomic_store_explicit(&arena->counters.quarantined, bytes, memory_order_relaxed);
}

bool quarantine_add(struct arena *arena, struct block *block, size_t block_size) {
    if (config.quarantine == 0)
        return false;
    if (arena->quarantine == NULL)
        arena->quarantine = pool_take(&pool);
    struct quarantine *quarantine = arena->quarantine;
    if (quarantine == NULL)
        return false;
    quarantine->blocks[(quarantine->first + quarantine->count++) % QUARANTINE_BLOCKS] = block;
    set_bytes(arena, quarantine->bytes + block_size);
    return true;
}

struct block *quarantine_next(struct arena *arena, bool all) {
    struct quarantine *quarantine = arena->quarantine;
    if (quarantine == NULL || quarantine->count == 0)
        return NULL;
    if (!all && quarantine->bytes <= config.quarantine << 10 && quarantine->count < QUARANTINE_BLOCKS)
        return NULL;
    struct block *block = quarantine->blocks[quarantine->first];
    __builtin_prefetch(quarantine->blocks[(quarantine->first + AHEAD) % QUARANTINE_BLOCKS], 1);
    quarantine->first = (quarantine->first + 1) % QUARANTINE_BLOCKS;
    quarantine->count--;
    set_bytes(arena, quarantine->bytes - entry_slab(registry_entry(block))->block_size);
    return block;
}
