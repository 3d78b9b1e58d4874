/* SPDX-License-Identifier: MIT
 *
 * A block and what is known about it. Its bytes follow from its id and size alone, so whoever holds the
 * record can check the block, and a block that another one overlaps, or that moved, cannot look right.
 */
#ifndef STRESS_BLOCK_H
#define STRESS_BLOCK_H

#include "stress.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "block_pattern shifts words as little endian bytes");

struct block {
    unsigned char *at; /* NULL: none */
    size_t size;
    uint64_t id;
};

/* The eight bytes that belong at any offset of the block. */
static inline uint64_t block_pattern(const struct block *block, size_t offset) {
    const uint64_t step = 0x9e3779b97f4a7c15ULL;
    uint64_t word = (block->id ^ (uint64_t)block->size << 20) * step + (offset >> 3) * step;
    unsigned shift = (offset & 7) * 8;
    return shift == 0 ? word : word >> shift | (word + step) << (64 - shift);
}

static inline void block_store(const struct block *block, size_t offset) {
    uint64_t word = block_pattern(block, offset);
    memcpy(block->at + offset, &word, sizeof word);
}

void block_fill_all(const struct block *block);
void block_check_all(const struct block *block, size_t bytes);
void block_missing(size_t size, size_t alignment) __attribute__((noreturn));
void block_misaligned(const struct block *block, size_t alignment) __attribute__((noreturn));
void block_wrong(const struct block *block, size_t offset) __attribute__((noreturn));

static inline void block_check_word(const struct block *block, size_t offset) {
    uint64_t word;
    memcpy(&word, block->at + offset, sizeof word);
    if (word != block_pattern(block, offset)) {
        block_wrong(block, offset);
    }
}

static inline void block_fill(const struct block *block) {
    if (stress.verify == VERIFY_NONE) {
        block->at[0] = 1; /* a block that nobody touches is no block in use */
    } else if (stress.verify == VERIFY_CHEAP && block->size >= 8) {
        block_store(block, 0);
        block_store(block, block->size - 8);
    } else {
        block_fill_all(block);
    }
}

static inline void block_check(const struct block *block) {
    if (stress.verify == VERIFY_CHEAP && block->size >= 8) {
        block_check_word(block, 0);
        block_check_word(block, block->size - 8);
    } else if (stress.verify != VERIFY_NONE) {
        block_check_all(block, block->size);
    }
}

/* The compiler may assume the alignment that the C library promises; here it is to be checked. */
static inline uintptr_t block_address(const void *at) {
    uintptr_t address = (uintptr_t)at;
    __asm__("" : "+r"(address));
    return address;
}

static inline void block_check_start(const struct block *block, size_t alignment) {
    if (block->at == NULL) {
        block_missing(block->size, alignment);
    }
    if (block_address(block->at) % alignment != 0) {
        block_misaligned(block, alignment);
    }
}

/* Records what an allocation function has returned. */
static inline void block_set(struct block *block, struct worker *worker, void *at, size_t size,
                             size_t alignment) {
    *block = (struct block){.at = at, .size = size, .id = worker->next_id++};
    block_check_start(block, alignment);
    block_fill(block);
}

/* C asks for an alignment that the size can use: 16 bytes, but 8 for less than 16. */
static inline size_t block_alignment(size_t size) {
    return size < 16 ? 8 : 16;
}

static inline void block_take(struct block *block, struct worker *worker, size_t size) {
    block_set(block, worker, stress_malloc(size), size, block_alignment(size));
}

/* By calloc; the block must be zero. */
void block_take_zeroed(struct block *block, struct worker *worker, size_t size);

/* By realloc; what fits must have been kept. */
void block_resize(struct block *block, struct worker *worker, size_t size);

void blocks_shuffle(struct block *blocks, uint64_t count, uint64_t *random);

/* Fails if any two of the blocks overlap; scratch has room for count pointers. */
void block_check_apart(const struct block *blocks, uint64_t count, const struct block **scratch);

static inline void block_free(struct block *block) {
    block_check(block);
    stress_free(block->at);
    block->at = NULL;
}

#endif
