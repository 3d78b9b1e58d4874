/* SPDX-License-Identifier: MIT */
#include "cache.h"

#include "../config.h"
#include "../remote/outbox.h"
#include "../superslab/registry.h"
#include "../superslab/size_class.h"
#include "../superslab/verdict.h"
#include "arenas.h"
#include "cuts.h"
#include "slabs.h"

#define HAND_STEPS 1u /* classes that are looked at for a quota to take */

void cache_settle(unsigned class) {
    int32_t left = thread.room[class].left;
    if (left < 0) {
        counter_add(&thread.arena->counters.used[class], left);
        thread.room[class].left = 0;
    }
}

void cache_settle_all(void) {
    for (unsigned class = 1; class < CLASSES; class ++)
        cache_settle(class);
}

static void room_renew(unsigned class) {
    cache_settle(class);
    thread.room[class].left = thread.room[class].quota;
}

/* For others to see. */
static void set_cached(unsigned class, uint32_t blocks) {
    atomic_store_explicit(&thread.arena->counters.cached[class], blocks, memory_order_relaxed);
}

void cache_fill(unsigned class, struct chain chain) {
    thread.cache[class] = chain.first;
    set_cached(class, chain.count);
    room_renew(class);
    thread.arena->stock->held[class] = chain.count + (uint32_t)thread.room[class].quota;
    if (profile_has_begun() && !cuts_pass_list(class, chain.count))
        cuts_fill(class, chain.count);
}

/* Whether a link leads to a free block of the class. */
static bool leads_to_block(unsigned class, const struct block *link) {
    struct entry entry = registry_entry(link);
    return atomic_load_explicit(&entry.leaf->classes[entry.index], memory_order_relaxed) == class &&
           entry_position(entry, class, link) < entry_limit(entry) && link->mark == block_mark(entry, link);
}

/* A link of a cached block, or NULL if it has been written over: then what was behind it is lost. */
static noinline struct block *follow(unsigned class, struct block *link) {
    if (likely(link == NULL || leads_to_block(class, link)))
        return link;
    verdict_link(class, link);
    return NULL;
}

/* Most lead to a block of the same unit, whose mark differs by as much as its address. */
static inline struct block *next_cached(unsigned class, const struct block *block) {
    struct block *next = block->next;
    bool is_near =
        unit_is_same(next, block) && next->mark - (uintptr_t)next == block->mark - (uintptr_t)block;
    return likely(is_near) ? next : follow(class, next);
}

struct block *cache_next(unsigned class, const struct block *block) {
    return next_cached(class, block);
}

struct block *cache_first(unsigned class) {
    return thread.cache[class] = follow(class, thread.cache[class]);
}

static void send_home(struct arena *arena, unsigned class, struct block *block) {
    block->mark = 0; /* the outbox marks it again when it is pushed */
    if (!outbox_add(arena, class, block))
        outbox_add_anyway(arena, class, block, arenas_share());
}

/* The slab of a block if arena owns it, or NULL. */
static struct slab *own_slab(const struct arena *arena, const struct block *block) {
    struct entry entry = registry_entry(block);
    bool own = atomic_load_explicit(&entry.leaf->owners[entry.index], memory_order_relaxed) == arena;
    return own ? entry_slab(entry) : NULL;
}

static void flush_blocks(struct arena *arena, unsigned class, struct block *block) {
    struct block *before = NULL;
    struct slab *slab = NULL;
    int64_t home = 0;
    for (struct block *next; block != NULL; before = block, block = next) {
        next = next_cached(class, block);
        if (!unit_is_same(block, before))
            slab = own_slab(arena, block);
        if (slab == NULL)
            send_home(arena, class, block);
        else {
            home++;
            if (slab_push(slab, block))
                slabs_arrange(arena, slab);
        }
    }
    counter_add(&arena->counters.used[class], -home);
}

