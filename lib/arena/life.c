/* SPDX-License-Identifier: MIT */
#include "life.h"

#include <errno.h>

#include "../config.h"
#include "../interpose.h"
#include "../lock.h"
#include "../memcheck.h"
#include "../os.h"
#include "../remote/inbox.h"
#include "../superslab/huge.h"
#include "../superslab/limbo.h"
#include "../superslab/metadata.h"
#include "../superslab/purge.h"
#include "../superslab/rcu.h"
#include "../superslab/size_class.h"
#include "../superslab/superslab.h"
#include "../superslab/units.h"
#include "arena.h"
#include "cache.h"
#include "orphans.h"
#include "slabs.h"

static pthread_mutex_t arenas_lock = PTHREAD_MUTEX_INITIALIZER;
static struct arena *free_arenas;                 /* arenas_lock: to recycle */
static _Atomic(struct arena *) all = &late_arena; /* grows under arenas_lock */
static pthread_key_t exit_key;                    /* arenas_lock, until exit_key_made */
static bool exit_key_made;                        /* arenas_lock */
static struct arena *forking_own, *forking_arena; /* the thread that is in fork: what its thread had */

static void thread_exit(void *pass);

/* Under arenas_lock. */
static struct arena *arena_make(void) {
    struct arena *arena = metadata_take(sizeof *arena);
    if (arena == NULL)
        return NULL;
    arena->next = atomic_load_explicit(&all, memory_order_relaxed);
    /* Release; partner: arena_count. */
    atomic_store_explicit(&all, arena, memory_order_release);
    return arena;
}

static struct arena *arena_get(void) {
    struct arena *arena = NULL;
    lock_take(&arenas_lock);
    if (!exit_key_made) {
        size_class_init();
        exit_key_made = pthread_key_create(&exit_key, thread_exit) == 0;
    }
    if (exit_key_made) {
        arena = free_arenas;
        if (arena != NULL)
            free_arenas = arena->next_free;
        else
            arena = arena_make();
    }
    if (arena != NULL)
        atomic_store_explicit(&arena->state, ARENA_RUNNING, memory_order_release);
    lock_give(&arenas_lock);
    return arena;
}

static void arena_put(struct arena *arena) {
    lock_take(&arenas_lock);
    arena->next_free = free_arenas;
    free_arenas = arena;
    lock_give(&arenas_lock);
}

static void arena_stop(struct arena *arena) {
    if (arena_has_cache(arena))
        cache_flush();
    thread.arena = &empty_arena;
    thread.own = NULL;
    thread.phase = THREAD_EXITED;
    thread.exiting = !rcu_is_registered();
    if (thread.exiting)
        lock_take(&late_lock);
    slabs_release_all(arena);
    if (thread.exiting)
        lock_give(&late_lock);
    thread.exiting = false;
    arena_put(arena);
}

/* The key's destructor. Other destructors free too, in up to PTHREAD_DESTRUCTOR_ITERATIONS passes: so wait
 * for the last pass but one. The last is liburcu's, whose destructor may have run before ours, and which we
 * may have made to register the thread again. */
static void thread_exit(void *pass) {
    uintptr_t number = (uintptr_t)pass;
    if (thread.own == NULL)
        return;
    if (number < EXIT_PASS && pthread_setspecific(exit_key, (void *)(number + 1)) == 0)
        return;
    memcheck_pause();
    arena_stop(thread.own);
    memcheck_resume();
}

/* Guards and memcheck want to see every call. */
static bool has_fast_paths(void) {
    return config.guard == 0 && !memcheck_runs;
}

/* Gives the thread an arena; false if it has to do with the late one. */
static bool thread_start(void) {
    if (thread.phase != THREAD_FRESH || thread.forking)
        return false;
    interpose_check();
    int error = errno;
    struct arena *arena = arena_get();
    if (arena != NULL) {
        /* With the arena in place, as pthread_setspecific may allocate. */
        size_class_start_thread();
        thread.own = arena;
        thread.arena = has_fast_paths() ? arena : &empty_arena;
        thread.phase = THREAD_RUNNING;
        counter_add(&arena->counters.starts, 1);
        atomic_store_explicit(&arena->thread_id, os_thread_id(), memory_order_relaxed);
        if (pthread_setspecific(exit_key, (void *)1) != 0)
            arena_stop(arena);
    }
    errno = error;
    return thread.own != NULL;
}

/* The late arena exits after every use: nobody may come for a long time who would see to its slabs. */
static struct arena *late_enter(void) {
    lock_take(&late_lock);
    atomic_store_explicit(&late_arena.state, ARENA_RUNNING, memory_order_release);
    return &late_arena;
}

static void late_leave(void) {
    slabs_release_all(&late_arena);
    lock_give(&late_lock);
}

