/* SPDX-License-Identifier: MIT */
#ifndef FREEHOLD_SANITIZED

#include "original.h"

#include <dlfcn.h>

/* The table, as the linker names its ends. */
extern struct original __start_originals[] __attribute__((visibility("hidden")));
extern struct original __stop_originals[] __attribute__((visibility("hidden")));

uintptr_t original_look_for(struct original *original) {
    uintptr_t address = (uintptr_t)dlsym(RTLD_NEXT, original->name);
    atomic_store_explicit(&original->address, address, memory_order_relaxed);
    return address;
}

void originals_find(void) {
    static _Atomic bool are_found;
    if (likely(atomic_load_explicit(&are_found, memory_order_relaxed)))
        return;
    for (struct original *original = __start_originals; original < __stop_originals; original++)
        (void)original_find(original);
    atomic_store_explicit(&are_found, true, memory_order_relaxed);
}

#endif
