/* SPDX-License-Identifier: MIT
 *
 * What a sanitizer or valgrind is told of blocks. Nothing in a release build; a sanitizer build compiles
 * tsan/shadow.h instead. */
#ifndef FREEHOLD_SHADOW_H
#define FREEHOLD_SHADOW_H

#ifdef FREEHOLD_SANITIZED
#include "../tsan/shadow.h"
#else

#include <stdbool.h>
#include <stddef.h>

/* block has been allocated for size bytes. Returns block. */
static inline void *shadow_allocated(void *block, size_t size) {
    (void)size;
    return block;
}

/* block is about to be freed. */
static inline void shadow_freed(void *block) {
    (void)block;
}

/* block has become resized, of size bytes, without a copy. */
static inline void shadow_resized(void *block, void *resized, size_t size) {
    (void)block;
    (void)resized;
    (void)size;
}

/* block has just been allocated and is known to read as zero. Returns block. */
static inline void *shadow_zeroed(void *block, size_t size) {
    (void)size;
    return block;
}

/* The address range is about to go back to the kernel, which may give it to anybody. */
static inline void shadow_unmapped(void *address, size_t length) {
    (void)address;
    (void)length;
}

/* Pages have been moved to another address. */
static inline void shadow_moved(void *address, void *target, size_t length) {
    (void)address;
    (void)target;
    (void)length;
}

/* Whether a mapping may grow where it is. */
static inline bool shadow_can_grow(void) {
    return true;
}

/* The bytes of block that its user may touch, of usable. */
static inline size_t shadow_size(const void *block, size_t usable) {
    (void)block;
    return usable;
}

#endif
#endif
