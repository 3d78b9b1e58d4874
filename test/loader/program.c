/* SPDX-License-Identifier: MIT
 *
 * A program that loads two objects with RTLD_DEEPBIND, as some do with their extensions, and hands blocks to
 * and fro. */
#include <dlfcn.h>
#include <stdlib.h>

#include "conformance/probe.h"

typedef char *transform(char *text);

static void *object; /* the last; all stay loaded */

static transform *load(const char *name) {
    object = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    if (!object) {
        probe_fail(dlerror(), name, 0);
    }
    transform *function = (transform *)dlsym(object, "object_double");
    REQUIRE(function != NULL);
    return function;
}

int main(void) {
    transform *const transforms[] = {load("one.so"), load("two.so")};
    REQUIRE(transforms[0] != transforms[1]);
    for (int round = 0; round < 100; round++) {
        char *text = strdup("x");
        for (int i = 0; i < 16; i++) {
            text = transforms[i % 2](text);
        }
        REQUIRE(strlen(text) == 1 << 16 && block_is_all(text, 1 << 16, 'x'));
        free(text);
    }
    check_invariants();
    return 0;
}
