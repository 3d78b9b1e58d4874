/* SPDX-License-Identifier: MIT */
#include "space.h"

#include "../config.h"
#include "../os.h"
#include "../probe.h"

static _Atomic uint64_t space;   /* bytes */
static _Atomic uint64_t touched; /* bytes */
static _Atomic uint64_t purged;  /* bytes */
static _Atomic uint64_t clean;   /* bytes, see clean_taken_bytes */
static _Atomic uint64_t large;   /* bytes */

_Atomic uint64_t idle_units;

pthread_mutex_t purge_lock = PTHREAD_MUTEX_INITIALIZER;

bool space_take(size_t bytes) {
    uint64_t before = atomic_fetch_add_explicit(&space, bytes, memory_order_relaxed);
    if (config.limit == 0 || before + bytes <= (uint64_t)config.limit << 20)
        return true;
    space_give(bytes);
    return false;
}

void space_give(size_t bytes) {
    atomic_fetch_sub_explicit(&space, bytes, memory_order_relaxed);
}

uint64_t space_bytes(void) {
    return atomic_load_explicit(&space, memory_order_relaxed);
}

void touched_add(size_t bytes) {
    atomic_fetch_add_explicit(&touched, bytes, memory_order_relaxed);
}

void touched_remove(size_t bytes) {
    atomic_fetch_sub_explicit(&touched, bytes, memory_order_relaxed);
}

uint64_t touched_bytes(void) {
    return atomic_load_explicit(&touched, memory_order_relaxed);
}

void clean_taken_add(size_t bytes) {
    atomic_fetch_add_explicit(&clean, bytes, memory_order_relaxed);
}

uint64_t clean_taken_bytes(void) {
    return atomic_load_explicit(&clean, memory_order_relaxed);
}

void large_add(size_t bytes) {
    atomic_fetch_add_explicit(&large, bytes, memory_order_relaxed);
}

void large_remove(size_t bytes) {
    atomic_fetch_sub_explicit(&large, bytes, memory_order_relaxed);
}

uint64_t large_bytes(void) {
    return atomic_load_explicit(&large, memory_order_relaxed);
}

bool pages_purge(char *base, size_t length) {
    if (!os_purge(base, length))
        return false;
    probe2(purge, base, length);
    atomic_fetch_add_explicit(&purged, length, memory_order_relaxed);
    return true;
}

bool pages_renew(char *base, size_t length, bool is_small) {
    if (!os_renew(base, length))
        return false;
    if (is_small)
        os_advise_huge_pages(base, length, false);
    return true;
}

uint64_t purged_bytes(void) {
    return atomic_load_explicit(&purged, memory_order_relaxed);
}
