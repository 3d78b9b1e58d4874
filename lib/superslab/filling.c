/* SPDX-License-Identifier: MIT */
#include "filling.h"

#include <string.h>

#define LIVE      0xa5u
#define FREE      0xdbu
#define FREE_WORD (UINT64_MAX / 0xff * FREE)

/* More is not looked at: these bytes at the start of a free block, and its last word. */
#define FREE_MOST 1024u

static uint64_t *trailer_of(const void *block, size_t block_size) {
    return (uint64_t *)((uintptr_t)block + block_size - TRAILER);
}

/* The size four times over, hidden by the trailer's address. */
static uint64_t seal(const uint64_t *trailer, size_t size) {
    uint64_t key = (uintptr_t)trailer * 0x9e3779b97f4a7c15u;
    return key ^ (size * 0x0001000100010001u);
}

static bool unseal(const uint64_t *trailer, size_t block_size, size_t *size) {
    uint64_t sealed = __atomic_load_n(trailer, __ATOMIC_RELAXED);
    *size = (sealed ^ seal(trailer, 0)) & UINT16_MAX;
    return *size <= block_size - TRAILER && sealed == seal(trailer, *size);
}

void filling_begin(void *block, size_t block_size, size_t size) {
    uint64_t *trailer = trailer_of(block, block_size);
    memset((char *)block + size, LIVE, block_size - TRAILER - size);
    __atomic_store_n(trailer, seal(trailer, size), __ATOMIC_RELAXED);
}

bool filling_size(const void *block, size_t block_size, size_t *size) {
    if (!unseal(trailer_of(block, block_size), block_size, size))
        return false;
    const unsigned char *bytes = block;
    for (size_t i = *size; i < block_size - TRAILER; i++)
        if (bytes[i] != LIVE)
            return false;
    return true;
}

/* The end of what is filled, but for the trailer: that is written at once, for others look at it. */
static size_t filled(size_t block_size) {
    return block_size - TRAILER < FREE_MOST ? block_size - TRAILER : FREE_MOST;
}

void filling_end(void *block, size_t block_size) {
    if (block_size <= sizeof(struct block))
        return;
    memset((char *)block + sizeof(struct block), FREE, filled(block_size) - sizeof(struct block));
    __atomic_store_n(trailer_of(block, block_size), FREE_WORD, __ATOMIC_RELAXED);
}

bool filling_is_whole(const void *block, size_t block_size) {
    const uint64_t *words = block;
    for (size_t i = sizeof(struct block) / sizeof *words; i < filled(block_size) / sizeof *words; i++)
        if (words[i] != FREE_WORD)
            return false;
    return block_size <= sizeof(struct block) || *trailer_of(block, block_size) == FREE_WORD;
}

bool filling_ends(const void *before, size_t block_size) {
    const uint64_t *trailer = trailer_of(before, block_size);
    size_t size;
    /* Twice, for it may become live in between. */
    return block_size <= sizeof(struct block) || unseal(trailer, block_size, &size) ||
           __atomic_load_n(trailer, __ATOMIC_RELAXED) == FREE_WORD || unseal(trailer, block_size, &size);
}
