/* SPDX-License-Identifier: MIT */
#include "arena.h"

#include <errno.h>

#include "../config.h"
#include "../memcheck.h"
#include "../os.h"
#include "../remote/outbox.h"
#include "../report.h"
#include "../superslab/huge.h"
#include "../superslab/large.h"
#include "../superslab/limbo.h"
#include "../superslab/purge.h"
#include "../superslab/registry.h"
#include "../superslab/size_class.h"
#include "../superslab/slab.h"
#include "../superslab/superslab.h"
#include "cache.h"
#include "guard.h"
#include "life.h"
#include "slabs.h"

#define CHECK_EVERY 64 /* refills between two checks at guard level 2 */

/* What is done now and then, wherever a slow path ends or begins. */
static void tidy(struct arena *arena) {
    uint64_t now = os_clock();
    if (now - arena->tidied >= config.decay) {
        arena->tidied = now;
        outbox_flush(arena);
        slabs_receive(arena);
        if (arena_has_cache(arena))
            cache_flush_idle();
        slabs_give_up_empty(arena);
    }
    purge_tick();
}

static void *refill(struct arena *arena, unsigned class) {
    slabs_receive(arena);
    tidy(arena);
    struct slab *slab = slabs_find(arena, class);
    if (slab == NULL)
        return NULL;
    struct chain chain = arena_has_cache(arena) ? slab_take(slab) : slab_take_one(slab);
    if (!slab_has_blocks(slab))
        slabs_arrange(arena, slab);
    if (arena_has_cache(arena))
        cache_fill(class, (struct chain){chain.first->next, chain.count - 1});
    counter_add(&arena->counters.used[class], chain.count);
    counter_add(&arena->counters.refills, 1);
    if (config.guard >= 2 && arena->counters.refills % CHECK_EVERY == 0)
        guard_check(arena);
    return chain.first;
}

static void *allocate_small(struct arena *arena, unsigned class) {
    if (!arena_has_cache(arena))
        return refill(arena, class);
    struct block *block = thread.cache[class];
    if (block == NULL) {
        block = thread.spare[class];
        thread.spare[class] = NULL;
        if (block == NULL)
            return refill(arena, class);
    }
    thread.cache[class] = block->next;
    return block;
}

static void *allocate(struct arena *arena, size_t size, size_t alignment, bool *zero) {
    size_t rounded = (size + alignment - 1) & ~(alignment - 1);
    *zero = false;
    if (rounded <= SMALL_MAX)
        return allocate_small(arena, (unsigned)size_class(rounded));
    tidy(arena);
    if (size <= LARGE_MAX && alignment <= LARGE_MAX)
        return large_take(size, alignment, zero);
    return huge_take(size, alignment, zero);
}

/* Whether what is kept, or free, or waits for a grace period may be what is missing. */
static bool may_be_found(size_t size) {
    return size <= huge_kept_bytes() + limbo_bytes() + superslabs_now() * SUPERSLAB;
}

void *arena_allocate(size_t size, size_t alignment, bool *zero) {
    void *block = NULL;
    if (size <= PTRDIFF_MAX && alignment <= PTRDIFF_MAX - size) {
        int error = errno;
        struct arena *arena = arena_enter();
        block = allocate(arena, size, alignment, zero);
        arena_leave(arena);
        if (unlikely(block == NULL) && arena != &late_arena && may_be_found(size)) {
            arena_trim();
            purge_all();
            block = allocate(arena, size, alignment, zero);
        }
        errno = error;
    }
    if (unlikely(block == NULL))
        errno = ENOMEM;
    else if (unlikely(memcheck_runs))
        memcheck_allocated(block, size, arena_block_size(block, "malloc"), *zero);
    return block;
}

/* A slab of the thread's was full, or has become empty. */
static noinline void slab_changed(struct slab *slab) {
    struct arena *arena = thread.arena;
    cache_settle(slab->class);
    slabs_arrange(arena, slab);
    slabs_receive(arena);
    tidy(arena);
}

noinline void arena_free_uncached(struct block *block, struct entry entry) {
    struct slab *slab = entry_slab(entry);
    unsigned class = slab->class;
    if (thread.spare[class] == NULL) {
        cache_set_aside(class);
        block->next = NULL;
        thread.cache[class] = block;
        thread.room[class].left--;
    } else if (unlikely(slab_push(slab, block)))
        slab_changed(slab);
}

/* The same for an arena without a cache: the late one, or any with guards. */
static void free_unbuffered(struct arena *arena, struct slab *slab, struct block *block) {
    counter_add(&arena->counters.used[slab->class], -1);
    if (slab_push(slab, block))
        slabs_arrange(arena, slab);
    slabs_receive(arena);
}

