/* SPDX-License-Identifier: MIT */
#include "life.h"

#include <errno.h>

#include "../config.h"
#include "../interpose.h"
#include "../lock.h"
#include "../memcheck.h"
#include "../os.h"
#include "../superslab/excess.h"
#include "../superslab/housekeeper.h"
#include "../superslab/purge.h"
#include "../superslab/size_class.h"
#include "arena.h"
#include "arenas.h"
#include "cache.h"
#include "late.h"
#include "runs.h"
#include "slabs.h"
#include "thaw.h"

static pthread_key_t exit_key; /* arenas_lock, until has_begun */
static bool has_exit_key;      /* likewise */
static _Atomic bool has_begun; /* grows under arenas_lock */

static void thread_exit(void *pass);

/* What the first thread makes for all: a key, if the program has left one. */
static void begin(void) {
    /* Acquire; partner: the store below. */
    if (likely(atomic_load_explicit(&has_begun, memory_order_acquire)))
        return;
    lock_take(&arenas_lock);
    if (!atomic_load_explicit(&has_begun, memory_order_relaxed)) {
        config_start();
        has_exit_key = pthread_key_create(&exit_key, thread_exit) == 0;
        atomic_store_explicit(&has_begun, true, memory_order_release);
    }
    lock_give(&arenas_lock);
}

static void arena_stop(struct arena *arena) {
    arena_release_quarantine(arena);
    if (arena_has_cache(arena)) {
        cache_flush();
        runs_flush();
    }
    thread.arena = &empty_arena;
    thread.own = NULL;
    thread.state = THREAD_EXITED;
    slabs_release_all(arena);
    bool is_last = arenas_give(arena);
    purge_excess();
    if (is_last)
        excess_exit();
}

static void thread_end(void *unused) {
    (void)unused;
    memcheck_pause();
    if (thread.own != NULL)
        arena_stop(thread.own);
    thread.state = THREAD_EXITED;
    housekeeper_leave();
    memcheck_resume();
}

/* The key's destructor. Other destructors free too, in up to PTHREAD_DESTRUCTOR_ITERATIONS passes: so wait
 * until the last but one. A thread that allocates for the first time after that does so late. */
static void thread_exit(void *pass) {
    uintptr_t number = (uintptr_t)pass;
    if (thread.state != THREAD_EXITED &&
        (number >= EXIT_PASS || pthread_setspecific(exit_key, (void *)(number + 1)) != 0))
        thread_end(NULL);
}

extern int __cxa_thread_atexit_impl(void (*destructor)(void *), void *object, void *module)
    __attribute__((weak));
extern void *__dso_handle __attribute__((visibility("hidden")));

/* Sees to it that thread_exit is called; where the program has left no key, that thread_end is called before
 * the first key's destructor, as a C++ object's would be. false if neither can be had. */
static bool exit_expect(void) {
    if (has_exit_key && pthread_setspecific(exit_key, (void *)1) == 0)
        return true;
    return __cxa_thread_atexit_impl != NULL && __cxa_thread_atexit_impl(thread_end, NULL, &__dso_handle) == 0;
}

/* Only a thread that has set a key's value runs destructors, and the first allocation may be made by one of
 * them in the last pass: then it would be too late to wait for its end. */
void thread_watch(void) {
    begin();
    if (thread.state == THREAD_FRESH && has_exit_key) {
        thread.state = THREAD_WATCHED; /* first, for what follows may allocate, and so start the thread */
        if (pthread_setspecific(exit_key, (void *)1) != 0 && thread.state == THREAD_WATCHED)
            thread.state = THREAD_FRESH;
    }
}

static bool is_unborn(void) {
    return thread.state == THREAD_FRESH || thread.state == THREAD_WATCHED;
}

/* Guard level 2 and memcheck want to see every call. */
static bool has_fast_paths(void) {
    return config.guard < 2 && !memcheck_runs;
}

/* Gives the thread an arena; false if it has to do with the late one. */
static cold bool thread_start(void) {
    if (!is_unborn())
        return false;
    interpose_check();
    begin();
    int error = errno;
    bool is_watched = thread.state == THREAD_WATCHED;
    struct arena *arena = arenas_take();
    if (arena != NULL) {
        /* With the arena in place, as exit_expect may allocate. */
        size_class_start_thread();
        thread.own = arena;
        thread.arena = has_fast_paths() ? arena : &empty_arena;
        thread.state = THREAD_RUNNING;
        counter_add(&arena->counters.starts, 1);
        atomic_store_explicit(&arena->thread_id, os_thread_id(), memory_order_relaxed);
        if (!is_watched && !exit_expect())
            arena_stop(arena);
    }
    errno = error;
    return thread.own != NULL;
}

struct arena *arena_enter(void) {
    memcheck_pause();
    if (likely(thread.own != NULL) || thread_start())
        return thread.own;
    return late_enter();
}

struct arena *arena_enter_to_free(void) {
    if (is_unborn() && thread.fresh_frees < FRESH_FREES) {
        thread.fresh_frees++;
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
    if (has_fast_paths() || thread.own == NULL || !arena_has_cache(thread.own))
        return;
    cache_flush();
    runs_flush();
    thread.arena = &empty_arena;
}

void arena_settle(void) {
    if (thread.own != NULL && arena_has_cache(thread.own)) {
        cache_settle_all();
        cache_count_all();
    }
}

void arena_before_thread(void) {
    if (thread.own == NULL)
        return;
    int error = errno;
    struct arena *arena = arena_enter();
    slabs_before_thread(arena);
    arena_leave(arena);
    errno = error;
}

void arena_trim(void) {
    struct arena *arena = arena_enter();
    arena_release_quarantine(arena);
    if (arena_has_cache(arena)) {
        cache_flush();
        runs_flush();
    }
    slabs_exchange(arena);
    while (thaw_some(arena))
        slabs_receive(arena);
    slabs_give_up_empty(arena);
    arena_leave(arena);
}
