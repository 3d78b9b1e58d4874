/* SPDX-License-Identifier: MIT
 *
 * A program that loads Freehold itself, when it runs already: what it has of malloc stays the C library's,
 * and the functions by our own names work, in threads as well. usage: late LIBRARY [REFUSAL]. With a
 * REFUSAL the library must not be loaded, the loader must say that among others, and all goes on. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "conformance/probe.h"

#define THREADS 4
#define BLOCKS  20000

static void *(*allocate)(size_t size);
static void *(*resize)(void *block, size_t size);
static void (*give)(void *block);
static _Atomic(void *) shelf[BLOCKS];

static void *trade(void *seed) {
    for (size_t i = 0; i < BLOCKS; i++) {
        size_t size = (i * (size_t)(uintptr_t)seed) % 60000 + 1;
        void *block = resize(allocate(size), 2 * size);
        REQUIRE(block != NULL);
        block_fill(block, 2 * size, 1);
        give(atomic_exchange(&shelf[i * 7 % 1000], block));
    }
    free(malloc(100));
    return NULL;
}

static void *find(void *library, const char *name) {
    void *function = dlsym(library, name);
    REQUIRE(function != NULL);
    return function;
}

int main(int argc, char **argv) {
    pthread_t threads[THREADS];
    void *before = malloc(1000);
    REQUIRE((argc == 2 || argc == 3) && dlsym(RTLD_DEFAULT, "fh_malloc") == NULL);
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        const char *reason = dlerror();
        if (argc == 3 && strstr(reason, argv[2]) != NULL) {
            free(before);
            return 0;
        }
        probe_fail(reason, argv[1], 0);
    }
    REQUIRE(argc == 2);
    allocate = (void *(*)(size_t))find(library, "fh_malloc");
    resize = (void *(*)(void *, size_t))find(library, "fh_realloc");
    give = (void (*)(void *))find(library, "fh_free");
    for (uintptr_t i = 0; i < THREADS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, trade, (void *)(i + 1)) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    }
    trade((void *)THREADS);
    free(before);
    ((void (*)(void))find(library, "fh_check"))();
    return dlclose(library);
}
