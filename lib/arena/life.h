/* SPDX-License-Identifier: MIT
 *
 * The life of arenas: start with a thread's first allocation, end with its last destructor, recycling, and
 * fork. */
#ifndef FREEHOLD_LIFE_H
#define FREEHOLD_LIFE_H

#include "../thread.h"

/* The arena to work as: the thread's own, which is made if it has none, or the late arena with late_lock
 * held. To be left by arena_leave. */
struct arena *arena_enter(void);

/* The same for a free: a thread that has never allocated and frees a few blocks, as the C library does when
 * a thread ends, gets no arena for that. */
struct arena *arena_enter_to_free(void);

void arena_leave(struct arena *arena);

#endif
