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

/* A program that was linked with a version of the C library's symbols finds ours all the same. */
static void versioned_lookups_find_ours(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        void *versioned = dlvsym(RTLD_DEFAULT, names[i], "GLIBC_2.2.5");
        if (versioned) {
            assert_ptr_equal(versioned, dlsym(RTLD_DEFAULT, names[i]));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_function_is_ours),
        cmocka_unit_test(versioned_lookups_find_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
