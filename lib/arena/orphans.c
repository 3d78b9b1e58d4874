/* SPDX-License-Identifier: MIT */
#include "orphans.h"

#include "../lock.h"
#include "../remote/queue.h"
#include "slab_list.h"

pthread_mutex_t orphans_lock = PTHREAD_MUTEX_INITIALIZER;

static struct slab_list orphans[CLASSES];         /* orphans_lock */
static _Atomic uint32_t orphans_present[CLASSES]; /* written under orphans_lock; a hint for others */

static void count(unsigned class, uint32_t change) {
    atomic_fetch_add_explicit(&orphans_present[class], change, memory_order_relaxed);
}

static void take_out(struct slab *slab) {
    slab_list_remove(&orphans[slab->class], slab);
    slab->place = PLACE_NONE;
    count(slab->class, -1u);
}

void orphans_add(struct slab *slab) {
    lock_take(&orphans_lock);
    slab->place = PLACE_ORPHANS;
    slab_list_add_before(&orphans[slab->class], slab, NULL);
    count(slab->class, 1);
    lock_give(&orphans_lock);
}

void orphans_remove(struct slab *slab) {
    lock_take(&orphans_lock);
    take_out(slab);
    lock_give(&orphans_lock);
}

struct slab *orphans_claim(struct arena *arena, unsigned class) {
    if (atomic_load_explicit(&orphans_present[class], memory_order_relaxed) == 0)
        return NULL;
    lock_take(&orphans_lock);
    struct slab *slab = orphans[class].first;
    /* One that cannot be claimed is still its releaser's, or has been claimed by somebody who waits for the
     * lock to take it out. */
    while (slab != NULL && !slab_claim(slab, arena))
        slab = slab->next;
    if (slab != NULL)
        take_out(slab);
    lock_give(&orphans_lock);
    return slab;
}
