/* SPDX-License-Identifier: MIT */
#include "place.h"

#include "../os.h"
#include "pool.h"
#include "region.h"
#include "registry.h"
#include "space.h"

static struct pool pool = {.size = sizeof(struct huge)};
static struct slab freed = {.owner = OWNER_FREE}; /* what is registered where a huge block was freed */
static _Atomic uint64_t placed;                   /* bytes */

struct huge *huge_describe(void) {
    return pool_take(&pool);
}

void huge_forget(struct huge *huge) {
    pool_give(&pool, huge);
}

void place_register(const char *base, size_t length, struct slab *slab) {
    for (size_t offset = 0; offset < length; offset += GRANULE)
        registry_set(base + offset, slab);
}

void place_register_freed(const char *base, size_t length) {
    place_register(base, length, &freed);
}

static char *map(size_t length, size_t alignment) {
    if (!space_take(length))
        return NULL;
    char *base = os_map_aligned(length, alignment);
    if (base != NULL && registry_prepare(base, length))
        return base;
    if (base != NULL)
        os_unmap(base, length);
    space_give(length);
    return NULL;
}

/* The kernel may refuse, for a mapping that is split makes one more: then only the address space is lost. */
static void unmap(char *base, size_t length) {
    if (!os_unmap(base, length))
        os_purge(base, length);
    space_give(length);
}

bool place_take(struct huge *huge, size_t length, size_t alignment, bool *zero) {
    uint64_t dirty = 0;
    bool is_alone = length > HUGE_MAX || alignment > HUGE_MAX;
    huge->granules = (struct granules){.region = NULL};
    if (is_alone)
        huge->base = map(length, alignment);
    else
        huge->base = region_take(length, alignment, &huge->granules, &dirty)
                         ? granules_address(&huge->granules)
                         : NULL;
    huge->length = length;
    *zero = dirty == 0;
    return huge->base != NULL;
}

void place_give(const struct huge *huge) {
    if (huge->granules.region != NULL) {
        place_register_freed(huge->base, huge->length);
        region_give(&huge->granules);
    } else {
        place_register(huge->base, huge->length, NULL);
        unmap(huge->base, huge->length);
    }
}

uint64_t placed_bytes(void) {
    return atomic_load_explicit(&placed, memory_order_relaxed);
}

void placed_add(size_t bytes) {
    atomic_fetch_add_explicit(&placed, bytes, memory_order_relaxed);
}

void huge_release(struct huge *huge) {
    placed_add(-huge->length);
    place_give(huge);
    huge_forget(huge);
}
