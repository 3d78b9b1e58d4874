/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include "../lock.h"
#include "metadata.h"
#include "rcu.h"

pthread_mutex_t pools_lock = PTHREAD_MUTEX_INITIALIZER;

void *pool_take(struct pool *pool) {
    lock_take(&pools_lock);
    struct pooled *taken = pool->first;
    if (taken != NULL)
        pool->first = taken->next;
    lock_give(&pools_lock);
    return taken != NULL ? (void *)taken : metadata_take(pool->size);
}

void pool_give(struct pool *pool, void *structure) {
    struct pooled *given = structure;
    rcu_tell_recycled(structure, pool->size);
    lock_take(&pools_lock);
    given->next = pool->first;
    pool->first = given;
    lock_give(&pools_lock);
}
