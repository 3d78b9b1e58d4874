/* SPDX-License-Identifier: MIT
 *
 * A working set: a fixed number of blocks of which random ones are replaced.
 */
#ifndef STRESS_SET_H
#define STRESS_SET_H

#include "block.h"

struct set {
    struct block *block;
    uint64_t count;
    size_t min, max; /* sizes of the blocks, both included */
};

static inline struct set set_map(uint64_t count, size_t min, size_t max) {
    return (struct set){stress_map(count * sizeof(struct block)), count, min, max};
}

/* One for each thread. */
static inline void sets_map(struct set *sets, uint64_t count, size_t min, size_t max) {
    if (min > max) {
        stress_usage("the minimum is over the maximum");
    }
    for (unsigned i = 0; i < stress.threads; i++) {
        sets[i] = set_map(count, min, max);
    }
}

/* As many blocks as make up so many bytes; their records are resident, and so no part of what comes later. */
static inline struct set set_map_bytes(uint64_t bytes, size_t min, size_t max) {
    uint64_t count = bytes / ((min + max + 1) / 2) + 1;
    return (struct set){stress_map_resident(count * sizeof(struct block)), count, min, max};
}

static inline size_t set_size(const struct set *set, uint64_t *random) {
    return set->min + random_below(random, set->max - set->min + 1);
}

static inline void set_fill(struct set *set, struct worker *worker) {
    for (uint64_t i = 0; i < set->count; i++) {
        block_take(&set->block[i], worker, set_size(set, &worker->random));
    }
}

/* One replacement is a free and a malloc. */
static inline void set_replace(struct set *set, struct worker *worker, uint64_t replacements) {
    for (; replacements > 0; replacements--) {
        struct block *block = &set->block[random_below(&worker->random, set->count)];
        block_free(block);
        block_take(block, worker, set_size(set, &worker->random));
    }
}

static inline void set_free(struct set *set) {
    for (uint64_t i = 0; i < set->count; i++) {
        if (set->block[i].at != NULL) {
            block_free(&set->block[i]);
        }
    }
}

#endif
