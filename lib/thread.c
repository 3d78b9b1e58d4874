/* SPDX-License-Identifier: MIT */
#include "thread.h"

#include "superslab/rcu.h"

struct arena empty_arena;
struct arena late_arena;
pthread_mutex_t late_lock = PTHREAD_MUTEX_INITIALIZER;
pthread_mutex_t register_lock = PTHREAD_MUTEX_INITIALIZER;

__thread struct thread thread = {.arena = &empty_arena};

cold void thread_register(void) {
    struct arena *arena = thread.arena, *own = thread.own;
    uint8_t phase = thread.phase;
    thread.arena = &empty_arena;
    thread.own = NULL;
    thread.phase = THREAD_REGISTERING;
    pthread_mutex_lock(&register_lock);
    urcu_bp_register();
    pthread_mutex_unlock(&register_lock);
    thread.phase = phase;
    thread.own = own;
    thread.arena = arena;
}
