/* SPDX-License-Identifier: MIT
 *
 * The C library's own functions, behind those that we replace. */
#ifndef FREEHOLD_ORIGINAL_H
#define FREEHOLD_ORIGINAL_H

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdint.h>

#include "types.h"

/* The address of a function of that name, which is looked for once: known is 0 until then. Threads that look
 * at the same time find the same. */
static inline uintptr_t original_find(_Atomic uintptr_t *known, const char *name) {
    uintptr_t address = atomic_load_explicit(known, memory_order_relaxed);
    if (unlikely(address == 0)) {
        address = (uintptr_t)dlsym(RTLD_NEXT, name);
        atomic_store_explicit(known, address, memory_order_relaxed);
    }
    return address;
}

#endif
