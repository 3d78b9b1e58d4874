/* SPDX-License-Identifier: MIT */
#include "thread.h"

#include "superslab/rcu.h"

struct arena empty_arena;
struct arena late_arena;
pthread_mutex_t late_lock = PTHREAD_MUTEX_INITIALIZER;

__thread struct arena *self = &empty_arena;
__thread enum thread_phase thread_phase;

pthread_mutex_t register_lock = PTHREAD_MUTEX_INITIALIZER;

cold void thread_register(void) {
    struct arena *arena = self;
    enum thread_phase phase = thread_phase;
    self = &empty_arena;
    thread_phase = THREAD_REGISTERING;
    pthread_mutex_lock(&register_lock);
    urcu_bp_register();
    pthread_mutex_unlock(&register_lock);
    thread_phase = phase;
    self = arena;
}
