/* SPDX-License-Identifier: MIT */
#include "descriptor.h"

#include "pool.h"

uint32_t post_mark = 1;

static struct pool pool = {.size = sizeof(struct superslab)};

struct superslab *descriptor_take(void) {
    return pool_take(&pool);
}

void descriptor_give(struct superslab *superslab) {
    pool_give(&pool, superslab);
}
