/* SPDX-License-Identifier: MIT
 *
 * When a sample is due: at the points of a Poisson process that runs over the bytes of what is tried, one in
 * interval bytes on average. A thing of size bytes is a sample if a point falls on it, with the chance
 * 1 - exp(-size / interval), whatever was before it. The process has no memory: it may be begun anew, with
 * another interval, at any moment that does not depend on where its next point is. */
#ifndef FREEHOLD_PROFILE_COUNTDOWN_H
#define FREEHOLD_PROFILE_COUNTDOWN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes between two samples, as the program wants them; 0: there are none. */
extern _Atomic uint64_t profile_interval;

/* Whether there ever were any: nothing of the profile is looked at before. Once set, it stays. */
extern _Atomic bool profile_began;

static inline bool profile_has_begun(void) {
    return __builtin_expect(atomic_load_explicit(&profile_began, memory_order_relaxed), 0);
}

/* Of one thread, or under a lock. */
struct countdown {
    int64_t until;   /* whole bytes to the next point */
    double interval; /* of the process that has this point */
    uint64_t wanted; /* what profile_interval was when it was looked at last */
    uint64_t seed;
    uint64_t since; /* nanoseconds of its processor time: when a sample was paid for last */
    int64_t credit; /* nanoseconds that samples may still cost */
};

/* Whether so many bytes can be passed over at once: no point is on them. If not, nothing has been done. */
static inline bool countdown_pass(struct countdown *countdown, size_t bytes) {
    bool follows = atomic_load_explicit(&profile_interval, memory_order_relaxed) == countdown->wanted;
    if (__builtin_expect(!follows || countdown->until < (int64_t)bytes, 0))
        return false;
    countdown->until -= (int64_t)bytes;
    return true;
}

/* Follows profile_interval. */
void countdown_follow(struct countdown *countdown);

/* Tries count things of size bytes each: returns the number of the first that is a sample, which ends the
 * trial, or count. *interval becomes that of the sample. */
uint32_t countdown_try(struct countdown *countdown, size_t size, uint32_t count, double *interval);

/* A sample has cost so many nanoseconds: where they cost too much of the time, they become rarer. */
void countdown_pace(struct countdown *countdown, uint64_t now, uint64_t cost);

/* What one sample of a thing of size bytes stands for. */
double countdown_weight(size_t size, double interval);

#endif
