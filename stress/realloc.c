/* SPDX-License-Identifier: MIT
 *
 * Blocks that grow and shrink as programs do it: strings that are appended to, vectors that grow by half,
 * buffers that double until they are huge, buffers that shrink, and no pattern at all.
 */
#include "block.h"

#include <inttypes.h>

static uint64_t max = 16 * MIB, written = 0;
static const char *pattern_text = "all";

enum pattern { APPEND, GROW_BY_HALF, DOUBLE, SHRINK, ANY, PATTERNS };
static const char *const pattern_names[] = {"append", "half", "double", "shrink", "any", "all"};
static unsigned chosen; /* PATTERNS: all */
enum { BLOCKS = 4 * PATTERNS, APPEND_LAST = 64 * KIB, ANY_LOG_MAX = 18, SHRINK_FIRST = MIB };

static struct block sets[THREADS_MAX][BLOCKS];

static const struct option options[] = {
    {"max", OPTION_NUMBER, &max, 1, UINT64_C(1) << 40, "size that a doubling block reaches, bytes"},
    {"pattern", OPTION_TEXT, &pattern_text, 0, 0, "append, half, double, shrink, any, or all of them"},
    {"written", OPTION_NUMBER, &written, 0, 1, "1: what a block grows by is written, as programs do"},
    {0},
};

static const struct program program = {
    .name = "realloc",
    .summary =
        "Growth patterns, small to huge; contents must survive each move. An operation is one realloc.",
    .options = options,
    .threads = 4,
};

static size_t size_any(uint64_t *random) {
    return 1 + random_below(random, UINT64_C(1) << (4 + random_below(random, ANY_LOG_MAX - 3)));
}

static size_t first_size(enum pattern pattern, uint64_t *random) {
    return pattern == SHRINK ? SHRINK_FIRST
           : pattern == ANY  ? size_any(random)
                             : 1 + random_below(random, 100);
}

/* The next size in the life of a block; 0: the life is over. */
static size_t next_size(enum pattern pattern, size_t size, uint64_t *random) {
    switch (pattern) {
    case APPEND:
        return size < APPEND_LAST ? size + 1 + random_below(random, 64) : 0;
    case GROW_BY_HALF:
        return size < max / 8 ? size + size / 2 + 1 : 0;
    case DOUBLE:
        return size < max ? size * 2 : 0;
    case SHRINK:
        return size > 16 ? size - size / 4 : 0;
    default:
        return size_any(random);
    }
}

static void read_pattern(void) {
    while (chosen <= PATTERNS && strcmp(pattern_text, pattern_names[chosen]) != 0) {
        chosen++;
    }
    if (chosen > PATTERNS) {
        stress_usage("pattern: '%s' is not append, half, double, shrink, any or all", pattern_text);
    }
}

/* All but the ends, which tell what block it is. */
static void write_growth(const struct block *block, size_t before) {
    if (written && stress.verify != VERIFY_FULL && block->size > before + 16) {
        memset(block->at + before + 8, (int)block->id, block->size - before - 16);
    }
}

static void step(struct block *block, enum pattern pattern, struct worker *worker) {
    size_t before = block->at == NULL ? 0 : block->size;
    size_t size = before == 0 ? 0 : next_size(pattern, before, &worker->random);
    if (size > 0) {
        block_resize(block, worker, size);
        write_growth(block, before);
        return;
    }
    if (block->at != NULL) {
        block_free(block);
    }
    block_take(block, worker, first_size(pattern, &worker->random));
}

static bool work(struct worker *worker) {
    struct block *blocks = sets[worker->number];
    while (worker_budget(worker, 1) > 0) {
        uint64_t i = random_below(&worker->random, BLOCKS);
        step(&blocks[i], (enum pattern)(chosen < PATTERNS ? chosen : i % PATTERNS), worker);
        worker_count(worker, 1);
    }
    for (int i = 0; i < BLOCKS; i++) {
        if (blocks[i].at != NULL) {
            block_free(&blocks[i]);
        }
    }
    return false;
}

int main(int argc, char **argv) {
    stress_start(&program, argc, argv);
    read_pattern();
    stress_run(work, NULL);
    stress_result(" max=%" PRIu64 " pattern=%s", max, pattern_text);
}
