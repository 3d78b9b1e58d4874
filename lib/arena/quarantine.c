/* SPDX-License-Identifier: MIT */
#include "quarantine.h"

#include "../config.h"
#include "../superslab/large.h"
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

/* A run is counted as one that the thread keeps, since nobody has it. */
static size_t length_of(const struct slab *slab) {
    return quarantine_is_run(slab) ? large_size(slab) : slab->block_size;
}

static void count(struct arena *arena, const struct slab *slab, size_t bytes) {
    if (quarantine_is_run(slab))
        counter_add(&arena->runs.held, bytes);
    else
        counter_add(&arena->counters.quarantined, bytes);
    arena->quarantine->bytes += bytes;
}

bool quarantine_add(struct arena *arena, const struct slab *slab, struct block *block) {
    if (config.quarantine == 0 || (quarantine_is_run(slab) && length_of(slab) > config.quarantine << 10))
        return false;
    if (arena->quarantine == NULL)
        arena->quarantine = pool_take(&pool);
    struct quarantine *quarantine = arena->quarantine;
    if (quarantine == NULL)
        return false;
    quarantine->blocks[(quarantine->first + quarantine->count++) % QUARANTINE_BLOCKS] = block;
    count(arena, slab, length_of(slab));
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
    const struct slab *slab = entry_slab(registry_entry(block));
    count(arena, slab, -length_of(slab));
    return block;
}
