/* SPDX-License-Identifier: MIT
 *
 * What a sanitizer is told of blocks; the contract is that of lib/shadow.h.
 *
 * ThreadSanitizer: a free is a write to every byte of the block, so that whatever else is done to the block
 * without being ordered before the free is a race.
 * AddressSanitizer: what is not live is poisoned, and so is the rest of a live block beyond the size that was
 * asked for. That size is kept in the sanitizer's own memory and nowhere else. The library is not
 * instrumented itself: it links free blocks through their first bytes, which the user must not touch.
 * UndefinedBehaviorSanitizer knows nothing of blocks.
 * MemorySanitizer: a block is uninitialised when it is allocated, and again when it is freed. */
#ifndef FREEHOLD_TSAN_SHADOW_H
#define FREEHOLD_TSAN_SHADOW_H

#include "../lib/arena/arena.h"
#include "../lib/superslab/verdict.h"

#if defined(FREEHOLD_TSAN)

static inline void tell_live(char *block, size_t size, size_t usable) {
    (void)block;
    (void)size;
    (void)usable;
}

static inline void tell_free(char *block, size_t usable) {
    __tsan_write_range(block, (long)usable);
}

#elif defined(FREEHOLD_ASAN)
#include <sanitizer/asan_interface.h>

static inline void tell_live(char *block, size_t size, size_t usable) {
    size = size == 0 ? 1 : size; /* so that a live block can be told from a free one */
    __asan_unpoison_memory_region(block, size < usable ? usable : size);
    if (size < usable)
        __asan_poison_memory_region(block + size, usable - size);
}

static inline void tell_free(char *block, size_t usable) {
    if (__asan_address_is_poisoned(block))
        verdict_report("free", block, NULL);
    __asan_poison_memory_region(block, usable);
}

#elif defined(FREEHOLD_MSAN)
#include <sanitizer/msan_interface.h>

static inline void tell_live(char *block, size_t size, size_t usable) {
    (void)size;
    __msan_allocated_memory(block, usable);
}

static inline void tell_free(char *block, size_t usable) {
    __msan_allocated_memory(block, usable);
}

#elif defined(FREEHOLD_UBSAN)

static inline void tell_live(char *block, size_t size, size_t usable) {
    (void)block;
    (void)size;
    (void)usable;
}

static inline void tell_free(char *block, size_t usable) {
    (void)block;
    (void)usable;
}

#else
#error "FREEHOLD_SANITIZED needs one of FREEHOLD_TSAN, FREEHOLD_ASAN, FREEHOLD_MSAN and FREEHOLD_UBSAN"
#endif

static inline void *shadow_allocated(void *block, size_t size) {
    if (block != NULL)
        tell_live(block, size, arena_block_size(block, "malloc", NULL));
    return block;
}

/* What is no live block is left to free itself to tell of. */
static inline void shadow_freed(void *block) {
    size_t usable = block == NULL ? NO_BLOCK : arena_block_size(block, NULL, NULL);
    if (usable != NO_BLOCK)
        tell_free(block, usable);
}

#ifdef FREEHOLD_ASAN

static inline void shadow_resized(void *block, void *resized, size_t size) {
    (void)block; /* its address space is gone if it has moved */
    tell_live(resized, size, arena_block_size(resized, "realloc", NULL));
}

static inline size_t shadow_size(const void *block, size_t usable) {
    const char *beyond = __asan_region_is_poisoned((void *)block, usable);
    return beyond == NULL ? usable : (size_t)(beyond - (const char *)block);
}

static inline void shadow_unmapped(void *address, size_t length) {
    __asan_unpoison_memory_region(address, length);
}

#else

static inline void shadow_resized(void *block, void *resized, size_t size) {
    (void)block;
    (void)resized;
    (void)size;
}

static inline size_t shadow_size(const void *block, size_t usable) {
    (void)block;
    return usable;
}

static inline void shadow_unmapped(void *address, size_t length) {
    (void)address;
    (void)length;
}

#endif

/* The moved bytes' own state is not known any more: they count as initialised and as the user's. */
static inline void shadow_moved(void *address, void *target, size_t length) {
#if defined(FREEHOLD_ASAN)
    __asan_poison_memory_region(address, length);
    __asan_unpoison_memory_region(target, length);
#elif defined(FREEHOLD_MSAN)
    __msan_unpoison(target, length);
#endif
    (void)address;
    (void)target;
    (void)length;
}

/* ThreadSanitizer does not see mremap: it would take the new part for what was at these addresses before. */
static inline bool shadow_can_grow(void) {
#ifdef FREEHOLD_TSAN
    return false;
#else
    return true;
#endif
}

static inline void *shadow_zeroed(void *block, size_t size) {
#ifdef FREEHOLD_MSAN
    __msan_unpoison(block, size);
#endif
    (void)size;
    return block;
}

#endif
