/* SPDX-License-Identifier: MIT */
#include "decay.h"

#include "../config.h"
#include "../os.h"
#include "pressure.h"
#include "space.h"

/* All of it purge_lock, but for patience. */
static struct {
    uint64_t purged, taken; /* bytes: lately, the older the less */
    uint64_t clean;         /* what clean_taken_bytes was at the last look */
    uint64_t looked_at;     /* milliseconds */
    uint32_t quiet;         /* looks in a row that have seen no swing */
} lately;

static _Atomic uint32_t patience; /* atomic; written under purge_lock: so often the decay time is doubled */

/* Whether an eighth is left at most. */
static bool is_near(uint64_t used, uint64_t limit) {
    return limit != 0 && used > limit - limit / 8;
}

uint64_t decay_time(void) {
    if (pressure_is_high() || is_near(space_bytes(), (uint64_t)config.limit << 20))
        return config.decay / PRESSED_SHARE;
    return config.decay << atomic_load_explicit(&patience, memory_order_relaxed);
}

void decay_purged(uint64_t bytes) {
    lately.purged += bytes;
}

static void forget(void) {
    lately.purged = lately.taken = 0;
    lately.quiet = 0;
}

/* An eighth of what the process uses, and not only the change of a small one. */
static bool is_swinging(void) {
    uint64_t regret = lately.purged < lately.taken ? lately.purged : lately.taken;
    return regret > REGRET_LEAST && regret > touched_bytes() / 8;
}

static void patience_set(uint32_t value) {
    atomic_store_explicit(&patience, value, memory_order_relaxed);
    forget();
}

void decay_look(void) {
    uint64_t now = os_clock(), clean = clean_taken_bytes();
    uint32_t doubled = atomic_load_explicit(&patience, memory_order_relaxed);
    if (now - lately.looked_at > 4 * decay_time())
        patience_set(0); /* nothing has decayed for long: what is taken now is for another load */
    else
        lately.taken += clean - lately.clean;
    lately.looked_at = now;
    lately.clean = clean;
    if (is_swinging())
        patience_set(doubled < PATIENCE_MOST ? doubled + 1 : doubled);
    else if (++lately.quiet >= QUIET_LOOKS && doubled != 0)
        patience_set(doubled - 1);
    lately.purged -= lately.purged / 4;
    lately.taken -= lately.taken / 4;
}
