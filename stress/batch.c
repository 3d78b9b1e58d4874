/* SPDX-License-Identifier: MIT */
#include "batch.h"

enum { WAITING_MAX = 2 * THREADS_MAX };

static struct batch batches[WAITING_MAX + THREADS_MAX];
static struct batch *_Atomic pool[WAITING_MAX];
static unsigned pool_size;

void pool_set_up(unsigned waiting, uint64_t room) {
    pool_size = waiting;
    for (unsigned i = 0; i < waiting + stress.threads; i++) {
        batches[i] = (struct batch){.block = stress_map(room * sizeof(struct block)), .room = room};
        if (i < waiting) {
            atomic_init(&pool[i], &batches[i]);
        }
    }
}

struct batch *pool_hand_out(unsigned number) {
    return &batches[pool_size + number];
}

struct batch *pool_swap(struct batch *batch, uint64_t *random) {
    return atomic_exchange_explicit(&pool[random_below(random, pool_size)], batch, memory_order_acq_rel);
}

void pool_free(void) {
    for (unsigned i = 0; i < pool_size + stress.threads; i++) {
        batch_free(&batches[i], NULL, ORDER_LIFO);
    }
}

static void free_fifo(struct batch *batch) {
    for (uint64_t i = 0; i < batch->count; i++) {
        block_free(&batch->block[i]);
    }
    batch->count = 0;
}

static void free_random(struct batch *batch, uint64_t *random) {
    while (batch->count > 0) {
        struct block *block = &batch->block[random_below(random, batch->count)];
        block_free(block);
        *block = batch->block[--batch->count];
    }
}

void batch_free(struct batch *batch, struct worker *worker, enum order order) {
    switch (order) {
    case ORDER_FIFO:
        free_fifo(batch);
        break;
    case ORDER_RANDOM:
        free_random(batch, &worker->random);
        break;
    default:
        while (batch->count > 0) {
            block_free(&batch->block[--batch->count]);
        }
    }
}
