/* SPDX-License-Identifier: MIT
 *
 * Read sections and grace periods: a flavour of liburcu that is ours alone. It has liburcu's counter and its
 * readers' states; the readers are in the arenas, which are never unmapped, so no thread registers, and
 * nothing is shared with a program that uses liburcu itself. A fork finds nothing locked. Model:
 * tsan/model/period.pml. */
#ifndef FREEHOLD_RCU_H
#define FREEHOLD_RCU_H

#define _LGPL_SOURCE
#include <urcu/static/urcu-common.h>

#include "../types.h"

#ifdef FREEHOLD_TSAN
#include "../../tsan/rcu.h"
#else
#define rcu_tell_leave()
#define rcu_tell_waited()
#define rcu_tell_recycled(address, bytes)
#endif

extern struct urcu_gp rcu_period; /* ctr is atomic; the rest is not used */

/* Makes a reader known to grace periods, for ever. */
void rcu_reader_add(struct reader *reader);

/* Enters a read section as arena. Sections do not nest. The exchange is also the full fence between entering
 * and what is read inside; partner: the fence in rcu_wait. */
static inline void rcu_enter(struct arena *arena) {
    unsigned long period = __atomic_load_n(&rcu_period.ctr, __ATOMIC_RELAXED);
    atomic_exchange_explicit(&arena->reader.section, period, memory_order_seq_cst);
    fence_atomic_load();
}

static inline void rcu_leave(struct arena *arena) {
    rcu_tell_leave();
    /* Release; partner: readers_have_left. */
    atomic_store_explicit(&arena->reader.section, 0, memory_order_release);
}

static inline bool rcu_is_reading(const struct arena *arena) {
    return atomic_load_explicit(&arena->reader.section, memory_order_relaxed) != 0;
}

/* A grace period: every read section that is open now has been left when it returns true. false if one is
 * taking so long, as when its thread was preempted, that the caller should do something else and try again.
 * It neither sleeps nor makes a system call. One thread at a time, in no read section. */
bool rcu_wait(void);

#endif
