/* SPDX-License-Identifier: MIT */
#include "filling.h"

#include <string.h>

#define LIVE      0xa5u
#define FREE      0xdbu
#define LIVE_WORD (UINT64_MAX / 0xff * LIVE)
#define FREE_WORD (UINT64_MAX / 0xff * FREE)
#define NEW_WORD  (FREE_WORD + 1) /* at the end of a block that has never been handed out */

/* Of such a block these bytes are filled, for it may never be. */
#define NEW_MOST 1024u

static uint64_t *trailer_of(const void *block, size_t block_size) {
    return (uint64_t *)((uintptr_t)block + block_size - TRAILER);
}

/* A word behind a block, hidden by its address. Its first byte and its last are those of the filling: so the
 * one byte that is written too far is seen, be it the 0 at the end of a string, whatever the address. */
static uint64_t hide(const uint64_t *trailer, uint64_t word) {
    uint64_t key = (uintptr_t)trailer * 0x9e3779b97f4a7c15u, inner = 0x00ffffffffffff00u;
    return ((key ^ word) & inner) | (LIVE_WORD & ~inner);
}

/* The size four times over, as far as it fits. */
static uint64_t seal(const uint64_t *trailer, size_t size) {
    return hide(trailer, size * 0x0001000100010001u);
}

static bool unseal(const uint64_t *trailer, size_t block_size, size_t *size) {
    uint64_t sealed = __atomic_load_n(trailer, __ATOMIC_RELAXED);
    *size = (sealed ^ seal(trailer, 0)) >> 16 & UINT16_MAX;
    return *size <= block_size - TRAILER && sealed == seal(trailer, *size);
}

void filling_begin(void *block, size_t block_size, size_t size) {
    uint64_t *trailer = trailer_of(block, block_size);
    memset((char *)block + size, LIVE, block_size - TRAILER - size);
    __atomic_store_n(trailer, seal(trailer, size), __ATOMIC_RELAXED);
}

/* Up to the trailer. */
static bool is_live_filled(const unsigned char *byte, const uint64_t *end) {
    for (; (uintptr_t)byte % sizeof *end != 0; byte++)
        if (*byte != LIVE)
            return false;
    const uint64_t *word = (const uint64_t *)byte;
    while (word < end && *word == LIVE_WORD)
        word++;
    return word == end;
}

bool filling_size(const void *block, size_t block_size, size_t *size) {
    const uint64_t *trailer = trailer_of(block, block_size);
    return unseal(trailer, block_size, size) && is_live_filled((const unsigned char *)block + *size, trailer);
}

/* The trailer is written at once, for others look at it; and first, see filling_holds. */
static void fill(void *block, size_t block_size, size_t filled, uint64_t end) {
    if (block_size <= sizeof(struct block))
        return;
    __atomic_store_n(trailer_of(block, block_size), end, __ATOMIC_RELAXED);
    atomic_thread_fence(memory_order_release); /* partner: filling_holds */
    memset((char *)block + sizeof(struct block), FREE, filled - sizeof(struct block));
}

static size_t filled_of_new(size_t block_size) {
    return block_size - TRAILER < NEW_MOST ? block_size - TRAILER : NEW_MOST;
}

void filling_new(void *block, size_t block_size) {
    fill(block, block_size, filled_of_new(block_size), NEW_WORD);
}

void filling_end(void *block, size_t block_size) {
    fill(block, block_size, block_size - TRAILER, FREE_WORD);
}

void filling_mend(void *block, size_t block_size) {
    uint64_t *words = block;
    if (block_size > sizeof(struct block))
        words[sizeof(struct block) / sizeof *words] = FREE_WORD;
}

/* Eight at a time: blocks are up to SMALL_MAX long. */
static bool is_filled(const uint64_t *words, const uint64_t *end) {
    for (; end - words >= 8; words += 8) {
        uint64_t wrong = 0;
        for (unsigned i = 0; i < 8; i++)
            wrong |= words[i] ^ FREE_WORD;
        if (wrong != 0)
            return false;
    }
    while (words < end && *words == FREE_WORD)
        words++;
    return words >= end;
}

bool filling_is_whole(const void *block, size_t block_size) {
    if (block_size <= sizeof(struct block))
        return true;
    uint64_t end = *trailer_of(block, block_size);
    if (end != FREE_WORD && end != NEW_WORD)
        return false;
    size_t filled = end == NEW_WORD ? filled_of_new(block_size) : block_size - TRAILER;
    const char *bytes = block;
    return is_filled((const uint64_t *)(bytes + sizeof(struct block)), (const uint64_t *)(bytes + filled));
}

static bool is_free_end(const uint64_t *trailer) {
    uint64_t end = __atomic_load_n(trailer, __ATOMIC_RELAXED);
    return end == FREE_WORD || end == NEW_WORD;
}

bool filling_ends(const void *before, size_t block_size) {
    const uint64_t *trailer = trailer_of(before, block_size);
    size_t size;
    /* Twice, for it may become live in between. */
    return block_size <= sizeof(struct block) || unseal(trailer, block_size, &size) || is_free_end(trailer) ||
           unseal(trailer, block_size, &size);
}

/* If what looks damaged is about to be filled as a free block, the trailer says so by now. */
bool filling_holds(const void *block, size_t block_size) {
    size_t size;
    if (block_size <= sizeof(struct block) || is_free_end(trailer_of(block, block_size)) ||
        filling_size(block, block_size, &size))
        return true;
    atomic_thread_fence(memory_order_acquire); /* partner: fill */
    return is_free_end(trailer_of(block, block_size));
}

/* Behind a large block are two words: its size, hidden by their address, and the same the other way round. */
static uint64_t *large_trailer(const void *block, size_t length) {
    return (uint64_t *)((uintptr_t)block + length - LARGE_TRAILER);
}

/* The end of what is filled behind size bytes. */
static const char *large_fill(const void *block, size_t length, size_t size) {
    size_t most = length - LARGE_TRAILER;
    return (const char *)block + (most - size < LARGE_FILL ? most : size + LARGE_FILL);
}

void filling_begin_large(void *block, size_t length, size_t size) {
    uint64_t *trailer = large_trailer(block, length);
    char *end = (char *)block + size;
    memset(end, LIVE, (size_t)(large_fill(block, length, size) - end));
    trailer[0] = hide(trailer, (uint64_t)size << 8);
    trailer[1] = ~trailer[0];
}

bool filling_size_large(const void *block, size_t length, size_t *size) {
    const uint64_t *trailer = large_trailer(block, length);
    *size = (trailer[0] ^ hide(trailer, 0)) >> 8;
    if (trailer[0] != hide(trailer, (uint64_t)*size << 8) || trailer[1] != ~trailer[0] ||
        *size > length - LARGE_TRAILER)
        return false;
    const char *fill = (const char *)block + *size;
    while (fill < large_fill(block, length, *size) && (unsigned char)*fill == LIVE)
        fill++;
    return fill == large_fill(block, length, *size);
}

void filling_end_large(void *block, size_t length) {
    memset(block, FREE, length);
}

bool filling_is_whole_large(const void *block, size_t length) {
    return is_filled(block, (const uint64_t *)((const char *)block + length));
}

void filling_edge(void *start) {
    *trailer_of(start, 0) = FREE_WORD;
}
