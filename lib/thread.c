/* SPDX-License-Identifier: MIT */
#include "thread.h"

struct arena empty_arena;
static struct stock late_stock;
struct arena late_arena = {.stock = &late_stock};
pthread_mutex_t late_lock = PTHREAD_MUTEX_INITIALIZER;

__thread struct thread thread = {.arena = &empty_arena};
