/* SPDX-License-Identifier: MIT */
#include "arena.h"

#include <errno.h>

#include "../config.h"
#include "../os.h"
#include "../remote/outbox.h"
#include "../report.h"
#include "../superslab/huge.h"
#include "../superslab/large.h"
#include "../superslab/purge.h"
#include "../superslab/registry.h"
#include "../superslab/size_class.h"
#include "../superslab/slab.h"
#include "guard.h"
#include "life.h"
#include "slabs.h"

#define CHECK_EVERY 64 /* refills between two checks at guard level 2 */

/* What is done now and then. */
static void tidy(struct arena *arena) {
    uint64_t now = os_clock();
    if (now - arena->tidied >= config.decay) {
        arena->tidied = now;
        slabs_give_up_empty(arena);
    }
    purge_tick(arena);
}

static int32_t room_of(unsigned class) {
    return (int32_t)((config.cache << 10) / size_class_bytes(class));
}

static void *refill(struct arena *arena, unsigned class) {
    slabs_exchange(arena);
    tidy(arena);
    struct slab *slab = slabs_find(arena, class);
    if (slab == NULL)
        return NULL;
    /* With guards on, the cache stays empty and without room: every call comes by a slow path. */
    bool guarded = config.guard != 0;
    struct chain chain = guarded ? slab_take_one(slab) : slab_take(slab);
    if (!slab_has_blocks(slab))
        slabs_arrange(arena, slab);
    arena->cache[class] = chain.first->next;
    arena->room[class] = guarded ? 0 : room_of(class);
    counter_add(&arena->counters.used[class], chain.count);
    counter_add(&arena->counters.refills, 1);
    if (config.guard >= 2 && arena->counters.refills % CHECK_EVERY == 0)
        guard_check(arena);
    return chain.first;
}

static void *allocate_small(struct arena *arena, unsigned class) {
    struct block *block = arena->cache[class];
    if (block == NULL)
        return refill(arena, class);
    arena->cache[class] = block->next;
    return block;
}

static void *allocate(struct arena *arena, size_t size, size_t alignment, bool *zero) {
    size_t rounded = (size + alignment - 1) & ~(alignment - 1);
    *zero = false;
    if (rounded <= SMALL_MAX)
        return allocate_small(arena, size_class(rounded));
    tidy(arena);
    if (size <= LARGE_MAX && alignment <= LARGE_MAX)
        return large_take(size, alignment, zero);
    return huge_take(size, alignment, zero);
}

void *arena_allocate(size_t size, size_t alignment, bool *zero) {
    void *block = NULL;
    if (size <= PTRDIFF_MAX && alignment <= PTRDIFF_MAX - size) {
        int error = errno;
        struct arena *arena = arena_enter();
        block = allocate(arena, size, alignment, zero);
        arena_leave(arena);
        if (unlikely(block == NULL) && arena != &late_arena) {
            /* What is kept, or waits for a grace period, may be what is missing. */
            arena_trim();
            purge_all();
            block = allocate(arena, size, alignment, zero);
        }
        errno = error;
    }
    if (unlikely(block == NULL))
        errno = ENOMEM;
    return block;
}

noinline void arena_free_uncached(struct arena *arena, struct slab *slab, struct block *block) {
    arena->room[slab->class] = 0;
    if (unlikely(config.guard != 0))
        guard_free(arena, slab, block);
    struct block *free = slab->free;
    block->next = free;
    slab->free = block;
    slab->used--;
    counter_add(&arena->counters.used[slab->class], -1);
    if (unlikely(slab->used == 0 || (free == NULL && slab->place == PLACE_FULL)))
        slabs_arrange(arena, slab);
}

static void free_remote(struct slab *slab, struct block *block) {
    struct arena *arena = arena_enter_to_free();
    if (unlikely(config.guard != 0))
        guard_free(NULL, slab, block);
    if (unlikely(atomic_load_explicit(&slab->owner, memory_order_relaxed) == arena))
        arena_free_uncached(arena, slab, block);
    else if (outbox_add(arena, slab, block))
        slabs_arrange_won(arena);
    arena_leave(arena);
}

static noreturn void refuse(const char *call, const void *address) {
    const struct slab *slab = registry_find(address);
    const struct slab *granule = registry_find((const void *)((uintptr_t)address & ~(GRANULE - 1)));
    const struct arena *owner = atomic_load_explicit(&slab->owner, memory_order_relaxed);
    if (owner == OWNER_NOWHERE)
        owner = atomic_load_explicit(&granule->owner, memory_order_relaxed);
    if (owner == OWNER_NOWHERE)
        report_misuse(call, address,
                      "not a block of this allocator: it is of the stack, static, mapped, of another "
                      "allocator, or was freed long ago. Use what malloc returned.");
    if (owner == OWNER_FREE)
        report_misuse(call, address, "already freed, or never allocated. Look for two owners of the block.");
    report_misuse(call, address, "inside a block, not its start. Use what malloc returned.");
}

/* The slab of an address of which nothing is known. */
static struct slab *slab_of(const void *address) {
    return (uintptr_t)address >> ADDRESS_BITS == 0 ? registry_slab(address) : &slab_nowhere;
}

static bool is_small(const struct arena *owner) {
    return owner == OWNER_NONE || owner > OWNER_HUGE;
}

static void free_other(struct slab *slab, const struct arena *owner, void *address, const char *call) {
    int error = errno;
    bool given = false;
    if (owner == OWNER_LARGE && slab->start == address)
        given = large_give(slab);
    else if (owner == OWNER_HUGE && slab->start == address)
        given = huge_give(huge_of(slab));
    if (!given)
        refuse(call, address);
    purge_tick(self);
    errno = error;
}

noinline void arena_free_elsewhere(void *address, const char *call) {
    struct slab *slab = slab_of(address);
    const struct arena *owner = atomic_load_explicit(&slab->owner, memory_order_relaxed);
    if (likely(is_small(owner)))
        free_remote(slab, address);
    else if (address != NULL)
        free_other(slab, owner, address, call);
}

size_t arena_block_size(const void *address, const char *call) {
    struct slab *slab = slab_of(address);
    const struct arena *owner = atomic_load_explicit(&slab->owner, memory_order_relaxed);
    if (likely(is_small(owner)) && slab_holds_block(slab, address))
        return slab->block_size;
    if (owner == OWNER_LARGE && slab->start == address)
        return slab->block_size;
    if (owner == OWNER_HUGE && slab->start == address)
        return huge_of(slab)->extent.length;
    refuse(call, address);
}

void *arena_resize(void *address, size_t size) {
    struct slab *slab = slab_of(address);
    const struct arena *owner = atomic_load_explicit(&slab->owner, memory_order_relaxed);
    int error = errno;
    void *resized = NULL;
    if (owner == OWNER_LARGE && size > SMALL_MAX && size <= LARGE_MAX)
        resized = large_resize(slab, size) ? address : NULL;
    else if (owner == OWNER_HUGE && size > LARGE_MAX && size <= PTRDIFF_MAX)
        resized = huge_resize(huge_of(slab), size);
    errno = error;
    return resized;
}

void arena_check(void) {
    struct arena *arena = arena_enter();
    guard_check(arena);
    arena_leave(arena);
}
