/* SPDX-License-Identifier: MIT
 *
 * Batches of blocks that threads swap through a shared pool. The number of batches is constant, so what is
 * live at a time is bounded, and each block may be freed by any thread.
 */
#ifndef STRESS_BATCH_H
#define STRESS_BATCH_H

#include "block.h"

enum order { ORDER_LIFO, ORDER_FIFO, ORDER_RANDOM, ORDERS };

struct batch {
    struct block *block;
    uint64_t count, room;
};

/* Makes `waiting` empty batches in the pool and one in hand for each worker. */
void pool_set_up(unsigned waiting, uint64_t room);

/* The batch that the worker of this number starts with. */
struct batch *pool_hand_out(unsigned number);

/* Leaves a batch in a random place of the pool for the one that was there. */
struct batch *pool_swap(struct batch *batch, uint64_t *random);

/* Checks and frees every block, once the workers have ended. */
void pool_free(void);

/* The batch must have room. */
static inline void batch_take(struct batch *batch, struct worker *worker, size_t size) {
    block_take(&batch->block[batch->count++], worker, size);
}

void batch_free(struct batch *batch, struct worker *worker, enum order order);

/* 1..max, the smaller the more likely: the mean is a quarter of max. */
static inline size_t size_skewed(uint64_t *random, size_t max) {
    return 1 + random_below(random, 1 + random_below(random, max));
}

#endif
