/* SPDX-License-Identifier: MIT
 *
 * mallinfo and its kin: the figures move with what the program does. `figures xml` writes malloc_info's
 * document. */
#include "conformance/unit.h"

#define SMALL_BLOCKS 20000
#define SMALL_BYTES  1000
#define HUGE_BYTES   (16 * MIB)

static void *small[SMALL_BLOCKS];
static void *huge;

static void allocate_all(void) {
    for (size_t i = 0; i < SMALL_BLOCKS; i++) {
        small[i] = malloc(SMALL_BYTES);
        assert_non_null(small[i]);
        memset(small[i], 1, SMALL_BYTES);
    }
    huge = malloc(HUGE_BYTES);
    assert_non_null(huge);
    memset(huge, 1, HUGE_BYTES);
}

static void free_all(void) {
    for (size_t i = 0; i < SMALL_BLOCKS; i++) {
        free(small[i]);
    }
    free(huge);
}

/* glibc counts a huge block in hblkhd, and not in uordblks. */
static size_t live_bytes(struct mallinfo2 info) {
    return info.uordblks + info.hblkhd;
}

static size_t live_bytes_narrow(void) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    struct mallinfo info = mallinfo();
#pragma GCC diagnostic pop
    return (size_t)info.uordblks + (size_t)info.hblkhd;
}

static void mallinfo_counts_live_blocks(void **state) {
    (void)state;
    const size_t allocated = (size_t)SMALL_BLOCKS * SMALL_BYTES + HUGE_BYTES;
    size_t before = live_bytes(mallinfo2());
    size_t before_narrow = live_bytes_narrow();
    allocate_all();
    size_t during = live_bytes(mallinfo2());
    size_t during_narrow = live_bytes_narrow();
    free_all();
    assert_in_range(during, before + allocated, before + allocated + allocated / 4);
    assert_in_range(during_narrow, before_narrow + allocated, before_narrow + allocated + allocated / 4);
    assert_in_range(live_bytes(mallinfo2()), 0, before + allocated / 4);
    assert_in_range(live_bytes_narrow(), 0, before_narrow + allocated / 4);
}

static void malloc_trim_shrinks_the_process(void **state) {
    (void)state;
    allocate_all();
    size_t full = resident_bytes();
    free_all();
    assert_int_equal(malloc_trim(0), 1);
    assert_true(resident_bytes() < full - HUGE_BYTES - (size_t)SMALL_BLOCKS * SMALL_BYTES / 2);
}

static void mallopt_accepts(void **state) {
    (void)state;
    assert_int_equal(mallopt(M_MMAP_THRESHOLD, 1 << 20), 1);
    assert_int_equal(mallopt(M_TRIM_THRESHOLD, 1 << 20), 1);
    assert_int_equal(mallopt(M_ARENA_MAX, 2), 1);
}

static void malloc_stats_writes_to_stderr(void **state) {
    (void)state;
    char text[4096] = "";
    FILE *file = tmpfile();
    assert_non_null(file);
    int saved = dup(STDERR_FILENO);
    assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
    malloc_stats();
    fflush(stderr);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
    rewind(file);
    size_t length = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    assert_true(length > 0);
    assert_int_equal(text[length - 1], '\n');
    assert_non_null(strpbrk(text, "0123456789"));
}

static void malloc_info_refuses_options(void **state) {
    (void)state;
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_not_equal(malloc_info(1, file), 0);
    assert_int_equal(ftell(file), 0);
    assert_int_equal(malloc_info(0, file), 0);
    assert_true(ftell(file) > 0);
    fclose(file);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "xml") == 0) {
        allocate_all(); /* and free: more than now was there once */
        free_all();
        malloc_trim(0);
        return malloc_info(0, stdout);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mallinfo_counts_live_blocks),
        cmocka_unit_test(malloc_trim_shrinks_the_process),
        cmocka_unit_test(mallopt_accepts),
        cmocka_unit_test(malloc_stats_writes_to_stderr),
        cmocka_unit_test(malloc_info_refuses_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
