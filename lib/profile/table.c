/* SPDX-License-Identifier: MIT */
#include "table.h"

#include "../os.h"
#include "../tuning.h"

#define EDGE UNIT
#define STEP (4 * UNIT)

bool table_make(struct table *table, size_t length, size_t least) {
    for (; length >= least; length = length / 2 & ~(UNIT - 1)) {
        char *closed = os_map_closed(length + 3 * EDGE);
        if (closed == NULL)
            continue;
        table->base = (char *)(((uintptr_t)closed + 2 * EDGE - 1) & ~(EDGE - 1));
        table->length = length;
        table->open = 0;
        return true;
    }
    return false;
}

bool table_reach(struct table *table, size_t length) {
    if (length <= table->open)
        return true;
    size_t end = (length + STEP - 1) & ~(STEP - 1);
    if (end > table->length)
        end = table->length;
    if (length > end || !os_open(table->base + table->open, end - table->open))
        return false;
    os_advise_huge_pages(table->base + table->open, end - table->open, false);
    table->open = end;
    return true;
}
