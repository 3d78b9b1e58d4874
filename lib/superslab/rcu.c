/* SPDX-License-Identifier: MIT */
#include "rcu.h"

#include <errno.h>

#include "../os.h"

cold void thread_register(void) {
    struct arena *arena = thread.arena, *own = thread.own;
    uint8_t phase = thread.phase;
    int error = errno;
    thread.arena = &empty_arena;
    thread.own = NULL;
    thread.phase = THREAD_REGISTERING;
    pthread_mutex_lock(&register_lock);
    urcu_bp_register();
    pthread_mutex_unlock(&register_lock);
    thread.phase = phase;
    thread.own = own;
    thread.arena = arena;
    errno = error;
}

bool rcu_wait(void) {
    /* liburcu aborts when membarrier fails after it once worked, so ask first. */
    if (urcu_bp_has_sys_membarrier && !os_has_membarrier())
        return false;
    /* It may sleep in poll, but malloc and free are no cancellation points. */
    int cancel_state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    urcu_bp_synchronize_rcu();
    pthread_setcancelstate(cancel_state, NULL);
    pthread_mutex_lock(&late_lock);
    pthread_mutex_unlock(&late_lock);
    rcu_tell_waited();
    return true;
}
