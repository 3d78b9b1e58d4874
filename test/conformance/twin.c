/* SPDX-License-Identifier: MIT
 *
 * The fh_* names, linked and not preloaded: each does what its namesake does, and shares its blocks. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <freehold.h>

#define REQUIRE(condition) ((condition) ? (void)0 : fail(#condition, __LINE__))

typedef void *allocate_function(size_t);
typedef void *allocate_aligned_function(size_t, size_t);

static void fail(const char *condition, int line) {
    fprintf(stderr, "twin.c:%d: not true: %s\n", line, condition);
    exit(1);
}

static void allocate_and_free(void) {
    char *block = fh_malloc(100);
    REQUIRE(block && fh_malloc_usable_size(block) >= 100);
    memset(block, 7, 100);
    block = fh_realloc(block, 100000);
    REQUIRE(block && block[0] == 7 && block[99] == 7);
    block = fh_reallocarray(block, 300, 10000);
    REQUIRE(block && block[0] == 7 && block[99] == 7);
    fh_free(block);

    char *zero = fh_calloc(100, 100);
    REQUIRE(zero && zero[0] == 0 && memcmp(zero, zero + 1, 9999) == 0);
    fh_free_sized(zero, 10000);

    void *aligned = NULL;
    REQUIRE(fh_posix_memalign(&aligned, 4096, 10) == 0 && (size_t)aligned % 4096 == 0);
    fh_free_aligned_sized(aligned, 4096, 10);
    allocate_aligned_function *const functions[] = {fh_aligned_alloc, fh_memalign};
    for (size_t i = 0; i < 2; i++) {
        aligned = functions[i](65536, 10);
        REQUIRE(aligned && (size_t)aligned % 65536 == 0);
        fh_free(aligned);
    }
    allocate_function *const page_functions[] = {fh_valloc, fh_pvalloc};
    for (size_t i = 0; i < 2; i++) {
        aligned = page_functions[i](10);
        REQUIRE(aligned && (size_t)aligned % 4096 == 0);
        fh_free(aligned);
    }
    errno = 0;
    REQUIRE(fh_aligned_alloc(3, 10) == NULL && errno == EINVAL);
}

static void share_blocks(void) {
    free(fh_malloc(100));
    fh_free(malloc(100));
    void *block = realloc(fh_malloc(3000000), 10);
    REQUIRE(block && fh_malloc_usable_size(block) == malloc_usable_size(block));
    fh_free(block);
}

static void read_figures(void) {
    char version[32];
    snprintf(version, sizeof(version), "%d.%d.%d", FH_VERSION_MAJOR, FH_VERSION_MINOR, FH_VERSION_PATCH);
    REQUIRE(strcmp(fh_version(), version) == 0);
    REQUIRE(fh_mallopt(M_MMAP_THRESHOLD, 1) == 1);

    struct fh_counts before;
    struct fh_counts after;
    fh_counters(&before);
    void *huge = fh_malloc(8 << 20);
    void *large = fh_malloc(100000);
    REQUIRE(huge && large);
    fh_counters(&after);
    REQUIRE(after.huge_bytes >= before.huge_bytes + (8 << 20));
    REQUIRE(after.large_bytes >= before.large_bytes + 100000);
    REQUIRE(after.superslab_bytes > 0 && after.superslabs_made > 0 && after.arenas_made > 0);
    REQUIRE(fh_mallinfo2().uordblks + fh_mallinfo2().hblkhd >= (8 << 20) + 100000);
    REQUIRE(fh_mallinfo().uordblks + fh_mallinfo().hblkhd >= (8 << 20) + 100000);
    fh_free(huge);
    fh_free(large);
    fh_counters(&after);
    REQUIRE(after.huge_bytes == before.huge_bytes && after.large_bytes == before.large_bytes);
    fh_malloc_trim(0);
    fh_check();
}

int main(void) {
    allocate_and_free();
    share_blocks();
    read_figures();
    printf("version %s\n", fh_version());
    return 0;
}
