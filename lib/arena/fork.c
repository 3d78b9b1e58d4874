/* SPDX-License-Identifier: MIT
 *
 * What happens around a fork: before it, nobody is in the middle of anything that a mutex guards; after it,
 * the child makes do without the threads that it does not have. */
#include <sys/single_threaded.h>

#include "../remote/inbox.h"
#include "../remote/queue.h"
#include "../superslab/housekeeper.h"
#include "../superslab/limbo.h"
#include "../superslab/metadata.h"
#include "../superslab/pool.h"
#include "../superslab/purge.h"
#include "../superslab/rcu.h"
#include "../superslab/region.h"
#include "../superslab/slab.h"
#include "../superslab/superslab.h"
#include "arena.h"
#include "arenas.h"
#include "life.h"
#include "orphans.h"
#include "slabs.h"
#include "thaw.h"

#define FORK_LOCKS 8

/* In the order in which they nest. */
static pthread_mutex_t *const fork_locks[FORK_LOCKS] = {
    &late_lock,    &arenas_lock, &purge_lock, &superslabs_lock,
    &regions_lock, &limbo_lock,  &pools_lock, &metadata_lock,
};

/* The C library's list of open files. Its fork takes the lock of that list after our prepare, and a thread
 * that has it, as in fflush(NULL), may wait for a file whose reader waits in malloc for us: so it nests
 * before ours. */
extern void _IO_list_lock(void) __attribute__((weak));
extern void _IO_list_unlock(void) __attribute__((weak));
extern void _IO_list_resetlock(void) __attribute__((weak));

/* What the forking thread has while it is FORKING. Written and read with every lock held. */
static struct {
    struct arena *own, *arena;
    uint8_t state;
    unsigned nested; /* forks by its own fork handlers, which find it FORKING */
} forking;

/* While it forks, the thread works as the late arena, so that its own stays as it is. */
static void forking_start(void) {
    forking.own = thread.own;
    forking.arena = thread.arena;
    forking.state = thread.state;
    thread.own = NULL;
    thread.arena = &empty_arena;
    thread.state = THREAD_FORKING;
}

static void forking_end(void) {
    thread.state = forking.state;
    thread.own = forking.own;
    thread.arena = forking.arena;
}

/* A single thread waits for nobody, and leaves nobody behind. It may have come from a signal handler, with
 * any of the locks held by what the handler has interrupted; so it touches none. */
static void fork_prepare(void) {
    if (thread.state == THREAD_FORKING) {
        forking.nested++;
        return;
    }
    if (__libc_single_threaded)
        return;
    if (_IO_list_lock != NULL)
        _IO_list_lock();
    for (size_t i = 0; i < FORK_LOCKS; i++)
        pthread_mutex_lock(fork_locks[i]);
    orphans_lock_all(); /* while one is held, no other mutex is taken */
    forking_start();
}

/* Says whether this was the outermost fork. */
static bool unlock_all(void) {
    if (forking.nested != 0) {
        forking.nested--;
        return false;
    }
    forking_end();
    orphans_unlock_all();
    for (size_t i = FORK_LOCKS; i-- > 0;)
        pthread_mutex_unlock(fork_locks[i]);
    return true;
}

static void fork_parent(void) {
    if (thread.state == THREAD_FORKING && unlock_all() && _IO_list_unlock != NULL)
        _IO_list_unlock();
}

/* The other threads are gone, perhaps in the middle of an edit of their slabs, or of a post: nothing is
 * posted any more. */
static void freeze_others(void) {
    post_mark += 1 + (post_mark == UINT32_MAX); /* 0 is none */
    for (struct arena *arena = arenas_first(); arena != NULL; arena = arena->next) {
        if (!inbox_is_empty(arena))
            ck_stack_init(&arena->inbox);
        if (arena != forking.own && rcu_is_reading(arena))
            rcu_leave(arena); /* its thread never will */
    }
    arenas_freeze_others(forking.own);
    limbo_after_fork();
}

/* Whoever was to tell the thread of a push may be gone. */
static void drain_own(void) {
    struct arena *arena = thread.own;
    if (arena == NULL)
        return;
    for (struct slab *slab = arena->won; slab != NULL; slab = slab->won_next)
        queue_drain_owned(arena, slab);
    for (struct slab *slab = arena->oldest; slab != NULL; slab = slab->younger)
        if (queue_drain_owned(arena, slab) != 0)
            won_add(arena, slab);
    slabs_receive(arena);
}

static void fork_child(void) {
    housekeeper_after_fork();
    if (thread.state != THREAD_FORKING)
        return;
    freeze_others();
    if (!unlock_all())
        return;
    if (_IO_list_resetlock != NULL)
        _IO_list_resetlock();
    thaw_start();
    drain_own();
}

void arena_prepare_fork(void) {
    pthread_atfork(fork_prepare, fork_parent, fork_child);
}
