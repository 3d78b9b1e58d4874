/* SPDX-License-Identifier: MIT */
#include "housekeeper.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "../config.h"
#include "../os.h"
#include "../thread.h"
#include "call.h"
#include "pressure.h"
#include "purge.h"

#define STACK (128ul << 10) /* bytes */
#define JOIN  1             /* seconds that a main thread which ends waits for it at most */

static _Atomic bool is_allowed;
static _Atomic(thread_create) asked;     /* by whom it would have been started, had it been allowed */
static pthread_t housekeeper;            /* written while STARTING; read by who has ended it */
static const struct thread *main_thread; /* written by the constructor, and in the child of a fork */

/* Sleeps until something decays. The exchange is the fence between the word and the look; partner:
 * housekeeper_wake. false if the kernel does not let it sleep. */
static bool sleep_for_long(void) {
    if (!call_change(HOUSEKEEPER_AWAKE, HOUSEKEEPER_ASLEEP))
        return true;
    fence_atomic_load();
    if (purge_is_needed())
        call_change(HOUSEKEEPER_ASLEEP, HOUSEKEEPER_AWAKE);
    while (call_is(HOUSEKEEPER_ASLEEP))
        if (!os_wait(&housekeeper_word, HOUSEKEEPER_ASLEEP, 0))
            return false;
    return true;
}

static uint64_t do_also(void) {
    housekeeper_task task = atomic_load_explicit(&housekeeper_also, memory_order_relaxed);
    return task == NULL ? PURGE_NOTHING : task(true);
}

static void *run(void *unused) {
    bool can_sleep = true;
    os_name_thread("freehold");
    os_end_real_time(); /* of who made it: nothing is so urgent here */
    os_own_files();
    while (can_sleep && call_is(HOUSEKEEPER_STARTING))
        can_sleep = os_wait(&housekeeper_word, HOUSEKEEPER_STARTING, 1);
    while (can_sleep && !call_is(HOUSEKEEPER_ENDING)) {
        call_sign();
        call_change(HOUSEKEEPER_CALLED, HOUSEKEEPER_AWAKE);
        pressure_look();
        uint64_t pause = purge_step(), other = do_also();
        pause = pause < other ? pause : other;
        if (pause == PURGE_NOTHING)
            can_sleep = sleep_for_long();
        else if (pause != 0)
            can_sleep = os_wait(&housekeeper_word, HOUSEKEEPER_AWAKE, pause);
    }
    atomic_store_explicit(&housekeeper_word, HOUSEKEEPER_ENDING, memory_order_relaxed);
    return unused;
}

void housekeeper_allow(void) {
    main_thread = &thread;
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
    if (!call_is(HOUSEKEEPER_NONE))
        return;
    atomic_store_explicit(&asked, create, memory_order_seq_cst);
    if (!atomic_load_explicit(&is_allowed, memory_order_seq_cst) ||
        !call_change(HOUSEKEEPER_NONE, HOUSEKEEPER_STARTING))
        return;
    int error = errno;
    call_sign();
    if (!create_quietly(create))
        call_change(HOUSEKEEPER_STARTING, HOUSEKEEPER_NONE);
    else if (!call_change(HOUSEKEEPER_STARTING, HOUSEKEEPER_AWAKE))
        join(); /* the main thread has ended meanwhile */
    errno = error;
}

void housekeeper_leave(void) {
    if (main_thread != &thread)
        return;
    uint32_t before = atomic_exchange_explicit(&housekeeper_word, HOUSEKEEPER_ENDING, memory_order_seq_cst);
    if (before == HOUSEKEEPER_NONE || before == HOUSEKEEPER_STARTING || before == HOUSEKEEPER_ENDING)
        return;
    os_wake(&housekeeper_word);
    join();
}

void housekeeper_after_fork(void) {
    main_thread = &thread;
    atomic_store_explicit(&housekeeper_word, HOUSEKEEPER_NONE, memory_order_relaxed);
}
