/* SPDX-License-Identifier: MIT */
#include "arena.h"

#include <errno.h>

#include "../config.h"
#include "../memcheck.h"
#include "../os.h"
#include "../probe.h"
#include "../profile/profiled.h"
#include "../remote/outbox.h"
#include "../sample.h"
#include "../superslab/closed.h"
#include "../superslab/filling.h"
#include "../superslab/huge.h"
#include "../superslab/large.h"
#include "../superslab/purge.h"
#include "../superslab/region.h"
#include "../superslab/registry.h"
#include "../superslab/reservation.h"
#include "../superslab/size_class.h"
#include "../superslab/slab.h"
#include "../superslab/superslab.h"
#include "../superslab/verdict.h"
#include "arenas.h"
#include "cache.h"
#include "cuts.h"
#include "guard.h"
#include "life.h"
#include "quarantine.h"
#include "runs.h"
#include "slabs.h"

/* How a block is freed:
 *
 *   slab's owner     the class's cache              by                      to
 *   ---------------  -----------------------------  ----------------------  -----------------------------
 *   me               has room                       fast_free               the cache
 *   me               has none, may be set aside     arena_free_uncached     a new cache
 *   me               has none                       arena_free_uncached     the slab's free list
 *   nobody           is used                        free_ownerless          the slab is claimed; as above
 *   nobody           is not used                    arena_free_elsewhere    the outbox
 *   another          any                            arena_free_elsewhere    the outbox
 *   another, nobody  any; the outbox has no room    free_without_room       a new outbox
 *   any              there is none [1]              free_small              the free list or the outbox
 *   a run            the thread's runs have room    free_unclassed          them
 *   huge             -                              free_huge [1]           those freed last, its granules
 *   a run            they have none [1]             free_mapped             its units
 *
 * [1] The thread works as the late arena, or guards or memcheck want to see every call. */

#define CHECK_EVERY 4096 /* refills between two checks of a slab at guard level 2 */

/* A thread that only frees may sleep after any free, and leaves little then. */
static void shrink(struct arena *arena) {
    if (arena_has_cache(arena)) {
        cache_flush();
        runs_flush();
    }
    slabs_exchange(arena);
    slabs_give_up_empty(arena);
}

/* What is done now and then, wherever a slow path ends or begins. */
static cold void tidy_now(struct arena *arena) {
    uint64_t now = os_clock();
    arena->until_tidy = TIDY_BLOCKS;
    arena->is_tidying = true;
    if (slabs_shrink(arena))
        shrink(arena);
    if (now - arena->tidied >= config.decay) {
        arena->tidied = now;
        if (arena_has_cache(arena)) {
            cache_flush_idle();
            runs_flush_idle();
        }
        slabs_exchange(arena);
        slabs_give_up_empty(arena);
    }
    arena->is_tidying = false;
    purge_tick();
}

/* After so many blocks that passed a slow path, or for which it stands. */
static inline void tidy(struct arena *arena, int32_t blocks) {
    arena->until_tidy -= blocks;
    if (unlikely(arena->until_tidy < 0))
        tidy_now(arena);
}

/* Blocks of one slab, be they few: those of a second one would be touched long before they are wanted. */
static struct chain take_blocks(struct arena *arena, unsigned class, uint32_t wanted, uint32_t most) {
    struct slab *slab = slabs_find(arena, class);
    if (slab == NULL) {
        /* What others wait for goes to them before more memory is taken. */
        slabs_exchange(arena);
        slab = slabs_find(arena, class);
        if (slab == NULL)
            slab = slabs_make(arena, class);
        if (slab == NULL)
            return (struct chain){NULL, NULL, 0};
    }
    struct chain chain = slab_take(slab, wanted, most);
    slabs_used(arena, slab);
    counter_add(&arena->counters.used[class], chain.count);
    return chain;
}