static void set_quota(struct arena *arena, unsigned class, uint32_t quota) {
    int64_t more = (int64_t)quota - thread.room[class].quota;
    arena->quotas += (uint64_t)(more * (int64_t)size_class_bytes(class));
    thread.room[class].quota = (int32_t)quota;
}

void cache_send_home(unsigned class, struct block *block) {
    block->next = NULL;
    flush_blocks(thread.arena, class, block);
    slabs_receive(thread.arena); /* the outbox may have been pushed */
}

static void flush_class(struct arena *arena, unsigned class) {
    cuts_join(class);
    struct block *cached = cache_first(class), *spare = thread.own->stock->spare[class];
    cache_settle(class);
    thread.cache[class] = thread.own->stock->spare[class] = NULL;
    thread.room[class].left = 0;
    arena->stock->held[class] = 0;
    set_cached(class, 0);
    set_quota(arena, class, 0);
    flush_blocks(arena, class, cached);
    flush_blocks(arena, class, spare);
}

void cache_flush(void) {
    for (unsigned class = 1; class < CLASSES; class ++)
        flush_class(thread.arena, class);
}

/* Two looks at a cache that has been used in between give the same by a rare accident only, which costs a
 * refill. */
static uint32_t digest(unsigned class) {
    uint32_t uses = (uint32_t)thread.room[class].left + (cuts_uses(class) << 16);
    return (uint32_t)((uintptr_t)thread.cache[class] >> 4) + 0x9e3779b1u * uses;
}

/* Flushes a class that has not been used since the last time. */
static void flush_if_idle(struct arena *arena, unsigned class) {
    if (thread.room[class].quota != 0 && arena->stock->seen[class] == digest(class))
        flush_class(arena, class);
    arena->stock->seen[class] = digest(class);
}

/* In the child of a fork: whose thread forked, and its caches as they were then. */
static const struct arena *heir;
static uint32_t inherited[CLASSES];

void cache_after_fork(void) {
    heir = thread.own;
    if (heir == NULL) /* its first malloc is yet to come */
        return;
    for (unsigned class = 1; class < CLASSES; class ++)
        inherited[class] = digest(class);
}

/* What a child has of its parent and does not use costs it nothing until it is written to. */
static bool is_inherited(const struct arena *arena, unsigned class) {
    return unlikely(arena == heir) && inherited[class] == digest(class);
}

void cache_flush_idle(void) {
    for (unsigned class = 1; class < CLASSES; class ++)
        if (!is_inherited(thread.arena, class))
            flush_if_idle(thread.arena, class);
}

/* What the quotas may be in all. Where some threads share what there is, each uses as many classes as one
 * that is alone, so of a share that is neither small nor large they are a larger part. */
static uint64_t quotas_most(void) {
    uint64_t share = arenas_share(), part = share / CACHE_SHARE;
    uint64_t larger = 2 * part < CACHE_MOST ? 2 * part : CACHE_MOST;
    return share >= CACHE_LARGE && larger > part ? larger : part;
}

/* Whether the quotas may grow by so many bytes; a few idle classes give up theirs for that. */
static bool quotas_take(struct arena *arena, unsigned class, uint64_t bytes) {
    uint64_t most = quotas_most();
    for (unsigned i = 0; i < HAND_STEPS && arena->quotas + bytes > most; i++) {
        arena->hand = arena->hand % (CLASSES - 1) + 1;
        if (arena->hand != class)
            flush_if_idle(arena, arena->hand);
    }
    return arena->quotas + bytes <= most;
}

static uint32_t quota_first(size_t block_size) {
    uint64_t bytes = arenas_share() / QUOTA_SHARE;
    size_t blocks = (bytes > QUOTA_LEAST ? bytes : QUOTA_LEAST) / block_size;
    return (uint32_t)(blocks == 0 ? 1 : blocks < QUOTA_BLOCKS ? blocks : QUOTA_BLOCKS);
}

static size_t large_bytes(void) {
    return (size_t)QUOTA_LARGE * config.cache << 10;
}

