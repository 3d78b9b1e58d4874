/* SPDX-License-Identifier: MIT */
#include "housekeeper.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "../config.h"
#include "../os.h"
#include "pressure.h"
#include "purge.h"

#define STACK    (128ul << 10) /* bytes */
#define JOIN     1             /* seconds that a main thread which ends waits for it at most */
#define PATIENCE 2000u /* milliseconds without a sign, when something decays, before others do its work */

_Atomic uint32_t housekeeper_word;

static _Atomic bool is_allowed;
static _Atomic(thread_create) asked; /* by whom it would have been started, had it been allowed */
static _Atomic uint64_t seen_at;     /* milliseconds: its last sign */
static pthread_t housekeeper;        /* written while STARTING; read by who has ended it */
static pthread_t main_thread;        /* written by the constructor, and in the child of a fork */

/* From one state to another; false if it is in a third one. */
static bool change(uint32_t from, uint32_t to) {
    return atomic_compare_exchange_strong_explicit(&housekeeper_word, &from, to, memory_order_seq_cst,
                                                   memory_order_seq_cst);
}

static bool is_in(uint32_t state) {
    return atomic_load_explicit(&housekeeper_word, memory_order_relaxed) == state;
}

void housekeeper_wake_up(void) {
    if (change(HOUSEKEEPER_ASLEEP, HOUSEKEEPER_AWAKE)) {
        atomic_store_explicit(&seen_at, os_clock(), memory_order_relaxed);
        os_wake(&housekeeper_word);
    }
}

bool housekeeper_call_up(void) {
    if (change(HOUSEKEEPER_ASLEEP, HOUSEKEEPER_CALLED) || change(HOUSEKEEPER_AWAKE, HOUSEKEEPER_CALLED))
        os_wake(&housekeeper_word);
    return housekeeper_works();
}

/* One that has not been heard of may have been stopped, or be the parent's of a process that was cloned past
 * the C library. */
bool housekeeper_works(void) {
    uint32_t state = atomic_load_explicit(&housekeeper_word, memory_order_relaxed);
    if (state == HOUSEKEEPER_NONE || state == HOUSEKEEPER_ENDING)
        return false;
    uint64_t silence = os_clock() - atomic_load_explicit(&seen_at, memory_order_relaxed);
    return state == HOUSEKEEPER_ASLEEP || silence < PATIENCE + 8 * config.decay;
}

/* Sleeps until something decays. The exchange is the fence between the word and the look; partner:
 * housekeeper_wake. false if the kernel does not let it sleep. */
static bool sleep_for_long(void) {
    if (!change(HOUSEKEEPER_AWAKE, HOUSEKEEPER_ASLEEP))
        return true;
    fence_atomic_load();
    if (purge_is_needed())
        change(HOUSEKEEPER_ASLEEP, HOUSEKEEPER_AWAKE);
    while (is_in(HOUSEKEEPER_ASLEEP))
        if (!os_wait(&housekeeper_word, HOUSEKEEPER_ASLEEP, 0))
            return false;
    return true;
}

static void *run(void *unused) {
    bool can_sleep = true;
    os_name_thread("freehold");
    os_own_files();
    while (can_sleep && is_in(HOUSEKEEPER_STARTING))
        can_sleep = os_wait(&housekeeper_word, HOUSEKEEPER_STARTING, 1);
    while (can_sleep && !is_in(HOUSEKEEPER_ENDING)) {
        atomic_store_explicit(&seen_at, os_clock(), memory_order_relaxed);
        change(HOUSEKEEPER_CALLED, HOUSEKEEPER_AWAKE);
        pressure_look();
        uint64_t pause = purge_step();
        if (pause == PURGE_NOTHING)
            can_sleep = sleep_for_long();
        else if (pause != 0)
            can_sleep = os_wait(&housekeeper_word, HOUSEKEEPER_AWAKE, pause);
    }
    atomic_store_explicit(&housekeeper_word, HOUSEKEEPER_ENDING, memory_order_relaxed);
    return unused;
}

void housekeeper_allow(void) {
    main_thread = pthread_self();
    atomic_store_explicit(&is_allowed, config.housekeeper != 0, memory_order_seq_cst);
    /* Threads may be older than the options: constructors make them. One of the two sees the other. */
    thread_create create = atomic_load_explicit(&asked, memory_order_seq_cst);
    if (create != NULL)
        housekeeper_start(create);
}

/* A stack of its own size may be less than what the program's thread-local storage takes. */
static int create_thread(thread_create create) {
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error != 0)
        return error;
    pthread_attr_setstacksize(&attributes, STACK);
    error = create(&housekeeper, &attributes, run, NULL);
    pthread_attr_destroy(&attributes);
    return error == EINVAL ? create(&housekeeper, NULL, run, NULL) : error;
}

/* With all signals blocked, as the new thread inherits it. Those that the C library needs stay open. */
static bool create_quietly(thread_create create) {
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return false;
    bool created = create_thread(create) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return created;
}

static void join(void) {
    struct timespec end = {0, 0};
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += JOIN;
    pthread_timedjoin_np(housekeeper, NULL, &end);
}

void housekeeper_start(thread_create create) {
    if (!is_in(HOUSEKEEPER_NONE))
        return;
    atomic_store_explicit(&asked, create, memory_order_seq_cst);
    if (!atomic_load_explicit(&is_allowed, memory_order_seq_cst) ||
        !change(HOUSEKEEPER_NONE, HOUSEKEEPER_STARTING))
        return;
    int error = errno;
    atomic_store_explicit(&seen_at, os_clock(), memory_order_relaxed);
    if (!create_quietly(create))
        change(HOUSEKEEPER_STARTING, HOUSEKEEPER_NONE);
    else if (!change(HOUSEKEEPER_STARTING, HOUSEKEEPER_AWAKE))
        join(); /* the main thread has ended meanwhile */
    errno = error;
}

void housekeeper_leave(void) {
    if (!pthread_equal(pthread_self(), main_thread))
        return;
    uint32_t before = atomic_exchange_explicit(&housekeeper_word, HOUSEKEEPER_ENDING, memory_order_seq_cst);
    if (before == HOUSEKEEPER_NONE || before == HOUSEKEEPER_STARTING || before == HOUSEKEEPER_ENDING)
        return;
    os_wake(&housekeeper_word);
    join();
}

void housekeeper_after_fork(void) {
    main_thread = pthread_self();
    atomic_store_explicit(&housekeeper_word, HOUSEKEEPER_NONE, memory_order_relaxed);
}
