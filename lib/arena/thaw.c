/* SPDX-License-Identifier: MIT */
#include "thaw.h"

#include "../remote/inbox.h"
#include "../superslab/rcu.h"
#include "../superslab/slots.h"

_Atomic uint64_t thaw_left;

void thaw_start(void) {
    atomic_store_explicit(&thaw_left, (uint64_t)slots_count() * UNITS, memory_order_relaxed);
}

static void look_at(struct arena *arena, uint64_t unit) {
    /* Where one has come since the fork, nothing in it is frozen, and it does not matter what is seen of it.
     */
    struct superslab *superslab =
        atomic_load_explicit(&slot_at((uint32_t)(unit / UNITS))->superslab, memory_order_relaxed);
    if (superslab != NULL)
        inbox_after_fork(arena, &superslab->slabs[unit % UNITS]);
}

bool thaw_some(struct arena *arena) {
    uint64_t end = atomic_load_explicit(&thaw_left, memory_order_relaxed), first;
    do {
        if (end == 0)
            return false;
        first = end > THAW_AT_ONCE ? end - THAW_AT_ONCE : 0;
    } while (!atomic_compare_exchange_weak_explicit(&thaw_left, &end, first, memory_order_relaxed,
                                                    memory_order_relaxed));
    rcu_enter(arena); /* a SuperSlab may be retired meanwhile */
    while (end > first)
        look_at(arena, --end);
    rcu_leave(arena);
    return true;
}
