/* SPDX-License-Identifier: MIT
 *
 * The primitives that come from ConcurrencyKit: its stack and its fences. A ThreadSanitizer build compiles
 * tsan/primitives.h first, which tells the sanitizer what the assembly does. */
#ifndef FREEHOLD_PRIMITIVES_H
#define FREEHOLD_PRIMITIVES_H

#ifdef FREEHOLD_TSAN
#include "../tsan/primitives.h"
#endif

#include <ck_pr.h>
#include <ck_stack.h>

#if defined(__aarch64__) && defined(CK_MD_TSO)
#error "ck_md.h is of another machine: on this one it would leave out the barriers"
#endif

/* Between a store and a later load of another place, when the two must not be seen in the other order. */
#define fence_store_load() ck_pr_fence_memory()

/* The same after an atomic read-modify-write, which on x86 is a full fence itself. */
#define fence_atomic_load() ck_pr_fence_atomic_load()

#endif