/* Few blocks make a large slab, so a refill from one is soon used up; what makes up for it are large quotas,
 * as far as the sum of all lets them grow. */
static size_t quota_bytes(unsigned class) {
    return size_class_units(class) > 1 ? large_bytes() : (size_t)config.cache << 10;
}

/* A quota is doubled up to bytes, or QUOTA_BLOCKS. Where it has been, that is seen without a division. */
static uint32_t quota_next(uint32_t quota, size_t block_size, size_t bytes) {
    if (quota >= QUOTA_BLOCKS && (quota + 1) * block_size > bytes)
        return quota;
    size_t most = bytes / block_size, wanted = quota == 0 ? quota_first(block_size) : 2 * quota;
    most = most > QUOTA_BLOCKS ? most : QUOTA_BLOCKS;
    return (uint32_t)(wanted < most ? wanted : most);
}

/* Batches of blocks of a page or more are large in bytes. Such a class may have as much as the larger ones
 * have, while that leaves others room to grow. */
static uint32_t quota_in_bulk(const struct arena *arena, uint32_t quota, size_t block_size) {
    uint64_t most = arena->share / CACHE_SHARE;
    uint32_t wanted = block_size < CARVE ? quota : quota_next(quota, block_size, large_bytes());
    bool fits = arena->quotas + (uint64_t)(wanted - quota) * block_size <= most - most / BULK_LEFT;
    return fits ? wanted : quota;
}

uint32_t cache_demand(unsigned class) {
    struct arena *arena = thread.arena;
    size_t block_size = size_class_bytes(class);
    uint32_t quota = (uint32_t)thread.room[class].quota;
    uint32_t wanted = quota_next(quota, block_size, quota_bytes(class));
    if (wanted == quota)
        wanted = quota_in_bulk(arena, quota, block_size);
    if (wanted > quota && (quota == 0 || quotas_take(arena, class, (wanted - quota) * block_size)))
        set_quota(arena, class, wanted);
    return (uint32_t)thread.room[class].quota;
}

/* No more than a cache holds: a link that was written over may lead back. */
static uint32_t length_of(unsigned class, const struct block *block) {
    uint32_t length = 0, most = thread.own->stock->held[class];
    for (; block != NULL && length < most; block = next_cached(class, block))
        length++;
    return length;
}

/* The lists of a class, and the blocks in them. */
struct listed {
    unsigned class;
    uint32_t count;
};

static void add_length(void *context, const struct block *list) {
    struct listed *listed = context;
    listed->count += length_of(listed->class, list);
}

static uint32_t length_of_all(unsigned class) {
    struct listed listed = {.class = class};
    const struct block *cached = cache_first(class);
    if (likely(thread.own->cuts == NULL))
        return length_of(class, cached) + length_of(class, thread.own->stock->spare[class]);
    cuts_visit(class, add_length, &listed);
    return listed.count;
}

void cache_count_all(void) {
    for (unsigned class = 1; class < CLASSES; class ++)
        set_cached(class, length_of_all(class));
}

/* More frees than refills are a demand, too: else a class that is freed as often as allocated would come here
 * again and again. What the cache holds is counted when it may be too much, and goes home if it is. */
void cache_set_aside(unsigned class) {
    struct arena *arena = thread.arena;
    uint32_t quota = cache_demand(class), most = (HELD_MOST - 1) * quota;
    if (arena->stock->held[class] > most)
        arena->stock->held[class] = length_of_all(class);
    if (arena->stock->held[class] > most) {
        cuts_join(class);
        flush_blocks(arena, class, thread.cache[class]);
        thread.cache[class] = NULL;
        arena->stock->held[class] = 0;
    }
    thread.own->stock->spare[class] = cache_first(class);
    thread.cache[class] = NULL;
    room_renew(class);
    if (profile_has_begun() && !cuts_pass_list(class, 0))
        cuts_set_aside(class);
    set_cached(class, arena->stock->held[class]);
    arena->stock->held[class] += quota;
}
