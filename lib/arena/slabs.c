/* SPDX-License-Identifier: MIT */
#include "slabs.h"

#include "../remote/inbox.h"
#include "../remote/outbox.h"
#include "../remote/queue.h"
#include "../superslab/rcu.h"
#include "../superslab/slab.h"
#include "orphans.h"
#include "slab_list.h"

static struct slab_list *list_of(struct arena *arena, const struct slab *slab) {
    return slab->place == PLACE_FULL ? &arena->full[slab->class] : &arena->available[slab->class];
}

static void take_out(struct arena *arena, struct slab *slab) {
    if (slab->place == PLACE_ORPHANS)
        orphans_remove(slab);
    else if (slab->place != PLACE_NONE) {
        slab_list_remove(list_of(arena, slab), slab);
        arena->slabs--;
    }
    slab->place = PLACE_NONE;
}

/* An empty slab is the last of its list, so that the others are used up before it. */
static void put_in(struct arena *arena, struct slab *slab) {
    slab->place = slab_has_blocks(slab) ? PLACE_AVAILABLE : PLACE_FULL;
    struct slab_list *list = list_of(arena, slab);
    struct slab *last = list->last;
    slab_list_add_before(list, slab, last != NULL && last->used == 0 ? last : NULL);
    arena->slabs++;
}

static void give_up(struct arena *arena, struct slab *slab) {
    counter_add(&arena->counters.slabs_freed, 1);
    slab_give_up(slab);
}

/* Releases a slab. Whoever pushes from now on claims it; what was pushed before, by somebody who still saw us
 * as the owner, is found by the look at the queue afterwards. */
static void release(struct arena *arena, struct slab *slab) {
    bool again;
    do {
        queue_drain_owned(arena, slab);
        if (slab->used == 0) {
            take_out(arena, slab);
            give_up(arena, slab);
            return;
        }
        if (slab->place != PLACE_ORPHANS) {
            take_out(arena, slab);
            /* A full one is of use to nobody until something is freed into it, and who does that claims it.
             */
            if (slab_has_blocks(slab))
                orphans_add(slab);
            counter_add(&arena->counters.orphans, 1);
        }
        rcu_enter(arena); /* once released, the slab is pinned by nothing else */
        slab_release(slab);
        again = !queue_is_empty(slab) && slab_claim(slab, arena);
        rcu_leave(arena);
    } while (again);
}

void slabs_arrange(struct arena *arena, struct slab *slab) {
    const struct slab *last = arena->available[slab->class].last;
    /* An orphan, just claimed to be drained, is of use to an arena that allocates in its class and has used
     * up its slabs; else it goes back to those who may need it. */
    bool is_claimed = slab->place == PLACE_ORPHANS || slab->place == PLACE_NONE;
    if (is_claimed && (last != NULL || arena->full[slab->class].first == NULL)) {
        release(arena, slab);
        return;
    }
    take_out(arena, slab);
    last = arena->available[slab->class].last;
    /* One empty slab of each class stays, to be filled again. */
    if (slab->used == 0 && last != NULL && last->used == 0)
        give_up(arena, slab);
    else
        put_in(arena, slab);
}

bool slabs_receive(struct arena *arena) {
    inbox_sweep(arena, arena);
    bool received = arena->won != NULL;
    for (struct slab *slab; (slab = won_take(arena)) != NULL;)
        slabs_arrange(arena, slab);
    return received;
}

void slabs_exchange(struct arena *arena) {
    outbox_flush(arena);
    slabs_receive(arena);
}

void slabs_give_up_empty(struct arena *arena) {
    for (unsigned class = 1; class < CLASSES; class ++) {
        struct slab *slab = arena->available[class].last;
        if (slab != NULL && slab->used == 0) {
            take_out(arena, slab);
            give_up(arena, slab);
        }
    }
}

static struct slab *adopt(struct arena *arena, unsigned class) {
    struct slab *slab = orphans_claim(arena, class);
    if (slab == NULL)
        return NULL;
    counter_add(&arena->counters.adoptions, 1);
    queue_drain_owned(arena, slab);
    put_in(arena, slab);
    return slab;
}

static struct slab *make(struct arena *arena, unsigned class) {
    struct slab *slab = slab_make(arena, class);
    if (slab == NULL)
        return NULL;
    counter_add(&arena->counters.slabs_taken, 1);
    put_in(arena, slab);
    return slab;
}

struct slab *slabs_find(struct arena *arena, unsigned class) {
    /* What others wait for goes to them before more memory is taken; not at each refill, for batches would be
     * small. */
    if (arena->available[class].first == NULL)
        slabs_exchange(arena);
    while (arena->available[class].first == NULL && adopt(arena, class) != NULL) {
        /* An orphan may turn out to be full: look on. */
    }
    struct slab *slab = arena->available[class].first;
    return slab != NULL ? slab : make(arena, class);
}

static void release_list(struct arena *arena, struct slab_list *list) {
    while (list->first != NULL)
        release(arena, list->first);
}

void slabs_release_all(struct arena *arena) {
    slabs_exchange(arena);
    for (unsigned class = 1; arena->slabs != 0 && class < CLASSES; class ++) {
        release_list(arena, &arena->available[class]);
        release_list(arena, &arena->full[class]);
    }
    atomic_store_explicit(&arena->state, ARENA_EXITED, memory_order_release);
    fence_store_load(); /* partner: the fence in post */
    inbox_sweep(arena, arena);
    for (struct slab *slab; (slab = won_take(arena)) != NULL;)
        release(arena, slab);
}
