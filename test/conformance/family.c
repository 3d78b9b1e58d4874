/* SPDX-License-Identifier: MIT
 *
 * No function of the malloc family is left to the C library: two mallocs in one process would mix their
 * blocks. */
#include "conformance/unit.h"

static const char *const names[] = {
    "malloc",
    "free",
    "calloc",
    "realloc",
    "reallocarray",
    "posix_memalign",
    "aligned_alloc",
    "memalign",
    "valloc",
    "pvalloc",
    "malloc_usable_size",
    "malloc_trim",
    "mallopt",
    "mallinfo",
    "mallinfo2",
    "malloc_stats",
    "malloc_info",
    "free_sized",
    "free_aligned_sized",
    "cfree",
    "__libc_malloc",
    "__libc_free",
    "__libc_calloc",
    "__libc_realloc",
    "__libc_reallocarray",
    "__libc_memalign",
    "__libc_valloc",
    "__libc_pvalloc",
    "__libc_mallopt",
    "__libc_mallinfo",
    "__posix_memalign",
};

static void every_function_is_ours(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        Dl_info info = {.dli_fname = "nowhere"};
        void *function = dlsym(RTLD_DEFAULT, names[i]);
        if (!function || !dladdr(function, &info) || !strstr(info.dli_fname, "libfreehold.so")) {
            fail_msg("%s is in %s", names[i], info.dli_fname);
        }
    }
}

void *__libc_malloc(size_t size);
void __libc_free(void *block);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void *__libc_valloc(size_t size);
void *__libc_pvalloc(size_t size);

/* A library may allocate under one name, and its user free under the other. */
static void second_names_share_blocks(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 1000, 100 * KIB, 3 * MIB};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        size_t size = sizes[i];
        void *const blocks[] = {__libc_malloc(size),
                                malloc(size),
                                __libc_calloc(2, size),
                                __libc_memalign(256, size),
                                __libc_valloc(size),
                                __libc_pvalloc(size),
                                __libc_realloc(NULL, size),
                                calloc(1, size),
                                memalign(64, size),
                                realloc(malloc(10), size),
                                __libc_realloc(malloc(10), size)};
        for (size_t b = 0; b < COUNT(blocks); b++) {
            assert_true(malloc_usable_size(blocks[b]) >= size);
            memset(blocks[b], 7, size);
            (b % 2 == 0 ? free : __libc_free)(blocks[b]);
        }
        __libc_free(__libc_realloc(resized(__libc_malloc(size), 2 * size), size));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_function_is_ours),
                                       cmocka_unit_test(second_names_share_blocks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
