/* SPDX-License-Identifier: MIT */
#include "huge_page.h"

#include "../config.h"
#include "../os.h"

/* A huge page that takes longer than this, in nanoseconds of processor time, is no cheaper than the small
 * ones it stands for: a virtual machine may have to get each from its host. Usual are 100,000 to 200,000. */
#define DEAR 600000u

/* Mappings that do without, before it is tried again. */
#define PAUSE 32u

static _Atomic uint32_t pause_left;

static bool is_pausing(void) {
    uint32_t left = atomic_load_explicit(&pause_left, memory_order_relaxed);
    if (left == 0)
        return false;
    atomic_store_explicit(&pause_left, left - 1, memory_order_relaxed);
    return true;
}

/* The first page of the mapping is about to be used anyway. */
static void try_first_page(char *base) {
    uint64_t before = os_thread_time();
    *(volatile char *)base = 0;
    if (os_thread_time() - before > DEAR)
        atomic_store_explicit(&pause_left, PAUSE, memory_order_relaxed);
}

bool huge_page_ask(char *base, size_t length, uint64_t swell, uint64_t size) {
    if (!config.huge_pages || swell > size / HUGE_PAGES_SWELL || is_pausing())
        return false;
    os_advise_huge_pages(base, length, true);
    try_first_page(base);
    return true;
}
