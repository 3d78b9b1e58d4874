/* SPDX-License-Identifier: MIT
 *
 * The life of a thread's arena: it starts with the thread's first allocation and ends with its last
 * destructor. */
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

/* The calling thread is about to set the value of a key: it will run destructors when it ends. */
void thread_watch(void);

#endif
