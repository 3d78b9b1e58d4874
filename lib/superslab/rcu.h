/* SPDX-License-Identifier: MIT
 *
 * Read sections and grace periods (liburcu, bp flavour).
 *
 * A thread that cannot register with liburcu, because it is just doing so or because its arena has exited,
 * works as the late arena under late_lock: holding that lock is its read section, and a grace period takes
 * the lock once. So does a thread that ends its arena after liburcu has let go of it. */
#ifndef FREEHOLD_RCU_H
#define FREEHOLD_RCU_H

#define _LGPL_SOURCE
#include <urcu-bp.h>

#include "../thread.h"

#ifdef FREEHOLD_TSAN
#include "../../tsan/rcu.h"
#else
#define rcu_tell_leave()
#define rcu_tell_waited()
#define rcu_tell_recycled(address, bytes)
#endif

/* Registers the calling thread with liburcu. What that allocates meanwhile comes from the thread's caches or
 * from the late arena: so no cache may be half edited when a read section is entered. */
void thread_register(void);

static inline bool rcu_is_registered(void) {
    return URCU_TLS(urcu_bp_reader) != NULL;
}

/* Whether late_lock is the read section of whoever works as arena. */
static inline bool rcu_is_late(const struct arena *arena) {
    return arena == &late_arena || thread.exiting;
}

/* Enters a read section as arena. Sections do not nest. */
static inline void rcu_enter(const struct arena *arena) {
    if (unlikely(rcu_is_late(arena)))
        return;
    if (unlikely(!rcu_is_registered()))
        thread_register();
    if (!rcu_is_registered())
        __builtin_unreachable(); /* liburcu registers or aborts */
    _urcu_bp_read_lock();
}

static inline void rcu_leave(const struct arena *arena) {
    if (unlikely(rcu_is_late(arena)))
        return;
    rcu_tell_leave();
    _urcu_bp_read_unlock();
}

/* Whether the calling thread is in a read section: one of the program's, which may use the same library. */
static inline bool rcu_is_reading(void) {
    return rcu_is_registered() && _urcu_bp_read_ongoing() != 0;
}

/* Waits until every read section that is open now has been left. The caller is in none and holds no lock.
 * false if the kernel no longer lets a grace period be known (a sandbox): then nothing may be unmapped. */
bool rcu_wait(void);

#endif
