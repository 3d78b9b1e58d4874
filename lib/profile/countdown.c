/* SPDX-License-Identifier: MIT */
#include "countdown.h"

#include "../os.h"
#include "../tuning.h"
#include "chance.h"

#define NEVER (INT64_MAX / 2)

_Atomic uint64_t profile_interval;
_Atomic bool profile_began;

static void draw(struct countdown *countdown) {
    double until = chance_draw(&countdown->seed) * countdown->interval;
    countdown->until = countdown->wanted == 0 || until >= (double)NEVER ? NEVER : (int64_t)until;
}

void countdown_follow(struct countdown *countdown) {
    uint64_t wanted = atomic_load_explicit(&profile_interval, memory_order_relaxed);
    if (wanted == countdown->wanted && countdown->seed != 0)
        return;
    if (countdown->seed == 0)
        countdown->seed = ((os_fine_clock() ^ (uintptr_t)countdown) * 0x9e3779b97f4a7c15ul) | 1;
    countdown->wanted = wanted;
    countdown->interval = (double)wanted;
    countdown->since = 0;
    countdown->credit = 0;
    draw(countdown);
}

uint32_t countdown_try(struct countdown *countdown, size_t size, uint32_t count, double *interval) {
    int64_t bytes = (int64_t)(size * count);
    if (countdown->until >= bytes) {
        countdown->until -= bytes;
        return count;
    }
    uint32_t number = (uint32_t)((size_t)countdown->until / size);
    *interval = countdown->interval;
    draw(countdown);
    return number;
}

static void change(struct countdown *countdown, double interval) {
    countdown->interval = interval;
    draw(countdown);
}

/* Time brings credit, samples take it. To begin with there is enough for some dozens, so that a program that
 * runs for a moment has some. */
void countdown_pace(struct countdown *countdown, uint64_t now, uint64_t cost) {
    double least = (double)countdown->wanted;
    uint64_t before = now < countdown->since ? 0 : countdown->since; /* that may be another thread's */
    uint64_t earned = countdown->since == 0 ? PACE_CREDIT : (now - before) / PACE_SHARE;
    countdown->since = now;
    countdown->credit += earned < PACE_CREDIT ? (int64_t)earned : PACE_CREDIT;
    if (countdown->credit > PACE_CREDIT)
        countdown->credit = PACE_CREDIT;
    countdown->credit -= (int64_t)cost;
    if (countdown->credit < 0) {
        countdown->credit = PACE_CREDIT / 8;
        change(countdown, countdown->interval * 2);
    } else if (countdown->credit > PACE_CREDIT / 2 && countdown->interval > least) {
        countdown->credit = PACE_CREDIT / 4;
        change(countdown, countdown->interval / 2 > least ? countdown->interval / 2 : least);
    }
}

double countdown_weight(size_t size, double interval) {
    return 1 / chance_of((double)size / interval);
}