struct arena *arena_enter(void) {
    memcheck_pause();
    if (likely(thread.own != NULL) || thread_start())
        return thread.own;
    return late_enter();
}

struct arena *arena_enter_to_free(void) {
    if (thread.own == NULL && ++thread.fresh_frees <= FRESH_FREES) {
        memcheck_pause();
        return late_enter();
    }
    return arena_enter();
}

void arena_leave(struct arena *arena) {
    if (unlikely(arena == &late_arena))
        late_leave();
    memcheck_resume();
}

void arena_start_guards(void) {
    if (has_fast_paths() || thread.own == NULL)
        return;
    cache_flush();
    thread.arena = &empty_arena;
}

void arena_trim(void) {
    struct arena *arena = arena_enter();
    if (arena_has_cache(arena))
        cache_flush();
    slabs_exchange(arena);
    slabs_give_up_empty(arena);
    arena_leave(arena);
}

#define SUM(field)                                                                                           \
    counter_add(&sum->field, atomic_load_explicit(&arena->counters.field, memory_order_relaxed))

void arena_count(struct counters *sum, uint64_t *arenas) {
    *arenas = 0;
    if (thread.own != NULL && arena_has_cache(thread.own))
        cache_settle_all();
    /* Acquire; partner: arena_make. */
    const struct arena *arena = atomic_load_explicit(&all, memory_order_acquire);
    for (; arena != NULL; arena = arena->next, ++*arenas) {
        SUM(refills);
        SUM(remote_frees);
        SUM(pushes);
        SUM(posts);
        SUM(drains);
        SUM(claims);
        SUM(adoptions);
        SUM(orphans);
        SUM(slabs_taken);
        SUM(slabs_freed);
        SUM(starts);
        for (unsigned class = 1; class < CLASSES; class ++)
            SUM(used[class]);
    }
}

#define FORK_LOCKS 9

/* In the order in which they nest: liburcu allocates, from the late arena, with its own locks held. */
static pthread_mutex_t *const fork_locks[FORK_LOCKS] = {
    &late_lock,        &arenas_lock, &orphans_lock, &purge_lock,    &superslabs_lock,
    &descriptors_lock, &huge_lock,   &limbo_lock,   &metadata_lock,
};

/* While it forks, the thread works as the late arena: it must not enter liburcu. */
static void forking_start(void) {
    forking_own = thread.own;
    forking_arena = thread.arena;
    thread.own = NULL;
    thread.arena = &empty_arena;
    thread.forking = true;
}

static void forking_end(void) {
    thread.forking = false;
    thread.own = forking_own;
    thread.arena = forking_arena;
}

static void fork_prepare(void) {
    pthread_mutex_lock(&register_lock);
    urcu_bp_before_fork();
    for (size_t i = 0; i < FORK_LOCKS; i++)
        pthread_mutex_lock(fork_locks[i]);
    forking_start();
}

static void unlock_all(void) {
    forking_end();
    for (size_t i = FORK_LOCKS; i-- > 0;)
        pthread_mutex_unlock(fork_locks[i]);
}

static void fork_parent(void) {
    unlock_all();
    urcu_bp_after_fork_parent();
    pthread_mutex_unlock(&register_lock);
}

/* The other threads are gone, perhaps in the middle of an edit of their slabs: what they own stays theirs, so
 * that nobody claims it, and frees into it still succeed. They may also have left slabs of ours posted that
 * nobody will sweep. */
static void freeze_others(void) {
    for (struct arena *arena = atomic_load_explicit(&all, memory_order_relaxed); arena != NULL;
         arena = arena->next) {
        if (!inbox_is_empty(arena))
            ck_stack_init(&arena->inbox);
        if (arena != forking_own && arena != &late_arena &&
            atomic_load_explicit(&arena->state, memory_order_relaxed) == ARENA_RUNNING)
            atomic_store_explicit(&arena->state, ARENA_FROZEN, memory_order_relaxed);
    }
    limbo_after_fork();
}

static void notify_all_slabs(void) {
    struct arena *arena = arena_enter();
    rcu_enter(arena);
    for (uint32_t i = 0, count = slots_count(); i < count; i++) {
        struct superslab *superslab = atomic_load_explicit(&slot_at(i)->superslab, memory_order_relaxed);
        for (unsigned unit = 0; superslab != NULL && unit < UNITS; unit++)
            inbox_after_fork(arena, &superslab->slabs[unit]);
    }
    rcu_leave(arena);
    slabs_receive(arena);
    arena_leave(arena);
}

static void fork_child(void) {
    freeze_others();
    unlock_all();
    urcu_bp_after_fork_child();
    pthread_mutex_unlock(&register_lock);
    notify_all_slabs();
}

void arena_prepare_fork(void) {
    pthread_atfork(fork_prepare, fork_parent, fork_child);
}
