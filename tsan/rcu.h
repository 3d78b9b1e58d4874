/* SPDX-License-Identifier: MIT
 *
 * What ThreadSanitizer is told of grace periods: whatever was done in a read section comes before the end of
 * a grace period that has waited for it. A descriptor that is recycled after the grace period is marked
 * written, so that a look at it that nobody has waited for is a race. liburcu's look at a reader is a plain
 * load to the sanitizer, so here it is an atomic one. */
#ifndef FREEHOLD_TSAN_RCU_H
#define FREEHOLD_TSAN_RCU_H

#include <sanitizer/tsan_interface.h>

#include "primitives.h"

#define rcu_tell_leave()                  __tsan_release(&rcu_period)
#define rcu_tell_waited()                 __tsan_acquire(&rcu_period)
#define rcu_tell_recycled(address, bytes) __tsan_write_range((address), (long)(bytes))

static inline enum urcu_state tsan_reader_state(struct urcu_gp *period, unsigned long *section) {
    unsigned long count = __atomic_load_n(section, __ATOMIC_RELAXED);
    unsigned long now = __atomic_load_n(&period->ctr, __ATOMIC_RELAXED);
    return urcu_common_reader_state(&(struct urcu_gp){.ctr = now}, &count);
}

#define urcu_common_reader_state tsan_reader_state

#endif
