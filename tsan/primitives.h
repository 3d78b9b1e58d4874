/* SPDX-License-Identifier: MIT
 *
 * What ThreadSanitizer is told of ConcurrencyKit, whose assembly it cannot see: loads, compare-and-swaps and
 * exchanges of pointers become relaxed atomics, and order comes from the fences that our code asks for. So a
 * missing fence is a race here, even on a machine whose atomics are stronger than relaxed.
 *
 * Only release and acquire are modelled. The full fences between a store and a load make no happens-before.
 */
#ifndef FREEHOLD_TSAN_PRIMITIVES_H
#define FREEHOLD_TSAN_PRIMITIVES_H

#include <stdbool.h>
#include <stddef.h>

#include <ck_pr.h>

/* Exported by the sanitizer, with the type that gcc knows, and in none of its headers. */
void __tsan_write_range(void *address, long length);

static __thread bool release_pending;  /* a release fence waits for the store that it orders */
static __thread void *loaded_unfenced; /* what was exchanged last: an acquire fence orders that load */

static inline void tsan_fence_release(void) {
    release_pending = true;
}

/* Another load of the same place, and not __tsan_acquire: clang's runtime looks whether anything was released
 * there before it waits for the releaser, who stores first and releases then. */
static inline void tsan_fence_acquire(void) {
    if (loaded_unfenced != NULL)
        (void)__atomic_load_n((void **)loaded_unfenced, __ATOMIC_ACQUIRE);
    loaded_unfenced = NULL;
}

static inline bool tsan_cas_ptr_value(void *target, void *expected, void *desired, void *found) {
    void **place = target;
    /* Changes nothing and is not seen by the sanitizer. If a test has the page protected, the fault comes
     * here, and not within the sanitizer, whose locks the handler would wait for. */
    (void)ck_pr_cas_ptr(place, NULL, NULL);
    bool done = release_pending ? __atomic_compare_exchange_n(place, &expected, desired, false,
                                                              __ATOMIC_RELEASE, __ATOMIC_RELAXED)
                                : __atomic_compare_exchange_n(place, &expected, desired, false,
                                                              __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    *(void **)found = expected;
    release_pending = release_pending && !done;
    return done;
}

static inline void *tsan_fas_ptr(void *target, void *desired) {
    loaded_unfenced = target;
    return __atomic_exchange_n((void **)target, desired, __ATOMIC_RELAXED);
}

#undef ck_pr_load_ptr
#define ck_pr_load_ptr(source) __atomic_load_n((source), __ATOMIC_RELAXED)
#define ck_pr_cas_ptr_value    tsan_cas_ptr_value
#define ck_pr_fas_ptr          tsan_fas_ptr
#define ck_pr_fence_release    tsan_fence_release
#define ck_pr_fence_acquire    tsan_fence_acquire

#endif
