/* SPDX-License-Identifier: MIT
 *
 * The call: what everybody knows of the housekeeper, so that whoever frees something can wake it. Model:
 * tsan/model/housekeeper.pml. */
#ifndef FREEHOLD_CALL_H
#define FREEHOLD_CALL_H

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

/* From one state to another; false if it is in a third one. */
bool call_change(uint32_t from, uint32_t to);

static inline bool call_is(uint32_t state) {
    return atomic_load_explicit(&housekeeper_word, memory_order_relaxed) == state;
}

/* The housekeeper, or who starts or wakes it, says that it is there. */
void call_sign(void);

/* Whether it sees to what decays, so that nobody else need do it. */
bool housekeeper_works(void);

void housekeeper_wake_up(void);
bool housekeeper_call_up(void);

/* Something else that is to be done now and then: by the housekeeper, and on slow paths, which are to do
 * little. It says after how many milliseconds it wants to be called again; UINT64_MAX: not before another
 * call. */
typedef uint64_t (*housekeeper_task)(bool is_housekeeper);
extern _Atomic(housekeeper_task) housekeeper_also;

/* Adds the only one that there is. */
void housekeeper_add(housekeeper_task task);

/* Something has become free that will decay. The fence is between that and the look at the word; partner:
 * the one in the housekeeper between the word and its look at what decays. */
static inline void housekeeper_wake(void) {
    fence_atomic_load();
    if (unlikely(call_is(HOUSEKEEPER_ASLEEP)))
        housekeeper_wake_up();
}

/* Something is to go back at once. false if there is nobody who does it. */
static inline bool housekeeper_call(void) {
    return !call_is(HOUSEKEEPER_NONE) && housekeeper_call_up();
}

#endif
