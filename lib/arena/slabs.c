/* SPDX-License-Identifier: MIT */
#include "slabs.h"

#include "../probe.h"
#include "../remote/inbox.h"
#include "../remote/outbox.h"
#include "../remote/queue.h"
#include "../superslab/rcu.h"
#include "../superslab/registry.h"
#include "../superslab/descriptor.h"
#include "../superslab/slab.h"
#include "arenas.h"
#include "cache.h"
#include "orphans.h"
#include "slab_list.h"
#include "thaw.h"

static size_t bytes_of(const struct slab *slab) {
    return slab->units * UNIT;
}

static void owned_add(struct arena *arena, struct slab *slab) {
    slab->older = arena->youngest;
    slab->younger = NULL;
    *(slab->older != NULL ? &slab->older->younger : &arena->oldest) = slab;
    arena->youngest = slab;
}

static void owned_remove(struct arena *arena, struct slab *slab) {
    *(slab->older != NULL ? &slab->older->younger : &arena->oldest) = slab->younger;
    *(slab->younger != NULL ? &slab->younger->older : &arena->youngest) = slab->older;
}

/* An empty slab is the last of its list, so that the others are used up before it. */
static void place(struct arena *arena, struct slab *slab) {
    struct slab_list *list = &arena->stock->available[slab->class];
    if (!slab_has_blocks(slab)) {
        slab->place = PLACE_FULL;
        return;
    }
    slab->place = PLACE_AVAILABLE;
    struct slab *last = list->last;
    slab_list_add_before(list, slab, slab->used != 0 && last != NULL && last->used == 0 ? last : NULL);
}

static void displace(struct arena *arena, struct slab *slab) {
    if (slab->place == PLACE_AVAILABLE)
        slab_list_remove(&arena->stock->available[slab->class], slab);
    slab->place = PLACE_NONE;
}

static void put_in(struct arena *arena, struct slab *slab) {
    place(arena, slab);
    owned_add(arena, slab);
    arena->owned += bytes_of(slab);
}

static void take_out(struct arena *arena, struct slab *slab) {
    displace(arena, slab);
    owned_remove(arena, slab);
    arena->owned -= bytes_of(slab);
    registry_own(slab, NULL);
}

/* From slab_close on, who still takes us for the owner may have posted the slab to us: see post. */
static void give_up(struct arena *arena, struct slab *slab) {
    counter_add(&arena->counters.slabs_freed, 1);
    slab_close(slab);
    fence_store_load(); /* partner: the fence in post */
    if (atomic_load_explicit(&slab->posted, memory_order_relaxed) == post_mark)
        arena->called = true;
    slab_give_units(slab);
}

static void release_all(struct arena *arena, struct released *leaving) {
    if (leaving->count == 0)
        return;
    rcu_enter(arena); /* once released, the slabs are pinned by nothing else */
    for (unsigned i = 0; i < leaving->count; i++)
        slab_release(leaving->slabs[i]);
    inbox_call_if_posted(arena, leaving);
    rcu_leave(arena);
}

/* A slab of the arena's that is in none of its lists, but maybe among the orphans. */
static void let_go(struct arena *arena, struct slab *slab, struct released *leaving) {
    queue_drain_owned(arena, slab);
    if (slab->used == 0) {
        arena->emptied += bytes_of(slab);
        if (slab->place == PLACE_ORPHANS)
            orphans_remove(slab);
        give_up(arena, slab);
        return;
    }
    if (slab_has_blocks(slab))
        orphans_put(slab);
    counter_add(&arena->counters.orphans, 1);
    leaving->slabs[leaving->count++] = slab;
    if (leaving->count == LET_GO_AT_ONCE)
        release_all(arena, leaving);
}

/* Some at once, as a fence is shared. A slab that has been drained, or claimed, and is not settled yet, is
 * none of the oldest. */
static void bound(struct arena *arena, uint64_t most) {
    struct released leaving = {.count = 0};
    if (arena->owned <= most)
        return;
    for (struct slab *slab; (slab = arena->oldest) != NULL && arena->owned > most - most / 8;) {
        if (slab->won != WON_NOT || (slab == arena->youngest && most != 0))
            break;
        take_out(arena, slab);
        let_go(arena, slab, &leaving);
    }
    release_all(arena, &leaving);
}

static void bound_to_share(struct arena *arena) {
    arena->share = arenas_share();
    bound(arena, arena->share);
}

static void keep(struct arena *arena, struct slab *slab) {
    registry_own(slab, arena);
    put_in(arena, slab);
}

bool slabs_claim(struct arena *arena, struct slab *slab) {
    if (arena->owned + bytes_of(slab) > arena->share || !slab_claim(slab, arena))
        return false;
    claim_count(arena, slab);
    queue_drain_owned(arena, slab);
    if (slab->place == PLACE_ORPHANS)
        orphans_remove(slab);
    keep(arena, slab);
    return true;
}

void slabs_arrange(struct arena *arena, struct slab *slab) {
    if (slab->used == 0) {
        arena->emptied += bytes_of(slab);
        if (arena->is_shrinking && slab->won == WON_NOT) {
            take_out(arena, slab);
            give_up(arena, slab);
            return;
        }
    }
    displace(arena, slab);
    place(arena, slab);
}

