/* SPDX-License-Identifier: MIT
 *
 * All arenas ever made: who needs one takes a recycled one or makes it. */
#ifndef FREEHOLD_ARENAS_H
#define FREEHOLD_ARENAS_H

#include "../types.h"

extern pthread_mutex_t arenas_lock;

/* An arena for the calling thread, recycled or new. NULL if there is no memory. */
struct arena *arenas_take(void);

/* Recycles an arena that has exited. Says whether it is one of the last, most of those who ran lately having
 * exited before. */
bool arenas_give(struct arena *arena);

/* What an arena may hold that no other thread can use, in bytes: less, if there are more of them. */
uint64_t arenas_share(void);

/* Whether one thread has an arena at most. */
bool arenas_is_one(void);

/* In the child of a fork: freezes the arenas that run, but for own. */
void arenas_freeze_others(const struct arena *own);

/* All of them, the late arena included, linked by next. */
struct arena *arenas_first(void);

#endif
