/* SPDX-License-Identifier: MIT
 *
 * What happens around a fork: before it, nobody is in the middle of anything that a mutex guards; after it,
 * the child makes do without the threads that it does not have. */
#include <sys/single_threaded.h>

#include "../profile/profiled.h"
#include "../remote/inbox.h"
#include "../remote/queue.h"
#include "../sample.h"
#include "../superslab/housekeeper.h"
#include "../superslab/limbo.h"
#include "../superslab/metadata.h"
#include "../superslab/pool.h"
#include "../superslab/purge.h"
#include "../superslab/rcu.h"
#include "../superslab/region.h"
#include "../superslab/descriptor.h"
#include "../superslab/slab.h"
#include "../superslab/superslab.h"
#include "arena.h"
#include "arenas.h"
#include "cache.h"
#include "life.h"
#include "orphans.h"
#include "slabs.h"
#include "thaw.h"

#define FORK_LOCKS 11

#define LOCKS_FORKING 128u /* what thread.locks is while its thread is in fork, with all of them */

pthread_mutex_t handlers_lock = PTHREAD_MUTEX_INITIALIZER;

/* A fork that takes none of our locks holds this one instead: the C library's fork has the lock of its
 * handlers' table to the end, and then waits for the list of files, while one that has that list from us
 * waits for the table. So while one of either kind is past its prepare, none of the other kind is. */
static pthread_mutex_t bare_lock = PTHREAD_MUTEX_INITIALIZER;

/* In the order in which they nest. */
static pthread_mutex_t *const fork_locks[FORK_LOCKS] = {
    &bare_lock,  &late_lock,  &arenas_lock,   &purge_lock,  &superslabs_lock, &regions_lock,
    &limbo_lock, &pools_lock, &metadata_lock, &sample_lock, &profile_lock,
};

static _Atomic(struct thread *) bare; /* atomic: written with bare_lock; who has it */
static unsigned bare_nested;          /* with bare_lock */

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

static void unlock_first(size_t count) {
    while (count-- > 0)
        pthread_mutex_unlock(fork_locks[count]);
}

static bool bare_is_mine(void) {
    return atomic_load_explicit(&bare, memory_order_relaxed) == &thread;
}

static void bare_start(void) {
    if (bare_is_mine()) {
        bare_nested++;
        return;
    }
    pthread_mutex_lock(&bare_lock);
    atomic_store_explicit(&bare, &thread, memory_order_relaxed);
}

static void bare_end(void) {
    if (bare_nested != 0) {
        bare_nested--;
        return;
    }
    atomic_store_explicit(&bare, NULL, memory_order_relaxed);
    pthread_mutex_unlock(&bare_lock);
}

/* Takes all locks, or none: then returns one that is taken. */
static pthread_mutex_t *try_all(void) {
    for (size_t i = 0; i < FORK_LOCKS; i++) {
        if (pthread_mutex_trylock(fork_locks[i]) == 0)
            continue;
        unlock_first(i);
        return fork_locks[i];
    }
    pthread_mutex_t *taken = orphans_try_all(); /* while one is held, no other mutex is taken */
    if (taken != NULL)
        unlock_first(FORK_LOCKS);
    return taken;
}

static void lock_all(void) {
    for (size_t i = 0; i < FORK_LOCKS; i++)
        pthread_mutex_lock(fork_locks[i]);
    orphans_lock_all();
}

/* The list of files, and all locks. Who has one of them may have been interrupted by a signal handler that
 * forks and waits for the list: so as long as it may be hoped that all come free, nothing is held over a
 * wait. */
static void take_all(void) {
    pthread_mutex_t *taken;
    for (unsigned tries = 0;; tries++) {
        if (_IO_list_lock != NULL)
            _IO_list_lock();
        if (tries == FORK_TRIES)
            lock_all();
        if (tries == FORK_TRIES || (taken = try_all()) == NULL)
            return;
        if (_IO_list_unlock != NULL)
            _IO_list_unlock();
        pthread_mutex_lock(taken);
        pthread_mutex_unlock(taken);
    }
}

/* A single thread waits for nobody, and leaves nobody behind. It may have come from a signal handler, with
 * any of the locks held by what the handler has interrupted; so it touches none. Nor does one of many threads
 * that has some of them itself, which waits for bare_lock alone: its child is good for exec and _exit, which
 * is what a signal handler may do in it. */
static void fork_prepare(void) {
    if (thread.state == THREAD_FORKING) {
        forking.nested++;
        return;
    }
    if (__libc_single_threaded || thread.locks == LOCKS_FORKING)
        return;
    if (thread.locks != 0) {
        bare_start();
        return;
    }
    thread.locks = LOCKS_FORKING; /* for a handler that interrupts what follows */
    pthread_mutex_lock(&handlers_lock);
    take_all();
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
    unlock_first(FORK_LOCKS);
    return true;
}

static void fork_parent(void) {
    if (bare_is_mine())
        bare_end();
    if (thread.state != THREAD_FORKING || !unlock_all())
        return;
    if (_IO_list_unlock != NULL)
        _IO_list_unlock();
    pthread_mutex_unlock(&handlers_lock);
    thread.locks = 0;
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

/* Whoever was to tell the thread of a push may be gone. Nothing that it owns is changed, as a signal handler
 * may have interrupted it. */
static void post_own(void) {
    struct arena *arena = thread.own;
    if (arena == NULL)
        return;
    for (struct slab *slab = arena->won; slab != NULL; slab = slab->won_next)
        inbox_post_own(arena, slab);
    for (struct slab *slab = arena->oldest; slab != NULL; slab = slab->younger)
        inbox_post_own(arena, slab);
}

static void fork_child(void) {
    housekeeper_after_fork();
    if (bare_is_mine())
        bare_end();
    if (thread.state != THREAD_FORKING) {
        cache_after_fork();
        return;
    }
    freeze_others();
    if (!unlock_all())
        return;
    if (_IO_list_resetlock != NULL)
        _IO_list_resetlock();
    pthread_mutex_unlock(&handlers_lock);
    thread.locks = 0;
    cache_after_fork();
    thaw_start();
    post_own();
}

void arena_prepare_fork(void) {
    pthread_atfork(fork_prepare, fork_parent, fork_child);
}
