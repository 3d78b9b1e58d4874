/* SPDX-License-Identifier: MIT
 *
 * What a thread keeps in thread-local storage, the states of its life, and the arena of those that have none.
 */
#ifndef FREEHOLD_THREAD_H
#define FREEHOLD_THREAD_H

#include "types.h"

/* The states of a thread, and what each may do. Only a RUNNING thread has an arena of its own, thread.own,
 * and fast paths; in all other states thread.arena is empty_arena and thread.own is NULL, so that neither
 * malloc's nor free's fast half needs a test. "late" is the late arena, used with late_lock held. Every arena
 * has its reader, so read sections are entered as whatever arena one works as.
 *
 *   state    entered in    malloc from  free as  mutexes it may take
 *   -------  ------------  -----------  -------  --------------------------------
 *   FRESH    birth         [1]          [2]      all
 *   WATCHED  thread_watch  [1]          [2]      all
 *   RUNNING  thread_start  own          own      all
 *   FORKING  fork_prepare  late         late     none: it holds all; see lock.h
 *   EXITED   thread_exit   late         late     all
 *   -------  ------------  -----------  -------  --------------------------------
 *
 * [1] It gets an arena and is RUNNING; if there is none to be had, late.
 * [2] The first FRESH_FREES times late, then as malloc.
 *
 * From FORKING it returns to the state before. */
enum thread_state {
    THREAD_FRESH,
    THREAD_WATCHED, /* fresh, and its end will be noticed */
    THREAD_RUNNING,
    THREAD_FORKING, /* in fork or in one of the program's fork handlers, between ours */
    THREAD_EXITED
};

extern __attribute__((visibility("hidden"))) __thread struct thread thread;

/* An arena that owns nothing: the fast paths need no test for a thread that has none. */
extern struct arena empty_arena;

/* The arena of threads that have none, shared under late_lock. */
extern struct arena late_arena;
extern pthread_mutex_t late_lock;

#endif
