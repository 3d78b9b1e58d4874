/* SPDX-License-Identifier: MIT */
#include "stock.h"

#include "../os.h"
#include "../superslab/metadata.h"

#define PAGE  4096ul
#define CHUNK (32 * PAGE) /* metadata of such a size has units of its own, and so whole pages */

static_assert(sizeof(struct stock) <= PAGE, "a stock fits a page");

static struct stock first; /* a process may have one thread */
static bool has_first;     /* arenas_lock */
static char *rest;         /* arenas_lock: what is left of the last chunk */
static size_t left;        /* arenas_lock: bytes */

struct stock *stock_take(void) {
    if (!has_first) {
        has_first = true;
        return &first;
    }
    if (left == 0) {
        rest = metadata_take(CHUNK);
        if (rest == NULL)
            return NULL;
        left = CHUNK;
    }
    left -= PAGE;
    rest += PAGE;
    return (struct stock *)(rest - PAGE);
}

/* Zeros are an empty stock. Where pages are larger, one has those of others as well. */
void stock_purge(struct stock *stock) {
    if (stock != &first && os_page() == PAGE)
        (void)os_purge(stock, PAGE);
}
