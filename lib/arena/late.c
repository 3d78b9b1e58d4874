/* SPDX-License-Identifier: MIT */
#include "late.h"

#include "../lock.h"
#include "slabs.h"

struct arena *late_enter(void) {
    lock_take(&late_lock);
    atomic_store_explicit(&late_arena.state, ARENA_RUNNING, memory_order_release);
    return &late_arena;
}

void late_leave(void) {
    slabs_release_all(&late_arena);
    lock_give(&late_lock);
}
