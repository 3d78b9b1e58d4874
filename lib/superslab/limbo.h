/* SPDX-License-Identifier: MIT
 *
 * Limbo: SuperSlabs that are unregistered, and whose granules wait. One
 * leaves through two grace periods. The first ends every read section that can still have found it, so that
 * nobody posts its slabs to an inbox any more; what has been posted by then is seen by the slabs' posted
 * flags, and the SuperSlab stays until they are clear. The second ends the read sections of the sweepers that
 * cleared them. */
#ifndef FREEHOLD_LIMBO_H
#define FREEHOLD_LIMBO_H

#include "../types.h"

extern pthread_mutex_t limbo_lock;

/* Puts a SuperSlab on limbo; it is unregistered. */
void limbo_add(struct superslab *superslab);

/* Runs one grace period for all that is in limbo, and frees the granules of what has seen two. Does nothing
 * if limbo is empty, another thread is at it, or the program called from a fork handler of its own; leaves
 * everything for the next time if a read section stays open for long. The caller holds no lock. */
void limbo_empty(void);

/* Whether another grace period would let something leave. What waits for a sweeper alone does not count: that
 * one may be asleep. */
bool limbo_is_pending(void);

/* In the child of a fork, with limbo_lock held: forgets the thread that was emptying limbo, and the sweepers
 * that slabs in limbo were waiting for. */
void limbo_after_fork(void);

/* Bytes that wait; SuperSlabs that have left and that were retired and grace periods run so far. */
uint64_t limbo_bytes(void);
uint64_t limbo_freed(void);
uint64_t limbo_added(void);
uint64_t limbo_grace_periods(void);

#endif
