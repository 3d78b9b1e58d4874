/* SPDX-License-Identifier: MIT */
#include "huge.h"

#include "../config.h"
#include "../lock.h"
#include "../os.h"
#include "metadata.h"
#include "purge.h"
#include "rcu.h"
#include "registry.h"
#include "superslab.h"

pthread_mutex_t huge_lock = PTHREAD_MUTEX_INITIALIZER;

static struct extent *kept; /* huge_lock: freed blocks to reuse, the last freed first */
static struct extent *pool; /* huge_lock: descriptors to recycle */
static _Atomic uint64_t live, kept_bytes;

uint64_t huge_bytes(void) {
    return atomic_load_explicit(&live, memory_order_relaxed);
}

uint64_t huge_kept_bytes(void) {
    return atomic_load_explicit(&kept_bytes, memory_order_relaxed);
}

static size_t round_up(size_t size, size_t unit) {
    return (size + unit - 1) & ~(unit - 1);
}

static void granules_set(const char *base, size_t length, struct slab *slab) {
    for (size_t offset = 0; offset < length; offset += GRANULE)
        registry_set(base + offset, slab);
}

static struct huge *descriptor_take(void) {
    lock_take(&huge_lock);
    struct extent *extent = pool;
    if (extent != NULL)
        pool = extent->next;
    lock_give(&huge_lock);
    return extent != NULL ? (struct huge *)extent : metadata_take(sizeof(struct huge));
}

static void huge_recycle(struct huge *huge) {
    rcu_tell_recycled(huge, sizeof *huge);
    lock_take(&huge_lock);
    huge->extent.next = pool;
    pool = &huge->extent;
    lock_give(&huge_lock);
}

static struct huge *huge_map(size_t length, size_t alignment) {
    struct huge *huge = descriptor_take();
    if (huge == NULL)
        return NULL;
    char *base = os_map_aligned(length, alignment);
    if (base == NULL || !registry_prepare(base, length)) {
        if (base != NULL)
            os_unmap(base, length);
        huge_recycle(huge);
        return NULL;
    }
    huge->extent = (struct extent){.base = base, .length = length};
    return huge;
}

/* The kept block that fits best and wastes an eighth at most. */
static struct huge *kept_take(size_t length, size_t alignment) {
    struct extent **best = NULL;
    lock_take(&huge_lock);
    for (struct extent **link = &kept; *link != NULL; link = &(*link)->next)
        if ((*link)->length >= length && (*link)->length - length <= length / 8 &&
            ((uintptr_t)(*link)->base & (alignment - 1)) == 0 &&
            (best == NULL || (*link)->length < (*best)->length))
            best = link;
    struct extent *extent = best == NULL ? NULL : *best;
    if (extent != NULL) {
        *best = extent->next;
        atomic_fetch_sub_explicit(&kept_bytes, extent->length, memory_order_relaxed);
    }
    lock_give(&huge_lock);
    return (struct huge *)extent;
}

void *huge_take(size_t size, size_t alignment, bool *zero) {
    size_t length = round_up(size, UNIT);
    alignment = alignment < GRANULE ? GRANULE : alignment;
    struct huge *huge = kept_take(length, alignment);
    *zero = huge == NULL;
    if (huge == NULL) {
        if (!space_take(length))
            return NULL;
        huge = huge_map(length, alignment);
        if (huge == NULL) {
            space_give(length);
            return NULL;
        }
        huge->slab.start = huge->extent.base;
        granules_set(huge->extent.base, length, &huge->slab);
    }
    atomic_fetch_add_explicit(&live, huge->extent.length, memory_order_relaxed);
    /* Release; partner: huge_give. */
    atomic_store_explicit(&huge->slab.owner, OWNER_HUGE, memory_order_release);
    return huge->extent.base;
}

