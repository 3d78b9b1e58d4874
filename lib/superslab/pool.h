/* SPDX-License-Identifier: MIT
 *
 * Pools of descriptors: structures of one kind, made when there is none to recycle. What has been a structure
 * of a kind stays one, so a late look at it finds its kind. */
#ifndef FREEHOLD_POOL_H
#define FREEHOLD_POOL_H

#include "../types.h"

extern pthread_mutex_t pools_lock;

struct pooled {
    struct pooled *next;
};

struct pool {
    size_t size;          /* constant: of a structure, bytes */
    struct pooled *first; /* pools_lock: those to recycle; the link lies over their first bytes */
};

/* A structure, zeroed if it is new and else as it was but for its first bytes; NULL if there is no memory. */
void *pool_take(struct pool *pool);

/* Recycles a structure that nobody looks at any more. */
void pool_give(struct pool *pool, void *structure);

#endif
