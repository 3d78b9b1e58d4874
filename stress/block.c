/* SPDX-License-Identifier: MIT */
#include "block.h"

#include <inttypes.h>

void block_fill_all(const struct block *block) {
    size_t offset = 0;
    for (; offset + 8 <= block->size; offset += 8) {
        block_store(block, offset);
    }
    uint64_t rest = block_pattern(block, offset);
    memcpy(block->at + offset, &rest, block->size - offset);
}

void block_check_all(const struct block *block, size_t bytes) {
    size_t offset = 0;
    for (; offset + 8 <= bytes; offset += 8) {
        block_check_word(block, offset);
    }
    uint64_t rest = block_pattern(block, offset);
    if (memcmp(block->at + offset, &rest, bytes - offset) != 0) {
        block_wrong(block, offset);
    }
}

void block_wrong(const struct block *block, size_t offset) {
    uint64_t expected = block_pattern(block, offset);
    uint64_t found = 0;
    size_t left = block->size - offset;
    size_t length = left < sizeof found ? left : sizeof found;
    memcpy(&found, block->at + offset, length);
    if (length < sizeof found) {
        expected &= (UINT64_C(1) << length * 8) - 1;
    }
    stress_fail("wrong contents: block %p of %zu bytes, id %" PRIu64 ", offset %zu: expected 0x%0*" PRIx64
                ", found 0x%0*" PRIx64,
                (void *)block->at, block->size, block->id, offset, (int)length * 2, expected, (int)length * 2,
                found);
}

void block_missing(size_t size, size_t alignment) {
    stress_fail("no memory: a block of %zu bytes, alignment %zu", size, alignment);
}

void block_misaligned(const struct block *block, size_t alignment) {
    stress_fail("wrong alignment: block %p of %zu bytes, id %" PRIu64
                ": expected a multiple of %zu, found %zu over",
                (void *)block->at, block->size, block->id, alignment, block_address(block->at) % alignment);
}

void blocks_shuffle(struct block *blocks, uint64_t count, uint64_t *random) {
    for (uint64_t i = count; i > 1; i--) {
        uint64_t other = random_below(random, i);
        struct block block = blocks[i - 1];
        blocks[i - 1] = blocks[other];
        blocks[other] = block;
    }
}

/* Shell sort: qsort may allocate. */
static void sort_by_address(const struct block **blocks, uint64_t count) {
    for (uint64_t gap = count / 2; gap > 0; gap = gap == 2 ? 1 : gap * 5 / 11) {
        for (uint64_t i = gap; i < count; i++) {
            const struct block *block = blocks[i];
            uint64_t j = i;
            for (; j >= gap && blocks[j - gap]->at > block->at; j -= gap) {
                blocks[j] = blocks[j - gap];
            }
            blocks[j] = block;
        }
    }
}

void block_check_apart(const struct block *blocks, uint64_t count, const struct block **scratch) {
    for (uint64_t i = 0; i < count; i++) {
        scratch[i] = &blocks[i];
    }
    sort_by_address(scratch, count);
    for (uint64_t i = 1; i < count; i++) {
        const struct block *low = scratch[i - 1];
        const struct block *high = scratch[i];
        if (low->at + low->size > high->at) {
            stress_fail("overlap: block %p of %zu bytes, id %" PRIu64
                        ", and block %p of %zu bytes, id %" PRIu64,
                        (void *)low->at, low->size, low->id, (void *)high->at, high->size, high->id);
        }
    }
}

static void check_zero(const struct block *block, size_t offset) {
    if (block->at[offset] != 0) {
        stress_fail("not zero: block %p of %zu bytes, offset %zu: expected 0x00, found 0x%02x",
                    (void *)block->at, block->size, offset, block->at[offset]);
    }
}

void block_take_zeroed(struct block *block, struct worker *worker, size_t size) {
    void *at = stress_calloc(1, size);
    struct block fresh = {.at = at, .size = size};
    block_check_start(&fresh, block_alignment(size));
    size_t step = stress.verify == VERIFY_FULL ? 1 : 61;
    for (size_t offset = 0; stress.verify != VERIFY_NONE && offset < size; offset += step) {
        check_zero(&fresh, offset);
    }
    block_set(block, worker, at, size, block_alignment(size));
}

void block_resize(struct block *block, struct worker *worker, size_t size) {
    block_check(block);
    struct block before = *block;
    void *at = stress_realloc(before.at, size);
    before.at = at;
    size_t kept = before.size < size ? before.size : size;
    block_check_start(&(struct block){.at = at, .size = size, .id = before.id}, block_alignment(size));
    if (stress.verify == VERIFY_FULL || (stress.verify == VERIFY_CHEAP && before.size < 8)) {
        block_check_all(&before, kept);
    } else if (stress.verify == VERIFY_CHEAP && kept >= 8) {
        block_check_word(&before, 0);
        if (kept == before.size) {
            block_check_word(&before, kept - 8);
        }
    }
    block_set(block, worker, at, size, block_alignment(size));
}
