/* SPDX-License-Identifier: MIT
 *
 * Which malloc of a small block is a sample of the heap profile, at no instruction of the fast halves.
 *
 * A malloc that hits pops a block from its class's cache, and that block has come there in one of two ways:
 * with a list that a slow path has put there, or by a free. Each coming is tried once, with the chance p that
 * a block of the class is a sample, before anybody can know which malloc will pop the block. A cache is a
 * stack, so each malloc belongs to just one coming: the last one of the block that it pops. So each malloc is
 * a sample with the chance p, whatever the program's pattern, and independently of all others.
 *
 *   A list    is cut above the first block that is a sample: what is above becomes the cache, and what is
 *             below that block is tried when it becomes the cache.
 *   A free    is tried when room for frees is renewed: the room ends before the first one that is a sample.
 *             That free comes to the slow half, which pushes the block and starts an empty cache above it.
 *
 * A cut remembers the block and what is below. The malloc that would pop the block finds the cache empty: it
 * is the sample, and gets a profiled block. The cut's block is sent home, so that no other malloc belongs to
 * its coming; what is below is the cache again. Cuts nest, and go with a cache that is set aside. What leaves
 * a cache other than by a malloc is joined first, and its cuts are forgotten: to come again is to be tried
 * again. A malloc that finds nothing at all, and will refill the cache, is tried by itself.
 *
 * All of it is for the thread whose caches these are. */
#ifndef FREEHOLD_CUTS_H
#define FREEHOLD_CUTS_H

#include "../profile/countdown.h"
#include "../superslab/size_class.h"
#include "../thread.h"

/* Owner only. */
struct cut {
    struct block *block; /* the sample's; its link leads to what is below */
    struct cut *below;   /* the next one of the cache, or of those that are not used */
    double interval;     /* of the sample */
    uint32_t untried;    /* blocks below it that are still to be tried */
};

/* Owner only. */
struct cuts {
    struct countdown countdown;
    struct cut *of_cache[CLASSES], *of_spare[CLASSES]; /* the uppermost */
    bool spare_is_cut[CLASSES];  /* nothing was above the uppermost cut of the spare cache: it begins there */
    int32_t withheld[CLASSES];   /* room for frees, from the one on that is a sample */
    double interval_of[CLASSES]; /* of that one */
    uint32_t uses[CLASSES];      /* counts what is done to a class here */
    struct cut *unused;
    double run_interval; /* of runs: see cuts_runs; 0: the next one is none */
};

/* The calling thread's, which has an arena; NULL if there is no memory. */
struct cuts *cuts_own(void);

/* The empty cache of a class has been filled with count blocks, and there is room for frees again. */
void cuts_fill(unsigned class, uint32_t count);

/* It has been set aside as the spare one, and there is room for frees again. */
void cuts_set_aside(unsigned class);

/* Whether the free that has found no room is a sample, or there is room behind it; and what is to be done
 * with its block then, when room.left is below 0. */
static inline bool cuts_are_due(unsigned class) {
    return profile_has_begun() && thread.own->cuts != NULL && thread.own->cuts->withheld[class] != 0;
}
void cuts_push(unsigned class, struct block *block);

/* The interval of the sample that the thread's next malloc of a class is, or 0. */
double cuts_malloc(unsigned class);

/* The same for a large block: one that is popped from the thread's runs, or one that takes a slow path. */
double cuts_malloc_run(size_t size);
double cuts_malloc_mapped(size_t size);

/* How many runs may be popped before the next one that may be a sample, and most at most. */
uint32_t cuts_runs(uint32_t most);

/* Whether the thread's next malloc of a class, whose cache is empty, is just no sample. If not, it has to be
 * found out. */
static inline bool cuts_pass_malloc(unsigned class) {
    struct cuts *cuts = thread.arena->cuts;
    if (cuts == NULL || cuts->of_cache[class] != NULL || cuts->of_spare[class] != NULL)
        return false;
    return thread.own->stock->spare[class] != NULL ||
           countdown_pass(&cuts->countdown, size_class_bytes(class));
}

/* Whether nothing is to be done for a list of count blocks that has come into the cache, or has been set
 * aside, and for the frees for which there is room. */
static inline bool cuts_pass_list(unsigned class, uint32_t count) {
    struct cuts *cuts = thread.own->cuts;
    if (unlikely(cuts == NULL || cuts->of_cache[class] != NULL))
        return false;
    cuts->withheld[class] = 0;
    return countdown_pass(&cuts->countdown,
                          size_class_bytes(class) * (count + (uint32_t)thread.room[class].left));
}

/* Makes a cache and its spare one whole: they are about to be emptied. */
void cuts_join(unsigned class);

/* The thread's next malloc of a class is to be no sample: if the cache is empty, it becomes what is below its
 * uppermost cut, or the spare one. */
void cuts_pass(unsigned class);

/* Changes whenever a class is used in a way that its cache may not show: a cut hides what is below it. What
 * is thought idle, and leaves the cache, must not be so because a sample is due. */
static inline uint32_t cuts_uses(unsigned class) {
    return unlikely(thread.own->cuts != NULL) ? thread.own->cuts->uses[class] : 0;
}

/* Calls visit for each list of which a cache and its spare one are. */
void cuts_visit(unsigned class, void (*visit)(void *context, const struct block *list), void *context);

#endif
