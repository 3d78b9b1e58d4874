/* SPDX-License-Identifier: MIT
 *
 * Lists of slabs: an arena's available and full ones by class, and the orphans. */
#ifndef FREEHOLD_SLAB_LIST_H
#define FREEHOLD_SLAB_LIST_H

#include "../types.h"

static inline void slab_list_add_before(struct slab_list *list, struct slab *slab, struct slab *next) {
    struct slab *prev = next != NULL ? next->prev : list->last;
    slab->next = next;
    slab->prev = prev;
    *(prev != NULL ? &prev->next : &list->first) = slab;
    *(next != NULL ? &next->prev : &list->last) = slab;
}

static inline void slab_list_remove(struct slab_list *list, struct slab *slab) {
    *(slab->prev != NULL ? &slab->prev->next : &list->first) = slab->next;
    *(slab->next != NULL ? &slab->next->prev : &list->last) = slab->prev;
}

#endif
