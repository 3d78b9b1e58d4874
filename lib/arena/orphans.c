/* SPDX-License-Identifier: MIT */
#include "orphans.h"

#include "../lock.h"
#include "../remote/queue.h"
#include "../superslab/slab.h"
#include "slab_list.h"

/* The orphans of a class. */
struct orphans {
    struct slab_list bins[ORPHAN_BINS]; /* the class's lock: the fullest in the last */
    _Atomic uint32_t present;           /* written under it; a hint for others */
} __attribute__((aligned(64)));

static struct orphans orphans[CLASSES];

static struct {
    pthread_mutex_t mutex;
} __attribute__((aligned(64))) locks[ORPHAN_LOCKS] = {[0 ... ORPHAN_LOCKS - 1] = {PTHREAD_MUTEX_INITIALIZER}};

static pthread_mutex_t *lock_of(unsigned class) {
    return &locks[class % ORPHAN_LOCKS].mutex;
}

/* Under the class's lock. */
static void take_out(struct orphans *of_class, struct slab *slab) {
    slab_list_remove(&of_class->bins[slab->bin], slab);
    slab->place = PLACE_NONE;
    atomic_fetch_sub_explicit(&of_class->present, 1, memory_order_relaxed);
}

void orphans_put(struct slab *slab) {
    struct orphans *of_class = &orphans[slab->class];
    if (slab->place == PLACE_ORPHANS && slab_is_in_bin(slab))
        return;
    unsigned bin = slab_bin(slab);
    lock_take(lock_of(slab->class));
    if (slab->place == PLACE_ORPHANS)
        take_out(of_class, slab);
    slab->place = PLACE_ORPHANS;
    slab->bin = (uint8_t)bin;
    slab_list_add_before(&of_class->bins[bin], slab, NULL);
    atomic_fetch_add_explicit(&of_class->present, 1, memory_order_relaxed);
    lock_give(lock_of(slab->class));
}

void orphans_remove(struct slab *slab) {
    struct orphans *of_class = &orphans[slab->class];
    lock_take(lock_of(slab->class));
    take_out(of_class, slab);
    lock_give(lock_of(slab->class));
}

/* One that cannot be claimed is still its releaser's, or has been claimed by somebody who has blocks for it
 * or waits for the lock. There are few of them. */
static struct slab *claim_in(const struct slab_list *bin, struct arena *arena) {
    struct slab *slab = bin->first;
    for (unsigned tries = 0; slab != NULL && tries < ORPHAN_TRIES; slab = slab->next, tries++)
        if (slab_claim(slab, arena))
            return slab;
    return NULL;
}

struct slab *orphans_claim(struct arena *arena, unsigned class) {
    struct orphans *of_class = &orphans[class];
    struct slab *slab = NULL;
    if (atomic_load_explicit(&of_class->present, memory_order_relaxed) == 0)
        return NULL;
    lock_take(lock_of(class));
    for (unsigned bin = ORPHAN_BINS; slab == NULL && bin-- > 0;)
        slab = claim_in(&of_class->bins[bin], arena);
    if (slab != NULL)
        take_out(of_class, slab);
    lock_give(lock_of(class));
    return slab;
}

void orphans_lock_all(void) {
    for (unsigned i = 0; i < ORPHAN_LOCKS; i++)
        pthread_mutex_lock(&locks[i].mutex);
}

pthread_mutex_t *orphans_try_all(void) {
    for (unsigned i = 0; i < ORPHAN_LOCKS; i++) {
        if (pthread_mutex_trylock(&locks[i].mutex) == 0)
            continue;
        for (unsigned taken = i; taken-- > 0;)
            pthread_mutex_unlock(&locks[taken].mutex);
        return &locks[i].mutex;
    }
    return NULL;
}

void orphans_unlock_all(void) {
    for (unsigned i = 0; i < ORPHAN_LOCKS; i++)
        pthread_mutex_unlock(&locks[i].mutex);
}
