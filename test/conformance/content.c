/* SPDX-License-Identifier: MIT
 *
 * Contents: blocks do not overlap, calloc is zero, realloc keeps, and no content is ever taken for metadata.
 */
#include "conformance/unit.h"

/* Around the borders of small (to 32 KiB), large (to 1 or 2 MiB) and huge blocks, and of 4 MiB regions. */
static const size_t border_sizes[] = {
    1,    15,          16,      17,           128,         129,          1024,        1025,         4095,
    4096, 4097,        8 * KIB, 32 * KIB - 1, 32 * KIB,    32 * KIB + 1, 64 * KIB,    64 * KIB + 1, 200000,
    MIB,  2 * MIB - 1, 2 * MIB, 2 * MIB + 1,  4 * MIB - 1, 4 * MIB,      4 * MIB + 1, 9000001,
};

static void blocks_do_not_overlap(void **state) {
    (void)state;
    static struct {
        void *block;
        size_t size;
    } live[2000];
    uint64_t random = 1;
    for (size_t step = 0; step < 200000; step++) {
        size_t i = random_next(&random) % COUNT(live);
        if (live[i].block) {
            assert_true(block_holds(live[i].block, live[i].size, i));
            free(live[i].block);
        }
        /* Any order of magnitude is as likely as any other. */
        live[i].size = random_next(&random) % ((size_t)1 << (1 + random_next(&random) % 17));
        live[i].block = malloc(live[i].size);
        assert_non_null(live[i].block);
        block_fill(live[i].block, live[i].size, i);
    }
    for (size_t i = 0; i < COUNT(live); i++) {
        assert_true(block_holds(live[i].block, live[i].size, i));
        free(live[i].block);
    }
}

/* Blocks have no header: whatever a neighbour holds, it must not be read as one. */
static void contents_are_not_metadata(void **state) {
    (void)state;
    static const unsigned char bytes[] = {0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0x33};
    for (size_t b = 0; b < COUNT(bytes); b++) {
        for (size_t size = 1; size <= 2048; size++) {
            unsigned char *blocks[5];
            for (size_t i = 0; i < COUNT(blocks); i++) {
                blocks[i] = i == 3 ? aligned_alloc(64, size) : malloc(size);
                assert_non_null(blocks[i]);
                memset(blocks[i], bytes[b], malloc_usable_size(blocks[i]));
            }
            free(blocks[0]);
            free(blocks[2]);
            blocks[1] = resized(blocks[1], 2 * size);
            for (size_t i = 1; i < COUNT(blocks); i += i == 1 ? 2 : 1) {
                assert_true(malloc_usable_size(blocks[i]) >= size);
                assert_true(block_is_all(blocks[i], size, bytes[b]));
                free(blocks[i]);
            }
        }
    }
}

static void calloc_is_zero_after_reuse(void **state) {
    (void)state;
    for (size_t s = 0; s < COUNT(border_sizes); s++) {
        size_t size = border_sizes[s];
        unsigned char *blocks[16];
        for (size_t round = 0; round < 6; round++) {
            for (size_t i = 0; i < COUNT(blocks); i++) {
                blocks[i] = round % 2 ? calloc(1, size) : calloc(size, 1);
                assert_non_null(blocks[i]);
                assert_true(block_is_all(blocks[i], size, 0));
                memset(blocks[i], 0xff, malloc_usable_size(blocks[i]));
            }
            for (size_t i = 0; i < COUNT(blocks); i++) {
                free(blocks[i]);
            }
        }
    }
}

/* A calloc of memory that went back to the kernel, and of memory that malloc dirtied at another size. */
static void calloc_is_zero_across_sizes(void **state) {
    (void)state;
    uint64_t random = 2;
    for (size_t step = 0; step < 3000; step++) {
        size_t dirty = random_next(&random) % (300 * KIB);
        size_t clean = random_next(&random) % (300 * KIB);
        void *first = memset(malloc(dirty), 0xff, dirty);
        void *second = memset(malloc(clean), 0xff, clean);
        free(first);
        free(second);
        if (step % 500 == 0) {
            malloc_trim(0);
        }
        void *block = calloc(1, clean);
        assert_non_null(block);
        assert_true(block_is_all(block, clean, 0));
        free(block);
    }
}

static void realloc_of_null_and_zero(void **state) {
    (void)state;
    char *block = realloc(NULL, 100);
    assert_non_null(block);
    assert_true(is_aligned(block, 16));
    assert_null(realloc(block, opaque_size(0)));
    block = realloc(NULL, 0);
    assert_non_null(block);
    free(block);
    /* It did free. */
    size_t before = resident_bytes();
    for (size_t i = 0; i < 20000; i++) {
        block = malloc(10 * KIB);
        memset(block, 1, 10 * KIB);
        assert_null(realloc(block, opaque_size(0)));
    }
    assert_true(resident_bytes() < before + 16 * MIB);
}

static void realloc_keeps_over_borders(void **state) {
    (void)state;
    for (size_t from = 0; from < COUNT(border_sizes); from++) {
        for (size_t to = 0; to < COUNT(border_sizes); to++) {
            size_t both = border_sizes[from] < border_sizes[to] ? border_sizes[from] : border_sizes[to];
            unsigned char *block = malloc(border_sizes[from]);
            assert_non_null(block);
            block_fill(block, border_sizes[from], from);
            block = resized(block, border_sizes[to]);
            assert_true(malloc_usable_size(block) >= border_sizes[to]);
            assert_true(block_holds(block, both, from));
            block_fill(block, border_sizes[to], to);
            free(block);
        }
    }
}

/* Through every size class and on to huge, with a neighbour that must stay as it is. */
static void realloc_keeps_step_by_step(void **state) {
    (void)state;
    size_t size = 1;
    unsigned char *block = malloc(size);
    block_fill(block, size, 3);
    unsigned char *neighbour = malloc(100);
    block_fill(neighbour, 100, 4);
    while (size < 6 * MIB) {
        size_t next = size + 1 + size / 16;
        block = resized(block, next);
        assert_true(block_holds(block, size, 3));
        block_fill(block, next, 3);
        size = next;
    }
    while (size > 1) {
        size -= 1 + size / 17;
        size += size == 0;
        block = resized(block, size);
        assert_true(block_holds(block, size, 3));
    }
    assert_true(block_holds(neighbour, 100, 4));
    free(neighbour);
    free(block);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_do_not_overlap),      cmocka_unit_test(contents_are_not_metadata),
        cmocka_unit_test(calloc_is_zero_after_reuse), cmocka_unit_test(calloc_is_zero_across_sizes),
        cmocka_unit_test(realloc_of_null_and_zero),   cmocka_unit_test(realloc_keeps_over_borders),
        cmocka_unit_test(realloc_keeps_step_by_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