bool slabs_shrink(struct arena *arena) {
    if (arena->emptied <= arena->share)
        return false;
    arena->emptied = 0;
    arena->is_shrinking = true;
    return true;
}

/* A slab that was claimed for many blocks is worth keeping, as the next frees into it are local then; but not
 * for a thread that does not allocate in its class. */
static bool is_worth_keeping(const struct arena *arena, const struct slab *slab) {
    return slab->claimed_for >= KEEP_BLOCKS && cache_is_used(arena, slab->class);
}

static void settle_claimed(struct arena *arena, struct slab *slab, struct released *leaving) {
    if (slab->used == 0 || !is_worth_keeping(arena, slab)) {
        let_go(arena, slab, leaving);
        return;
    }
    if (slab->place == PLACE_ORPHANS)
        orphans_remove(slab);
    keep(arena, slab);
}

static void settle_all(struct arena *arena) {
    struct released leaving = {.count = 0};
    for (struct slab *slab; (slab = won_take(arena)) != NULL;) {
        bool is_claimed = slab->won == WON_CLAIMED;
        slab->won = WON_NOT;
        if (!is_claimed)
            slabs_arrange(arena, slab);
        else
            settle_claimed(arena, slab, &leaving);
    }
    release_all(arena, &leaving);
}

/* Until nothing is left to settle, and no post may have come for a slab that has been let go. */
static void settle(struct arena *arena, uint64_t most) {
    do {
        arena->called = false;
        inbox_sweep(arena);
        settle_all(arena);
        bound(arena, most);
    } while (arena->won != NULL || arena->called);
}

bool slabs_receive(struct arena *arena) {
    if (inbox_is_empty(arena) && arena->won == NULL && !arena->called)
        return false;
    settle(arena, arena->share = arenas_share());
    return true;
}

void slabs_before_thread(struct arena *arena) {
    struct released leaving = {.count = 0};
    unsigned looks = 0;
    bool all = arenas_is_one();
    for (struct slab *slab = arena->oldest, *younger; slab != NULL; slab = younger) {
        if (arena->owned <= PART_KEPT || ++looks > PART_LOOKS)
            break;
        younger = slab->younger;
        if (slab->won != WON_NOT || (slab->place != PLACE_FULL && !all))
            continue;
        take_out(arena, slab);
        let_go(arena, slab, &leaving);
    }
    release_all(arena, &leaving);
    slabs_receive(arena);
}

void slabs_exchange(struct arena *arena) {
    outbox_flush(arena);
    slabs_receive(arena);
}

/* One with blocks may have come before the last empty one only, so there may be more before it. */
static void give_up_empty(struct arena *arena, const struct slab_list *list) {
    for (struct slab *slab = list->last, *prev; slab != NULL; slab = prev) {
        prev = slab->prev;
        if (slab->used != 0)
            continue;
        take_out(arena, slab);
        give_up(arena, slab);
    }
}

void slabs_give_up_empty(struct arena *arena) {
    for (unsigned class = 1; class < CLASSES; class ++)
        give_up_empty(arena, &arena->stock->available[class]);
    slabs_receive(arena);
}

static struct slab *adopt(struct arena *arena, unsigned class) {
    struct slab *slab = orphans_claim(arena, class);
    if (slab == NULL)
        return NULL;
    counter_add(&arena->counters.adoptions, 1);
    probe3(adopt, slab->start, slab->block_size, slab->used);
    queue_drain_owned(arena, slab);
    keep(arena, slab);
    bound_to_share(arena);
    return slab;
}

struct slab *slabs_find(struct arena *arena, unsigned class) {
    struct slab *slab = arena->stock->available[class].first;
    return slab != NULL ? slab : adopt(arena, class);
}

/* In the child of a fork: what vanished threads have left comes first. */
static noinline struct slab *thaw(struct arena *arena, unsigned class) {
    if (!thaw_some(arena))
        return NULL;
    slabs_receive(arena);
    return slabs_find(arena, class);
}

struct slab *slabs_make(struct arena *arena, unsigned class) {
    struct slab *slab = NULL;
    if (unlikely(thaw_is_due()) && (slab = thaw(arena, class)) != NULL)
        return slab;
    slab = slab_make(arena, class);
    if (slab == NULL)
        return NULL;
    counter_add(&arena->counters.slabs_taken, 1);
    put_in(arena, slab);
    bound_to_share(arena);
    return slab;
}

void slabs_used(struct arena *arena, struct slab *slab) {
    arena->emptied = 0;
    arena->is_shrinking = false;
    if (slab != arena->youngest) {
        owned_remove(arena, slab);
        owned_add(arena, slab);
    }
    if (!slab_has_blocks(slab)) {
        displace(arena, slab);
        slab->place = PLACE_FULL;
    }
}

void slabs_release_all(struct arena *arena) {
    outbox_flush(arena);
    settle(arena, 0);
    atomic_store_explicit(&arena->state, ARENA_EXITED, memory_order_release);
}