static void *refill(struct arena *arena, unsigned class) {
    slabs_receive(arena);
    bool has_cache = arena_has_cache(arena);
    uint32_t wanted = has_cache ? cache_demand(class) : 1;
    struct chain chain = take_blocks(arena, class, wanted, has_cache ? FILL_MOST * wanted : 1);
    slabs_receive(arena); /* what was let go for others may come back */
    if (chain.count == 0)
        return NULL;
    if (has_cache)
        cache_fill(class, (struct chain){chain.first->next, NULL, chain.count - 1});
    chain.first->mark = 0;
    counter_add(&arena->counters.refills, 1);
    probe3(refill, size_class_bytes(class), chain.count, chain.first);
    arena->until_sample -= chain.count;
    tidy(arena, (int32_t)chain.count);
    if (config.guard >= 2 && arena->counters.refills % CHECK_EVERY == 0)
        guard_check_one(arena);
    return chain.first;
}

static void *allocate_small(struct arena *arena, unsigned class) {
    if (!arena_has_cache(arena))
        return refill(arena, class);
    struct block *block = cache_first(class);
    if (block == NULL) {
        block = thread.own->stock->spare[class];
        thread.own->stock->spare[class] = NULL;
        if (block == NULL)
            return refill(arena, class);
    }
    thread.cache[class] = block->next;
    block->mark = 0;
    return block;
}

/* A small block at guard level 2, with a filling behind size bytes. What it is filled with was written when
 * it became free. */
static void *allocate_filled(struct arena *arena, unsigned class, size_t size) {
    struct block *block = refill(arena, class);
    if (block == NULL)
        return NULL;
    if (!filling_is_whole(block, size_class_bytes(class)))
        verdict_damage("malloc", block, WRITTEN_AFTER_FREE, NULL);
    filling_begin(block, size_class_bytes(class), size);
    return block;
}

/* Whether a block is to be a run. Where address space is scarce, a longer one is, too: it would leave the
 * rest of a granule. */
static bool is_large(size_t size, size_t alignment) {
    return alignment <= LARGE_MAX && (size <= LARGE_USUAL || (size <= LARGE_MAX && space_is_scarce()));
}

static void *allocate_mapped(struct arena *arena, size_t size, size_t alignment, bool *zero) {
    tidy(arena, TIDY_LARGE);
    if (!is_large(size, alignment)) {
        void *block = huge_take(size, alignment, zero);
        if (block != NULL || !is_large(size, alignment)) /* space may have become scarce by that */
            return block;
    }
    if (arena_has_cache(arena))
        runs_yield(size);
    return large_take(size, alignment, zero);
}

/* Bytes of a large or huge block. */
static size_t mapped_size(struct slab *slab) {
    bool is_large = atomic_load_explicit(&slab->owner, memory_order_relaxed) == OWNER_LARGE;
    return is_large ? large_size(slab) : huge_of(slab)->length;
}

/* At guard level 2. */
static void *allocate_guarded(struct arena *arena, size_t size, size_t alignment, bool *zero) {
    size_t longer = (size + TRAILER + alignment - 1) & ~(alignment - 1);
    if (longer <= SMALL_MAX)
        return allocate_filled(arena, (unsigned)size_class(longer), size);
    void *block = allocate_mapped(arena, size + LARGE_TRAILER, alignment, zero);
    if (block != NULL)
        filling_begin_large(block, mapped_size(registry_find(block)), size);
    return block;
}

static void *allocate(struct arena *arena, size_t size, size_t alignment, bool *zero) {
    *zero = false;
    if (unlikely(config.guard >= 2))
        return allocate_guarded(arena, size, alignment, zero);
    size_t rounded = size_rounded(size, alignment);
    if (rounded <= SMALL_MAX)
        return allocate_small(arena, (unsigned)size_class(rounded));
    return allocate_mapped(arena, (size == 0) + size, alignment, zero);
}

/* Whether what is kept, or free, or closed, or waits for a grace period may be what is missing. */
static bool may_be_found(size_t size) {
    uint64_t in_use = region_used_bytes() - closed_bytes();
    return size <= region_reserved_bytes() - in_use + superslabs_now() * SUPERSLAB;
}

/* A block from the thread's runs, or NULL. */
static void *allocate_run(size_t size) {
    struct slab *slab = runs_take(size);
    if (slab == NULL)
        return NULL;
    if (unlikely(runs_are_due()))
        tidy_now(thread.arena);
    return slab->run.start;
}

