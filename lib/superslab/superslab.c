/* SPDX-License-Identifier: MIT */
#include "superslab.h"

#include "../config.h"
#include "../lock.h"
#include "../os.h"
#include "huge_page.h"
#include "limbo.h"
#include "metadata.h"
#include "purge.h"
#include "rcu.h"
#include "registry.h"
#include "units.h"

pthread_mutex_t superslabs_lock = PTHREAD_MUTEX_INITIALIZER;
pthread_mutex_t descriptors_lock = PTHREAD_MUTEX_INITIALIZER;

static struct extent *pool;      /* descriptors_lock: descriptors to recycle */
static _Atomic uint64_t present; /* SuperSlabs registered now */
static _Atomic uint64_t made;    /* SuperSlabs ever mapped */
static _Atomic uint64_t space;   /* bytes mapped for blocks */
static _Atomic uint64_t touched; /* bytes */

uint64_t superslabs_now(void) {
    return atomic_load_explicit(&present, memory_order_relaxed);
}

uint64_t superslabs_made(void) {
    return atomic_load_explicit(&made, memory_order_relaxed);
}

bool space_take(size_t bytes) {
    uint64_t before = atomic_fetch_add_explicit(&space, bytes, memory_order_relaxed);
    if (config.limit == 0 || before + bytes <= (uint64_t)config.limit << 20)
        return true;
    space_give(bytes);
    return false;
}

void space_give(size_t bytes) {
    atomic_fetch_sub_explicit(&space, bytes, memory_order_relaxed);
}

void touched_add(size_t bytes) {
    atomic_fetch_add_explicit(&touched, bytes, memory_order_relaxed);
}

void touched_remove(size_t bytes) {
    atomic_fetch_sub_explicit(&touched, bytes, memory_order_relaxed);
}

/* What is mapped and not touched may swell, and so may the half of a new SuperSlab that is not used at once.
 * A small process never qualifies: it must not swell even where the kernel gives huge pages to everybody. */
static void advise(char *base) {
    uint64_t used = atomic_load_explicit(&touched, memory_order_relaxed);
    uint64_t mapped = superslabs_now() * SUPERSLAB;
    uint64_t sparse = mapped > used ? mapped - used : 0;
    if (!huge_page_ask(base, SUPERSLAB, sparse + SUPERSLAB / 2, used))
        os_advise_huge_pages(base, SUPERSLAB, false);
}

static struct superslab *descriptor_take(void) {
    lock_take(&descriptors_lock);
    struct superslab *superslab = (struct superslab *)pool;
    if (superslab != NULL)
        pool = pool->next;
    lock_give(&descriptors_lock);
    return superslab != NULL ? superslab : metadata_take(sizeof *superslab);
}

void superslab_recycle(struct superslab *superslab) {
    rcu_tell_recycled(superslab, sizeof *superslab);
    lock_take(&descriptors_lock);
    superslab->extent.next = pool;
    pool = &superslab->extent;
    lock_give(&descriptors_lock);
}

static void describe(struct superslab *superslab, char *base, uint32_t slot) {
    superslab->extent = (struct extent){.base = base, .length = SUPERSLAB};
    superslab->slot = slot;
    for (unsigned i = 0; i < UNITS; i++) {
        struct slab *slab = &superslab->slabs[i];
        slab->unit = (uint8_t)i;
        atomic_store_explicit(&slab->owner, OWNER_FREE, memory_order_relaxed);
        registry_set(base + i * UNIT, slab);
    }
}

/* Under superslabs_lock. */
static bool map_and_publish(void) {
    uint32_t index;
    struct slot *slot = slot_take(&index);
    struct superslab *superslab = slot == NULL ? NULL : descriptor_take();
    if (superslab == NULL)
        return false;
    char *base = os_map_aligned(SUPERSLAB, SUPERSLAB);
    if (base == NULL || !registry_prepare(base, SUPERSLAB)) {
        if (base != NULL)
            os_unmap(base, SUPERSLAB);
        superslab_recycle(superslab);
        return false;
    }
    advise(base);
    describe(superslab, base, index);
    atomic_store_explicit(&slot->dirty, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->aged, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->superslab, superslab, memory_order_relaxed);
    /* Release; partner: units_take. */
    atomic_store_explicit(&slot->free, UINT64_MAX, memory_order_release);
    atomic_fetch_add_explicit(&present, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&made, 1, memory_order_relaxed);
    return true;
}

bool superslab_make(void) {
    uint64_t before = superslabs_made();
    bool done = true;
    lock_take(&superslabs_lock);
    if (superslabs_made() == before) {
        done = space_take(SUPERSLAB);
        if (done && !map_and_publish()) {
            space_give(SUPERSLAB);
            done = false;
        }
    }
    lock_give(&superslabs_lock);
    return done;
}

bool superslab_retire(struct slot *slot) {
    if (limbo_is_closed())
        return false;
    uint64_t all = UINT64_MAX;
    /* Acquire; partner: units_give. From here on nobody can take a unit. */
    if (!atomic_compare_exchange_strong_explicit(&slot->free, &all, 0, memory_order_acquire,
                                                 memory_order_relaxed))
        return false;
    struct superslab *superslab = atomic_load_explicit(&slot->superslab, memory_order_relaxed);
    bool dirty = atomic_load_explicit(&slot->dirty, memory_order_relaxed) != 0;
    for (unsigned i = 0; i < UNITS; i++)
        registry_set(superslab->extent.base + i * UNIT, NULL);
    atomic_fetch_sub_explicit(&present, 1, memory_order_relaxed);
    /* Release; partner: slot_take, which recycles the slot. */
    atomic_store_explicit(&slot->superslab, NULL, memory_order_release);
    if (dirty)
        purge_extent(&superslab->extent);
    limbo_add(&superslab->extent);
    return true;
}
