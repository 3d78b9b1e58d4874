/* SPDX-License-Identifier: MIT */
#include "arenas.h"

#include "../lock.h"
#include "../remote/outbox.h"
#include "../remote/queue.h"
#include "../superslab/metadata.h"
#include "../superslab/rcu.h"
#include "arena.h"
#include "cache.h"
#include "runs.h"
#include "stock.h"

pthread_mutex_t arenas_lock = PTHREAD_MUTEX_INITIALIZER;

static struct arena *recycled;                    /* arenas_lock */
static _Atomic uint32_t waiting;                  /* written under arenas_lock: those recycled */
static _Atomic(struct arena *) all = &late_arena; /* grows under arenas_lock */
static _Atomic uint32_t running = 1;              /* written under arenas_lock; with the late arena */
static uint32_t most = 1;                         /* arenas_lock: of them that there were lately */

uint64_t arenas_share(void) {
    uint64_t share = SHARE_ALL / atomic_load_explicit(&running, memory_order_relaxed);
    return share > SHARE_MOST ? SHARE_MOST : share < SHARE_LEAST ? SHARE_LEAST : share;
}

bool arenas_is_one(void) {
    return atomic_load_explicit(&running, memory_order_relaxed) <= 2; /* the late one is */
}

struct arena *arenas_first(void) {
    /* Acquire; partner: make. */
    return atomic_load_explicit(&all, memory_order_acquire);
}

/* Under arenas_lock. */
static struct arena *make(void) {
    static struct stock *stock; /* taken, and no arena's yet */
    if (stock == NULL)
        stock = stock_take();
    struct arena *arena = stock == NULL ? NULL : metadata_take(sizeof *arena);
    if (arena == NULL)
        return NULL;
    arena->stock = stock;
    stock = NULL;
    rcu_reader_add(&arena->reader);
    arena->next = atomic_load_explicit(&all, memory_order_relaxed);
    arena->index = arena->next->index + 1;
    /* Release; partner: arenas_first. */
    atomic_store_explicit(&all, arena, memory_order_release);
    return arena;
}

struct arena *arenas_take(void) {
    lock_take(&arenas_lock);
    struct arena *arena = recycled;
    if (arena != NULL) {
        recycled = arena->next_free;
        atomic_fetch_sub_explicit(&waiting, 1, memory_order_relaxed);
    } else
        arena = make();
    if (arena != NULL) {
        atomic_store_explicit(&arena->state, ARENA_RUNNING, memory_order_release);
        uint32_t now = 1 + atomic_fetch_add_explicit(&running, 1, memory_order_relaxed);
        most = now > most ? now : most;
    }
    lock_give(&arenas_lock);
    return arena;
}

bool arenas_give(struct arena *arena) {
    if (atomic_load_explicit(&waiting, memory_order_relaxed) >= STOCKS_KEPT)
        stock_purge(arena->stock);
    lock_take(&arenas_lock);
    atomic_fetch_add_explicit(&waiting, 1, memory_order_relaxed);
    arena->next_free = recycled;
    recycled = arena;
    uint32_t left = atomic_fetch_sub_explicit(&running, 1, memory_order_relaxed) - 1;
    bool is_last = most >= LAST_LEAST && left * LAST_PART <= most;
    if (is_last)
        most -= 1 + most / 64; /* forgotten, so that it is no matter for those who come and go later */
    lock_give(&arenas_lock);
    return is_last;
}

void arenas_freeze_others(const struct arena *own) {
    some_are_frozen = true;
    for (struct arena *arena = arenas_first(); arena != NULL; arena = arena->next) {
        if (arena != own && arena != &late_arena &&
            atomic_load_explicit(&arena->state, memory_order_relaxed) == ARENA_RUNNING) {
            atomic_store_explicit(&arena->state, ARENA_FROZEN, memory_order_relaxed);
            atomic_fetch_sub_explicit(&running, 1, memory_order_relaxed);
        }
    }
}

#define SUM(field)                                                                                           \
    counter_add(&totals->counters.field, atomic_load_explicit(&arena->counters.field, memory_order_relaxed))

void arena_count(struct totals *totals, const struct arena *arena) {
    SUM(refills);
    SUM(remote_frees);
    SUM(pushes);
    SUM(posts);
    SUM(drains);
    SUM(claims);
    SUM(adoptions);
    SUM(orphans);
    SUM(slabs_taken);
    SUM(slabs_freed);
    SUM(starts);
    SUM(quarantined);
    for (unsigned class = 1; class < CLASSES; class ++) {
        SUM(used[class]);
        SUM(queued[class]);
        SUM(cached[class]);
    }
    totals->arenas++;
    totals->outboxes += outbox_bytes(arena);
    totals->kept_runs += runs_kept(arena);
}
