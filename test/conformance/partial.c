/* SPDX-License-Identifier: MIT
 *
 * A program with a malloc of its own, as many as have one: malloc, calloc, realloc and free, and none of the
 * names that came later. What a library allocates by those has to come from the same place. */
#include <dlfcn.h>
#include <stdlib.h>

#include "conformance/probe.h"

#define SPACE ((size_t)1 << 20)

/* Each block has its size before it; nothing is used again. */
static _Alignas(16) char space[SPACE];
static size_t used;
static size_t freed;

static bool is_mine(const void *block) {
    return (uintptr_t)block - (uintptr_t)space < SPACE;
}

static size_t *size_of(void *block) {
    return (size_t *)block - 1;
}

static void *take(size_t size) {
    size_t start = used + 16;
    used = (start + size + 15) & ~(size_t)15;
    if (used > SPACE) {
        return NULL;
    }
    *size_of(space + start) = size;
    return space + start;
}

static void give(void *block) {
    REQUIRE(block == NULL || is_mine(block));
    freed++;
}

static void *take_zeroed(size_t count, size_t size) {
    return take(count * size);
}

static void *resize(void *block, size_t size) {
    void *moved = take(size);
    if (block) {
        REQUIRE(is_mine(block));
        memcpy(moved, block, *size_of(block) < size ? *size_of(block) : size);
        give(block);
    }
    return moved;
}

#define REPLACE(type, name, target, parameters) extern __attribute__((alias(#target))) type name parameters;
REPLACE(void *, malloc, take, (size_t))
REPLACE(void *, calloc, take_zeroed, (size_t, size_t))
REPLACE(void *, realloc, resize, (void *, size_t))
REPLACE(void, free, give, (void *))

int main(void) {
    char *block = reallocarray(NULL, 10, 10);
    REQUIRE(is_mine(block));
    block_fill(block, 100, 1);
    char *moved = reallocarray(block, 100, 100);
    REQUIRE(is_mine(moved) && block_holds(moved, 100, 1));
    free(moved);
    const void *none = reallocarray(NULL, opaque_size(SIZE_MAX), 100);
    REQUIRE(none == NULL);
    const char *const names[] = {"free_sized", "free_aligned_sized"};
    for (size_t i = 0; i < 2; i++) {
        void (*free_it)(void *, size_t, size_t) =
            (void (*)(void *, size_t, size_t))dlsym(RTLD_DEFAULT, names[i]);
        size_t before = freed;
        if (free_it) {
            free_it(malloc(100), 100, 100);
            REQUIRE(freed == before + 1);
        }
    }
    return 0;
}
