/* SPDX-License-Identifier: MIT
 *
 * What ThreadSanitizer is told of liburcu: whatever was done in a read section comes before the end of a
 * grace period that has waited for it. A descriptor that is recycled after the grace period is marked
 * written, so that a look at it that nobody has waited for is a race. */
#ifndef FREEHOLD_TSAN_RCU_H
#define FREEHOLD_TSAN_RCU_H

#include "primitives.h"

#define rcu_tell_leave()                  __tsan_release(&urcu_bp_gp)
#define rcu_tell_waited()                 __tsan_acquire(&urcu_bp_gp)
#define rcu_tell_recycled(address, bytes) __tsan_write_range((address), (long)(bytes))

#endif
