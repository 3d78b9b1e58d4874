/* SPDX-License-Identifier: MIT
 *
 * Arenas without a thread, which a test plays. */
#ifndef UNIT_PLAYED_H
#define UNIT_PLAYED_H

#include <string.h>

#include "arena/stock.h"
#include "remote/outbox.h"
#include "remote/queue.h"
#include "require.h"

/* Room in an empty outbox for as much as it ever takes. */
static inline void outbox_open(struct arena *arena) {
    require(outbox_make_room(arena, UINT64_MAX));
    require(arena->outbox_count == 0 && arena->outbox_room == (int32_t)OUTBOX_BYTES);
}

/* As new, but for the outbox and the stock, which are for ever. */
static inline void arena_renew(struct arena *arena) {
    struct outbox *outbox = arena->outbox;
    struct stock *stock = arena->stock == NULL ? stock_take() : arena->stock;
    require(stock != NULL);
    memset(arena, 0, sizeof *arena);
    memset(stock, 0, sizeof *stock);
    arena->outbox = outbox;
    arena->stock = stock;
    outbox_open(arena);
}

/* A remote free. */
static inline void outbox_put(struct arena *arena, const struct slab *slab, struct block *block) {
    if (outbox_add(arena, slab->class, block))
        return;
    outbox_open(arena);
    require(outbox_add(arena, slab->class, block));
}

/* A push of one block, of which nobody is told yet. */
static inline void queue_put(struct slab *slab, struct block *block) {
    struct batch *batch = batch_of(slab, block);
    batch->second = batch->last = (uint16_t)(((char *)block - slab->start) / GRAIN);
    batch->count = 1;
    queue_push_mp(slab, block);
}

#endif
