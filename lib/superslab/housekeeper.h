/* SPDX-License-Identifier: MIT
 *
 * The housekeeper: a thread that gives back what decays while the threads of the program do something else,
 * or sleep. It is there in processes that have made a thread themselves, and sleeps without a time-out while
 * nothing decays. Nothing relies on it: without one, the slow paths do its work in small slices. Model:
 * tsan/model/housekeeper.pml. */
#ifndef FREEHOLD_HOUSEKEEPER_H
#define FREEHOLD_HOUSEKEEPER_H

#include "../types.h"

enum housekeeper_state {
    HOUSEKEEPER_NONE,
    HOUSEKEEPER_STARTING, /* by a thread that will say so if it fails */
    HOUSEKEEPER_AWAKE,    /* at work, or its sleep has an end */
    HOUSEKEEPER_CALLED,   /* likewise, and it is to look at once */
    HOUSEKEEPER_ASLEEP,   /* until it is woken */
    HOUSEKEEPER_ENDING    /* there will be none any more */
};

/* Atomic, and a futex. ASLEEP is stored by the housekeeper only; see housekeeper_wake for the orders. */
extern _Atomic uint32_t housekeeper_word;

typedef int (*thread_create)(pthread_t *id, const pthread_attr_t *attributes, void *(*function)(void *),
                             void *argument);

/* Starts it if there is none, by the C library's pthread_create. errno is kept. */
void housekeeper_start(thread_create create);

/* Lets it be started. Called by the constructor, in the main thread, when the options are known. */
void housekeeper_allow(void);

/* Whether it sees to what decays, so that nobody else need do it. */
bool housekeeper_works(void);

void housekeeper_wake_up(void);
bool housekeeper_call_up(void);

/* Something has become free that will decay. The fence is between that and the look at the word; partner:
 * the one in the housekeeper between the word and its look at what decays. */
static inline void housekeeper_wake(void) {
    fence_atomic_load();
    if (unlikely(atomic_load_explicit(&housekeeper_word, memory_order_relaxed) == HOUSEKEEPER_ASLEEP))
        housekeeper_wake_up();
}

/* Something is to go back at once. false if there is nobody who does it. */
static inline bool housekeeper_call(void) {
    return atomic_load_explicit(&housekeeper_word, memory_order_relaxed) != HOUSEKEEPER_NONE &&
           housekeeper_call_up();
}

/* The thread ends. If it is the main one, the process may end with the last thread of the program, which the
 * housekeeper is not: so it ends first. */
void housekeeper_leave(void);

/* In the child of a fork, which has none. */
void housekeeper_after_fork(void);

#endif
