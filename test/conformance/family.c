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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_function_is_ours)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