/* A block that is kept for such a use. */
static void *allocate_kept(size_t size, size_t alignment) {
    if (size <= SMALL_MAX || thread.arena == &empty_arena)
        return NULL;
    void *run = size <= LARGE_MAX && alignment <= UNIT ? allocate_run(size) : NULL;
    if (run != NULL || size <= LARGE_USUAL)
        return run;
    return size <= HUGE_MAX && alignment <= GRANULE ? huge_take_recent(size) : NULL;
}

cold void *arena_refuse(size_t size, size_t alignment) {
    probe2(no_memory, size, alignment);
    errno = ENOMEM;
    return NULL;
}

void *arena_allocate(size_t size, size_t alignment, bool *zero) {
    void *block = allocate_kept(size, alignment);
    if (likely(block != NULL)) {
        *zero = false;
        return block;
    }
    if (size <= PTRDIFF_MAX - LARGE_TRAILER && alignment <= PTRDIFF_MAX - LARGE_TRAILER - size) {
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
        return arena_refuse(size, alignment);
    if (unlikely(memcheck_runs))
        memcheck_allocated(block, size, arena_block_size(block, "malloc", NULL), *zero);
    return block;
}

cold void arena_free_refused(void *address) {
    verdict_report("free", address, __builtin_return_address(0));
}

/* A slab of the thread's was full, or has become empty. */
static noinline void slab_changed(struct slab *slab) {
    struct arena *arena = thread.arena;
    cache_settle(slab->class);
    slabs_arrange(arena, slab);
    slabs_receive(arena);
    tidy(arena, TIDY_CHANGE);
}

static noinline void set_aside_and_cache(struct arena *arena, unsigned class, struct block *block) {
    cache_set_aside(class);
    if (unlikely(--thread.room[class].left < 0))
        cuts_push(class, block);
    else {
        block->next = NULL;
        thread.cache[class] = block;
    }
    slabs_receive(arena);
    tidy(arena, thread.room[class].quota);
}

/* The registry says the class, so that what is cached touches no descriptor. */
noinline void arena_free_uncached(struct block *block, struct entry entry) {
    unsigned class = atomic_load_explicit(&entry.leaf->classes[entry.index], memory_order_relaxed);
    if (unlikely(cuts_are_due(class)))
        cuts_push(class, block);
    else if (cache_can_be_set_aside(class)) {
        thread.room[class].left++; /* this free has found no room yet */
        set_aside_and_cache(thread.arena, class, block);
    } else if (unlikely(slab_push(entry_slab(entry), block)))
        slab_changed(entry_slab(entry));
}

/* The same for an arena without a cache: the late one, or any with guards. */
static void free_unbuffered(struct arena *arena, struct slab *slab, struct block *block) {
    counter_add(&arena->counters.used[slab->class], -1);
    if (slab_push(slab, block))
        slabs_arrange(arena, slab);
    slabs_receive(arena);
}

static bool is_small(const struct arena *owner) {
    return owner == OWNER_NONE || owner > OWNER_HUGE;
}

/* At guard level 2: whether nothing is written beyond a large or huge block. What is damaged is left alone.
 */
static bool is_mapped_whole(struct slab *slab, const struct arena *owner, const char *call,
                            const void *address, const void *site) {
    bool is_start = owner == OWNER_LARGE ? large_start(slab) == address
                                         : owner == OWNER_HUGE && huge_of(slab)->base == address;
    size_t size;
    if (!is_start || filling_size_large(address, mapped_size(slab), &size))
        return true;
    verdict_damage(call, address, WRITTEN_BEYOND, site);
    return false;
}

static void make_room_and_add(struct arena *arena, unsigned class, void *block) {
    int error = errno;
    int32_t count = (int32_t)arena->outbox_count;
    outbox_add_anyway(arena, class, block, arenas_share());
    slabs_receive(arena);
    tidy(arena, count);
    errno = error;
}

/* A marked block. The outbox marks it again when it is pushed. */
static void free_by_outbox(struct arena *arena, unsigned class, struct block *block) {
    block->mark = 0;
    if (!outbox_add(arena, class, block))
        make_room_and_add(arena, class, block);
}

static void give(struct arena *arena, struct slab *slab, struct block *block) {
    if (atomic_load_explicit(&slab->owner, memory_order_relaxed) == arena) {
        block->mark = block_mark(registry_entry(block), block);
        free_unbuffered(arena, slab, block);
    } else
        free_by_outbox(arena, slab->class, block);
}

static void free_small(struct slab *slab, struct block *block) {
    struct arena *arena = arena_enter_to_free();
    give(arena, slab, block);
    arena_leave(arena);
}

static void release_run(struct slab *slab) {
    if (!filling_is_whole_large(large_start(slab), large_size(slab)))
        verdict_damage("free", large_start(slab), WRITTEN_AFTER_FREE, NULL);
    large_release(slab);
}

/* Blocks whose time in the quarantine is over, or all. */
static void release_some(struct arena *arena, bool all) {
    for (struct block *block; (block = quarantine_next(arena, all)) != NULL;) {
        struct slab *slab = entry_slab(registry_entry(block));
        if (quarantine_is_run(slab)) {
            release_run(slab);
            continue;
        }
        if (block->next != NULL || block->mark != block_mark(registry_entry(block), block) ||
            !filling_is_whole(block, slab->block_size)) {
            verdict_damage("free", block, WRITTEN_AFTER_FREE, NULL);
            filling_end(block, slab->block_size);
        }
        give(arena, slab, block);
    }
}

void arena_release_quarantine(struct arena *arena) {
    release_some(arena, true);
}

/* Whether nothing is written beyond a block, or before it. */
static bool is_whole(const struct slab *slab, const char *block, const void *site) {
    size_t size;
    if (!filling_size(block, slab->block_size, &size)) {
        verdict_damage("free", block, WRITTEN_BEYOND, site);
        return false;
    }
    if (!filling_ends(block - slab->block_size, slab->block_size)) {
        verdict_damage("free", block, WRITTEN_BEFORE, site);
        return false;
    }
    return true;
}

/* At guard level 2. What is damaged is left alone. */
static void free_filled(struct slab *slab, struct block *block, const void *site) {
    if (!is_whole(slab, (const char *)block, site))
        return;
    filling_end(block, slab->block_size);
    *block = (struct block){NULL, block_mark(registry_entry(block), block)};
    struct arena *arena = arena_enter_to_free();
    if (arena == &late_arena || !quarantine_add(arena, slab, block))
        give(arena, slab, block);
    else
        release_some(arena, false);
    arena_leave(arena);
}

/* At guard level 2. false if the run is longer than the quarantine. */
static bool hold_run(struct slab *slab) {
    struct arena *arena = arena_enter_to_free();
    bool is_held = arena != &late_arena && quarantine_add(arena, slab, (struct block *)large_start(slab));
    if (is_held) {
        filling_end_large(large_start(slab), large_size(slab));
        release_some(arena, false);
    }
    arena_leave(arena);
    return is_held;
}

/* The thread keeps the run, or it goes back. */
static bool free_large(struct slab *slab) {
    if (!large_end(slab))
        return false;
    if (config.guard >= 2 && hold_run(slab))
        return true;
    if (thread.arena == &empty_arena || !runs_keep(slab)) {
        large_release(slab);
        purge_tick();
    }
    return true;
}

/* false if address is not that of a large or huge block. */
static bool free_mapped(struct slab *slab, const struct arena *owner, void *address, const void *site) {
    int error = errno;
    bool given = false;
    if (unlikely(config.guard >= 2) && !is_mapped_whole(slab, owner, "free", address, site))
        return true;
    if (owner == OWNER_LARGE && large_start(slab) == address)
        given = free_large(slab);
    else if (owner == OWNER_HUGE && huge_of(slab)->base == address && huge_give(huge_of(slab))) {
        purge_tick();
        given = true;
    }
    errno = error;
    return given;
}

/* false if address is not that of a live block. What is wrong is said later, without a lock. */
static bool free_any(void *address, void *const *frame, const void *site) {
    struct slab *slab = registry_find(address);
    if (slab == NULL)
        return sample_give(address, frame, site) || profiled_give(address);
    const struct arena *owner = atomic_load_explicit(&slab->owner, memory_order_relaxed);
    if (!is_small(owner))
        return free_mapped(slab, owner, address, site);
    struct entry entry = registry_entry(address);
    if (!block_is_live(entry, slab->class, address))
        return false;
    if (config.guard >= 2)
        free_filled(slab, address, site);
    else
        free_small(slab, address);
    return true;
}

/* Whatever is not the remote free of a running thread. */
static cold void free_slowly(void *address) {
    if (address == NULL)
        return;
    if (unlikely(memcheck_runs))
        memcheck_freed(address);
    memcheck_pause(); /* the block is looked at */
    bool is_done = free_any(address, __builtin_frame_address(0), __builtin_return_address(0));
    memcheck_resume();
    if (!is_done)
        verdict_report("free", address, __builtin_return_address(0));
}

static bool free_huge(struct slab *slab, const void *address) {
    struct arena *arena = thread.arena;
    struct huge *huge = huge_of(slab);
    int error = errno;
    if (arena == &empty_arena || config.decay == 0 || huge->base != address || !huge_give(huge))
        return false;
    tidy(arena, TIDY_LARGE);
    errno = error;
    return true;
}

/* A run that the thread keeps, as a rule, or a huge block. */
static noinline void free_unclassed(void *address, struct entry entry) {
    struct slab *slab = entry_slab(entry);
    const struct arena *owner =
        slab == NULL ? OWNER_FREE : atomic_load_explicit(&slab->owner, memory_order_relaxed);
    bool is_kept = owner == OWNER_LARGE ? slab->run.start == address && runs_push(slab)
                                        : owner == OWNER_HUGE && free_huge(slab, address);
    if (unlikely(!is_kept))
        free_slowly(address);
}

/* The outbox has no room, as it never has for what is no small block, nor that of a thread without an arena.
 */
static noinline void free_without_room(struct arena *arena, unsigned class, void *address) {
    if (arena == &empty_arena || class == CLASS_NONE)
        free_slowly(address);
    else
        make_room_and_add(arena, class, address);
}

/* Whether a block of a slab that nobody owns may be more to the thread than one for its outbox. A thread that
 * forks has its caches and no arena. */
static bool may_stay(const struct arena *arena, unsigned class) {
    return arena != &empty_arena && (thread.room[class].left > 0 || slabs_have_room(arena) ||
                                     cache_can_be_set_aside(class) || unlikely(cuts_are_due(class)));
}

/* A block of a slab that nobody owns, in a class that the thread uses: it becomes the owner if it may. Else
 * it caches the block all the same, or leaves it to the outbox, which touches many at a time. */
static noinline void free_ownerless(struct arena *arena, unsigned class, struct block *block,
                                    struct entry entry) {
    if (!may_stay(arena, class)) {
        if (!outbox_add(arena, class, block))
            free_without_room(arena, class, block);
        return;
    }
    if (unlikely(!block_is_live(entry, class, block))) {
        verdict_report("free", block, __builtin_return_address(0));
        return;
    }
    block->mark = block_mark(entry, block);
    bool is_own = slabs_have_room(arena) && slabs_claim(arena, entry_slab(entry));
    if (thread.room[class].left > 0) {
        thread.room[class].left--;
        block->next = thread.cache[class];
        thread.cache[class] = block;
    } else if (is_own || unlikely(cuts_are_due(class))) {
        thread.room[class].left--; /* as the fast half of free has done */
        arena_free_uncached(block, entry);
    } else if (cache_can_be_set_aside(class))
        set_aside_and_cache(arena, class, block);
    else
        free_by_outbox(arena, class, block);
}

noinline void arena_free_elsewhere(void *address, struct entry entry, const struct arena *owner) {
    struct arena *arena = thread.arena;
    uintptr_t class = atomic_load_explicit(&entry.leaf->classes[entry.index], memory_order_relaxed);
    if (owner == NULL && class == CLASS_NONE)
        free_unclassed(address, entry);
    else if (owner == NULL && thread.room[class].quota != 0)
        free_ownerless(arena, (unsigned)class, address, entry);
    else if (unlikely(!outbox_add(arena, class, address)))
        free_without_room(arena, (unsigned)class, address);
}

/* At guard level 2 what was asked for is all that may be used. A damaged one is told of when it is freed. */
static size_t small_size(const struct slab *slab, const void *block) {
    size_t size = slab->block_size;
    if (config.guard >= 2)
        filling_size(block, slab->block_size, &size);
    return size;
}

static size_t told_size(const void *block, size_t length) {
    size_t size = length;
    if (unlikely(config.guard >= 2) && !filling_size_large(block, length, &size))
        size = length - LARGE_TRAILER;
    return size;
}

/* Of a block that the registry does not know. */
static cold size_t unregistered_size(const void *address) {
    size_t size = sample_size(address);
    return size == NO_BLOCK ? profiled_size(address) : size;
}

/* The bytes of the block at address, or NO_BLOCK if it is not that of a live block. */
static size_t size_of(const void *address) {
    struct slab *slab = registry_find(address);
    if (slab == NULL)
        return unregistered_size(address);
    const struct arena *owner = atomic_load_explicit(&slab->owner, memory_order_relaxed);
    if (likely(is_small(owner)))
        return block_is_live(registry_entry(address), slab->class, address) ? small_size(slab, address)
                                                                            : NO_BLOCK;
    if (owner == OWNER_LARGE && large_start(slab) == address)
        return told_size(address, large_size(slab));
    if (owner == OWNER_HUGE && huge_of(slab)->base == address)
        return told_size(address, huge_of(slab)->length);
    return NO_BLOCK;
}

size_t arena_block_size(const void *address, const char *call, const void *site) {
    memcheck_pause();
    size_t size = size_of(address);
    memcheck_resume();
    if (unlikely(size == NO_BLOCK) && call != NULL)
        verdict_report(call, address, site);
    return size;
}

cold void arena_compare_size(const void *address, size_t size, const char *call, const void *site) {
    size_t known = address == NULL ? NO_BLOCK : size_of(address);
    if (known != NO_BLOCK && known != size)
        verdict_damage(call, address, FREED_WITH_SIZE, site);
}

cold void arena_compare_alignment(const void *address, size_t alignment, const char *call, const void *site) {
    bool fits = (alignment & (alignment - 1)) == 0 && ((uintptr_t)address & (alignment - 1)) == 0;
    if (!fits && size_of(address) != NO_BLOCK)
        verdict_damage(call, address, FREED_WITH_ALIGNMENT, site);
}

/* At guard level 2 a small block stays if it would be of the same class. What is damaged is told of when it
 * is freed. */
static void *resize_filled(const struct slab *slab, void *block, size_t size) {
    size_t before;
    if (size > SMALL_MAX - TRAILER || size_class(size + TRAILER) != slab->class ||
        !filling_size(block, slab->block_size, &before))
        return NULL;
    filling_begin(block, slab->block_size, size);
    return block;
}

void *arena_resize(void *address, size_t size) {
    struct slab *slab = registry_find(address);
    if (slab == NULL) /* a sample, or a profiled block */
        return NULL;
    const struct arena *owner = atomic_load_explicit(&slab->owner, memory_order_relaxed);
    int error = errno;
    void *resized = NULL;
    if (unlikely(config.guard >= 2) && is_small(owner))
        return resize_filled(slab, address, size);
    if (unlikely(config.guard >= 2) && !is_mapped_whole(slab, owner, "realloc", address, NULL))
        return NULL;
    size_t length = unlikely(config.guard >= 2) ? size + LARGE_TRAILER : size;
    if (owner == OWNER_LARGE && length > SMALL_MAX && (length <= large_size(slab) || is_large(length, GRAIN)))
        resized = large_resize(slab, length) ? address : NULL;
    else if (owner == OWNER_HUGE && length > LARGE_USUAL && size <= PTRDIFF_MAX - LARGE_TRAILER)
        resized = huge_resize(huge_of(slab), length);
    if (unlikely(config.guard >= 2) && resized != NULL)
        filling_begin_large(resized, mapped_size(registry_find(resized)), size);
    errno = error;
    return resized;
}

void arena_shorten(void *address, size_t size) {
    struct slab *slab = registry_find(address);
    if (config.guard < 2 || slab == NULL)
        return;
    if (is_small(atomic_load_explicit(&slab->owner, memory_order_relaxed)))
        filling_begin(address, slab->block_size, size);
    else
        filling_begin_large(address, mapped_size(slab), size);
}

void arena_finish(void) {
    struct arena *arena = thread.own;
    if (arena == NULL)
        return;
    release_some(arena, true);
    if (config.guard >= 2)
        guard_finish(arena);
    slabs_exchange(arena);
}

void arena_check(void) {
    struct arena *arena = arena_enter();
    guard_check(arena);
    arena_leave(arena);
}