static void keep(struct huge *huge) {
    huge->since = os_clock();
    lock_take(&huge_lock);
    huge->extent.next = kept;
    kept = &huge->extent;
    atomic_fetch_add_explicit(&kept_bytes, huge->extent.length, memory_order_relaxed);
    lock_give(&huge_lock);
}

/* A huge block is never looked into but by its user, and its descriptor is recycled, not unmapped: so there
 * is nothing to wait for. When the kernel has no room to split a mapping, only the pages go. */
static void unmap(struct huge *huge) {
    char *base = huge->extent.base;
    size_t length = huge->extent.length;
    granules_set(base, length, NULL);
    if (os_unmap(base, length)) {
        space_give(length);
        huge_recycle(huge);
        return;
    }
    purge_extent(&huge->extent);
    granules_set(base, length, &huge->slab);
    keep(huge);
}

bool huge_give(struct huge *huge) {
    struct arena *owner = OWNER_HUGE;
    if (!atomic_compare_exchange_strong_explicit(&huge->slab.owner, &owner, OWNER_FREE, memory_order_acquire,
                                                 memory_order_relaxed))
        return false;
    size_t length = huge->extent.length;
    atomic_fetch_sub_explicit(&live, length, memory_order_relaxed);
    if (config.decay != 0 && huge_kept_bytes() + length <= (uint64_t)config.keep_huge << 20)
        keep(huge);
    else
        unmap(huge);
    return true;
}

/* The block at a new address, its pages moved there. While the pages move nobody may find the old address,
 * which the kernel may give to anybody at once. */
static bool huge_move(struct huge *huge, size_t length) {
    size_t before = huge->extent.length;
    char *from = huge->extent.base, *to = os_reserve_aligned(length, GRANULE);
    if (to == NULL)
        return false;
    bool moved = registry_prepare(to, length);
    if (moved) {
        granules_set(from, before, NULL);
        moved = os_move(from, before, to, length);
        if (!moved)
            granules_set(from, before, &huge->slab);
    }
    /* After a failure the reservation stays: the kernel may have undone it, and somebody else be there. */
    if (moved)
        huge->extent.base = huge->slab.start = to;
    return moved;
}

static bool huge_grow(struct huge *huge, size_t length) {
    size_t before = huge->extent.length;
    if (!space_take(length - before))
        return false;
    bool grown = registry_prepare(huge->extent.base, length) &&
                 (os_resize(huge->extent.base, before, length) || huge_move(huge, length));
    if (!grown)
        space_give(length - before);
    return grown;
}

static bool huge_shrink(struct huge *huge, size_t length) {
    size_t before = huge->extent.length;
    size_t end = round_up(length, GRANULE);
    if (end < before)
        granules_set(huge->extent.base + end, before - end, NULL);
    if (!os_resize(huge->extent.base, before, length))
        return false;
    space_give(before - length);
    return true;
}

void *huge_resize(struct huge *huge, size_t size) {
    size_t length = round_up(size, UNIT), before = huge->extent.length;
    if (length > before ? !huge_grow(huge, length) : length < before && !huge_shrink(huge, length))
        return NULL;
    huge->extent.length = length;
    granules_set(huge->extent.base, length, &huge->slab);
    atomic_fetch_add_explicit(&live, length - before, memory_order_relaxed);
    return huge->extent.base;
}

void huge_expire(bool all) {
    uint64_t now = os_clock();
    struct extent *expired = NULL;
    lock_take(&huge_lock);
    for (struct extent **link = &kept; *link != NULL;) {
        struct extent *extent = *link;
        if (!all && now - ((struct huge *)extent)->since < config.decay) {
            link = &extent->next;
            continue;
        }
        *link = extent->next;
        extent->next = expired;
        expired = extent;
        atomic_fetch_sub_explicit(&kept_bytes, extent->length, memory_order_relaxed);
    }
    lock_give(&huge_lock);
    while (expired != NULL) {
        struct extent *extent = expired;
        expired = extent->next;
        unmap((struct huge *)extent);
    }
}
