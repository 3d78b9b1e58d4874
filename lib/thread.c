/* SPDX-License-Identifier: MIT */
#include "thread.h"

struct arena empty_arena;
struct arena late_arena;
pthread_mutex_t late_lock = PTHREAD_MUTEX_INITIALIZER;

__thread struct thread thread = {.arena = &empty_arena};
