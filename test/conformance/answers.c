/* SPDX-License-Identifier: MIT
 *
 * Writes what the malloc family answers to odd arguments, and errno after it. agreement compares Freehold's
 * answers with the C library's own. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "conformance/probe.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const size_t sizes[] = {
    0, 1, 100, PTRDIFF_MAX - 100, PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1, SIZE_MAX - 4095, SIZE_MAX,
};

static const size_t alignments[] = {
    1, 8, 16, 4096, (size_t)1 << 61, (size_t)1 << 62, (size_t)1 << 63,
};

/* For these the C library changed its mind in aligned_alloc. */
static const size_t no_powers[] = {0, 3, ((size_t)1 << 62) + 1, ((size_t)1 << 63) + 1, SIZE_MAX};

static void answer(const char *call, size_t first, size_t second, void *block) {
    printf("%s(%#zx, %#zx): %s, errno %d\n", call, first, second, block ? "a block" : "null", errno);
    free(block);
    errno = 0;
}

static void answer_memalign(size_t alignment, size_t size) {
    void *block = NULL;
    answer("memalign", alignment, size, memalign(opaque_size(alignment), opaque_size(size)));
    int status = posix_memalign(&block, opaque_size(alignment), opaque_size(size));
    printf("%d from ", status);
    answer("posix_memalign", alignment, size, block);
}

static void answer_aligned(void) {
    for (size_t i = 0; i < COUNT(sizes); i++) {
        for (size_t a = 0; a < COUNT(alignments); a++) {
            answer_memalign(alignments[a], sizes[i]);
            answer("aligned_alloc", alignments[a], sizes[i],
                   aligned_alloc(opaque_size(alignments[a]), opaque_size(sizes[i])));
        }
        for (size_t a = 0; a < COUNT(no_powers); a++) {
            answer_memalign(no_powers[a], sizes[i]);
        }
    }
}

static void answer_plain(void) {
    for (size_t i = 0; i < COUNT(sizes); i++) {
        size_t size = opaque_size(sizes[i]);
        answer("malloc", size, 0, malloc(size));
        answer("calloc", size, 3, calloc(size, 3));
        answer("calloc", 3, size, calloc(3, size));
        answer("reallocarray", size, 7, reallocarray(NULL, size, 7));
        answer("valloc", size, 0, valloc(size));
        answer("pvalloc", size, 0, pvalloc(size));
        void *block = malloc(10);
        void *moved = realloc(block, size);
        answer("realloc", 10, size, moved);
        if (!moved && size != 0) {
            free(block);
        }
    }
}

static void answer_options(void) {
    static const int parameters[] = {
        M_MXFAST,     M_TRIM_THRESHOLD,
        M_TOP_PAD,    M_MMAP_THRESHOLD,
        M_MMAP_MAX,   M_CHECK_ACTION,
        M_ARENA_TEST, M_ARENA_MAX,
        -99,          77,
    };
    static const int values[] = {-1, 0, 1, 160, 161, 1 << 20, 1 << 25, (1 << 25) + 1, INT32_MAX};
    for (size_t p = 0; p < COUNT(parameters); p++) {
        for (size_t v = 0; v < COUNT(values); v++) {
            printf("mallopt(%d, %d): %d\n", parameters[p], values[v], mallopt(parameters[p], values[v]));
        }
    }
    printf("malloc_info(1): %d\n", malloc_info(1, stdout));
    printf("malloc_usable_size(NULL): %zu\n", malloc_usable_size(NULL));
}

int main(void) {
    errno = 0;
    answer_aligned();
    answer_plain();
    answer_options();
    return 0;
}