/* The huge block that an address is inside of, or NULL. */
static const struct slab *huge_around(const void *address) {
    struct slab *slab = registry_find((const void *)((uintptr_t)address & ~(GRANULE - 1)));
    if (slab == NULL || atomic_load_explicit(&slab->owner, memory_order_relaxed) != OWNER_HUGE)
        return NULL;
    const struct extent *extent = &huge_of(slab)->extent;
    return (size_t)((const char *)address - extent->base) < extent->length ? slab : NULL;
}

static noreturn void refuse(const char *call, const void *address) {
    const struct slab *slab = registry_find(address);
    if (slab == NULL)
        slab = huge_around(address);
    if (slab == NULL)
        report_misuse(call, address,
                      "not a block of this allocator: it is of the stack, static, mapped, of another "
                      "allocator, or was freed long ago. Use what malloc returned.");
    if (atomic_load_explicit(&slab->owner, memory_order_relaxed) == OWNER_FREE)
        report_misuse(call, address, "already freed, or never allocated. Look for two owners of the block.");
    report_misuse(call, address, "inside a block, not its start. Use what malloc returned.");
}

/* The slab of an address of which nothing is known; it may be that of a large or huge block. */
static struct slab *slab_of(const void *address, const char *call) {
    struct slab *slab = registry_find(address);
    if (unlikely(slab == NULL))
        refuse(call, address);
    return slab;
}

static bool is_small(const struct arena *owner) {
    return owner == OWNER_NONE || owner > OWNER_HUGE;
}

static void free_mapped(struct slab *slab, const struct arena *owner, void *address) {
    int error = errno;
    bool given = false;
    if (owner == OWNER_LARGE && slab->start == address)
        given = large_give(slab);
    else if (owner == OWNER_HUGE && slab->start == address)
        given = huge_give(huge_of(slab));
    if (!given)
        refuse("free", address);
    purge_tick();
    errno = error;
}

static noinline void push_remote(struct arena *arena, struct slab *slab, struct block *block) {
    outbox_add_and_push(arena, slab, block);
    if (slabs_receive(arena))
        tidy(arena);
}

static void free_small(struct slab *slab, void *address) {
    struct arena *arena = arena_enter_to_free();
    bool own = atomic_load_explicit(&slab->owner, memory_order_relaxed) == arena;
    if (config.guard != 0)
        guard_block("free", own ? arena : NULL, slab, address);
    if (own)
        free_unbuffered(arena, slab, address);
    else if (!outbox_add(arena, slab, address))
        push_remote(arena, slab, address);
    arena_leave(arena);
}

/* Whatever is not the remote free of a running thread. */
static cold void free_slowly(void *address) {
    if (address == NULL)
        return;
    if (unlikely(memcheck_runs))
        memcheck_freed(address);
    struct slab *slab = slab_of(address, "free");
    const struct arena *owner = atomic_load_explicit(&slab->owner, memory_order_relaxed);
    if (is_small(owner))
        free_small(slab, address);
    else
        free_mapped(slab, owner, address);
}

noinline void arena_free_elsewhere(void *address, struct entry entry) {
    struct arena *arena = thread.arena;
    if (unlikely(arena == &empty_arena ||
                 atomic_load_explicit(&entry.leaf->classes[entry.index], memory_order_relaxed) == CLASS_NONE))
        free_slowly(address);
    else if (unlikely(!outbox_add(arena, entry_slab(entry), address)))
        push_remote(arena, entry_slab(entry), address);
}

size_t arena_block_size(const void *address, const char *call) {
    struct slab *slab = slab_of(address, call);
    const struct arena *owner = atomic_load_explicit(&slab->owner, memory_order_relaxed);
    if (likely(is_small(owner)) && slab_holds_block(slab, address)) {
        if (config.guard != 0)
            guard_block(call, owner == thread.own ? owner : NULL, slab, address);
        return slab->block_size;
    }
    if (owner == OWNER_LARGE && slab->start == address)
        return slab->block_size;
    if (owner == OWNER_HUGE && slab->start == address)
        return huge_of(slab)->extent.length;
    refuse(call, address);
}

static void *grow_or_shrink(struct huge *huge, size_t size) {
    void *resized = huge_resize(huge, size);
    if (resized == NULL && thread.own != NULL && huge_kept_bytes() + limbo_bytes() != 0) {
        purge_all();
        resized = huge_resize(huge, size);
    }
    return resized;
}

void *arena_resize(void *address, size_t size) {
    struct slab *slab = slab_of(address, "realloc");
    const struct arena *owner = atomic_load_explicit(&slab->owner, memory_order_relaxed);
    int error = errno;
    void *resized = NULL;
    if (owner == OWNER_LARGE && size > SMALL_MAX && size <= LARGE_MAX)
        resized = large_resize(slab, size) ? address : NULL;
    else if (owner == OWNER_HUGE && size > LARGE_MAX && size <= PTRDIFF_MAX)
        resized = grow_or_shrink(huge_of(slab), size);
    errno = error;
    return resized;
}

void arena_check(void) {
    struct arena *arena = arena_enter();
    guard_check(arena);
    arena_leave(arena);
}
