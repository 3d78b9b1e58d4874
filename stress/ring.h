/* SPDX-License-Identifier: MIT
 *
 * A bounded queue of blocks from one thread to one other. Each side keeps what it last saw of the other's
 * counter, so the counters cross between caches only when the ring looks full or empty.
 */
#ifndef STRESS_RING_H
#define STRESS_RING_H

#include "block.h"

struct ring {            /* NOLINT(clang-analyzer-optin.performance.Padding): a cache line for each side */
    struct block *block; /* constant, as is depth */
    uint64_t depth;
    _Alignas(CACHE_LINES) _Atomic uint64_t pushed; /* producer */
    uint64_t popped_seen;
    _Atomic uint64_t pushed_bytes;
    _Alignas(CACHE_LINES) _Atomic uint64_t popped; /* consumer */
    uint64_t pushed_seen;
    _Atomic uint64_t popped_bytes;
};

static inline struct ring *rings_map(uint64_t count, uint64_t depth) {
    struct ring *rings = stress_map(count * sizeof *rings);
    struct block *blocks = stress_map(count * depth * sizeof *blocks);
    for (uint64_t i = 0; i < count; i++) {
        rings[i].block = blocks + i * depth;
        rings[i].depth = depth;
    }
    return rings;
}

static inline bool ring_push(struct ring *ring, const struct block *block) {
    uint64_t pushed = atomic_load_explicit(&ring->pushed, memory_order_relaxed);
    if (pushed - ring->popped_seen == ring->depth) {
        ring->popped_seen = atomic_load_explicit(&ring->popped, memory_order_acquire); /* the place is free */
        if (pushed - ring->popped_seen == ring->depth) {
            return false;
        }
    }
    ring->block[pushed % ring->depth] = *block;
    uint64_t bytes = atomic_load_explicit(&ring->pushed_bytes, memory_order_relaxed);
    atomic_store_explicit(&ring->pushed_bytes, bytes + block->size, memory_order_relaxed);
    atomic_store_explicit(&ring->pushed, pushed + 1, memory_order_release); /* the block is filled */
    return true;
}

static inline bool ring_pop(struct ring *ring, struct block *block) {
    uint64_t popped = atomic_load_explicit(&ring->popped, memory_order_relaxed);
    if (popped == ring->pushed_seen) {
        ring->pushed_seen =
            atomic_load_explicit(&ring->pushed, memory_order_acquire); /* the block is filled */
        if (popped == ring->pushed_seen) {
            return false;
        }
    }
    *block = ring->block[popped % ring->depth];
    uint64_t bytes = atomic_load_explicit(&ring->popped_bytes, memory_order_relaxed);
    atomic_store_explicit(&ring->popped_bytes, bytes + block->size, memory_order_relaxed);
    atomic_store_explicit(&ring->popped, popped + 1, memory_order_release); /* the place is free */
    return true;
}

/* Live in the ring, about: the counters move while they are read. */
static inline uint64_t ring_bytes(const struct ring *ring) {
    uint64_t popped = atomic_load_explicit(&ring->popped_bytes, memory_order_relaxed);
    uint64_t pushed = atomic_load_explicit(&ring->pushed_bytes, memory_order_relaxed);
    return pushed > popped ? pushed - popped : 0;
}

#endif
