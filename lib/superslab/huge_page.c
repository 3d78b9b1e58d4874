/* SPDX-License-Identifier: MIT */
#include "huge_page.h"

#include "../config.h"
#include "../os.h"

/* A huge page that takes longer than this, in nanoseconds, is no cheaper than the small ones it stands for: a
 * virtual machine may have to get each from its host. Usual are 100,000 to 200,000. One alone may have been
 * interrupted: two in a row count. */
#define DEAR 600000u

/* SuperSlabs that do without, before it is tried again. */
#define PAUSE 32u

static _Atomic uint32_t pause_left;
static _Atomic bool was_dear; /* the last one */

static bool is_pausing(void) {
    uint32_t left = atomic_load_explicit(&pause_left, memory_order_relaxed);
    if (left == 0)
        return false;
    atomic_store_explicit(&pause_left, left - 1, memory_order_relaxed);
    return true;
}

bool huge_page_is_wanted(uint64_t swell, uint64_t size) {
    return config.huge_pages && swell <= size / HUGE_PAGES_SWELL && !is_pausing();
}

void huge_page_try(char *base) {
    uint64_t before = os_fine_clock();
    *(volatile char *)base = 0;
    bool is_dear = os_fine_clock() - before > DEAR;
    if (atomic_exchange_explicit(&was_dear, is_dear, memory_order_relaxed) && is_dear)
        atomic_store_explicit(&pause_left, PAUSE, memory_order_relaxed);
}
