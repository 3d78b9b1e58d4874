/* SPDX-License-Identifier: MIT
 *
 * In the child of a fork: the slabs of threads that it does not have are looked at a few at a time, before
 * memory is taken that nobody has used. */
#ifndef FREEHOLD_THAW_H
#define FREEHOLD_THAW_H

#include "../types.h"

/* Units of the SuperSlabs that there were at the fork, not looked at yet. */
extern _Atomic uint64_t thaw_left;

static inline bool thaw_is_due(void) {
    return atomic_load_explicit(&thaw_left, memory_order_relaxed) != 0;
}

/* In the child, with one thread. */
void thaw_start(void);

/* Looks at some: what is whole is posted to arena, which is to receive it. false if there was nothing left.
 */
bool thaw_some(struct arena *arena);

#endif
