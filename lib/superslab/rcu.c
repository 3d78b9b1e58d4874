/* SPDX-License-Identifier: MIT */
#include "rcu.h"

#include "../thread.h"

struct urcu_gp rcu_period = {.ctr = URCU_GP_COUNT};

static _Atomic(struct reader *) readers = &late_arena.reader;

void rcu_reader_add(struct reader *reader) {
    reader->next = atomic_load_explicit(&readers, memory_order_relaxed);
    /* Release; partner: readers_have_left. */
    while (!atomic_compare_exchange_weak_explicit(&readers, &reader->next, reader, memory_order_release,
                                                  memory_order_relaxed)) {
        /* reader->next is the new first one. */
    }
}

/* Whether nobody is in a read section that began in the last period. A reader that is added meanwhile has not
 * begun any. */
static bool readers_have_left(void) {
    unsigned patience = RCU_PATIENCE;
    /* Acquire; partner: rcu_reader_add. */
    struct reader *reader = atomic_load_explicit(&readers, memory_order_acquire);
    for (; reader != NULL; reader = reader->next) {
        unsigned long *section = (unsigned long *)&reader->section;
        while (urcu_common_reader_state(&rcu_period, section) == URCU_READER_ACTIVE_OLD) {
            if (patience-- == 0)
                return false;
            ck_pr_stall();
        }
    }
    ck_pr_fence_acquire(); /* acquire; partner: rcu_leave */
    return true;
}

bool rcu_wait(void) {
    /* Between the caller's unregistering and our look at the readers; partner: rcu_enter. */
    fence_store_load();
    /* A reader that has read the counter long ago may enter just now, in the period before the last: in the
     * next one it would be taken for one that has begun in it. */
    if (!readers_have_left())
        return false;
    __atomic_fetch_xor(&rcu_period.ctr, URCU_GP_CTR_PHASE, __ATOMIC_SEQ_CST);
    fence_atomic_load();
    if (!readers_have_left())
        return false;
    rcu_tell_waited();
    return true;
}
