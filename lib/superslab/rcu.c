/* SPDX-License-Identifier: MIT */
#include "rcu.h"

#include "../os.h"

bool rcu_wait(void) {
    /* liburcu aborts when membarrier fails after it once worked, so ask first. */
    if (urcu_bp_has_sys_membarrier && !os_has_membarrier())
        return false;
    urcu_bp_synchronize_rcu();
    pthread_mutex_lock(&late_lock);
    pthread_mutex_unlock(&late_lock);
    rcu_tell_waited();
    return true;
}
