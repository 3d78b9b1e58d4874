/* SPDX-License-Identifier: MIT */
#include "call.h"

#include "../config.h"
#include "../os.h"

#define PATIENCE 2000u /* milliseconds without a sign, when something decays, before others do its work */

_Atomic uint32_t housekeeper_word;
_Atomic(housekeeper_task) housekeeper_also;

static _Atomic uint64_t seen_at; /* milliseconds: its last sign */

bool call_change(uint32_t from, uint32_t to) {
    return atomic_compare_exchange_strong_explicit(&housekeeper_word, &from, to, memory_order_seq_cst,
                                                   memory_order_seq_cst);
}

void call_sign(void) {
    atomic_store_explicit(&seen_at, os_clock(), memory_order_relaxed);
}

void housekeeper_wake_up(void) {
    if (call_change(HOUSEKEEPER_ASLEEP, HOUSEKEEPER_AWAKE)) {
        call_sign();
        os_wake(&housekeeper_word);
    }
}

bool housekeeper_call_up(void) {
    if (call_change(HOUSEKEEPER_ASLEEP, HOUSEKEEPER_CALLED) ||
        call_change(HOUSEKEEPER_AWAKE, HOUSEKEEPER_CALLED))
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

void housekeeper_add(housekeeper_task task) {
    atomic_store_explicit(&housekeeper_also, task, memory_order_relaxed);
    (void)housekeeper_call();
}
