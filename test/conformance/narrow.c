/* SPDX-License-Identifier: MIT
 *
 * FREEHOLD_LIMIT holds for the first SuperSlab, too: under a few MiB, most of them can be had in small blocks
 * and no more, and again after the frees. */
#include <errno.h>
#include <stdlib.h>

#include "conformance/probe.h"

#define SIZE 1000u
#define MOST (64 * MIB / SIZE)

static void *blocks[MOST];

static size_t allocate_all(void) {
    size_t count = 0;
    errno = 0;
    while (count < MOST && (blocks[count] = malloc(SIZE)) != NULL) {
        memset(blocks[count++], 1, SIZE);
    }
    REQUIRE(count < MOST && errno == ENOMEM);
    return count;
}

int main(void) {
    const char *option = getenv("FREEHOLD_LIMIT");
    size_t limit = option ? strtoul(option, NULL, 10) * MIB : 0;
    REQUIRE(limit > 0 && limit < 64 * MIB);
    for (int round = 0; round < 3; round++) {
        size_t count = allocate_all();
        REQUIRE(count * SIZE <= limit && count * SIZE > limit / 2);
        for (size_t i = 0; i < count; i++) {
            free(blocks[i]);
        }
        void *more = malloc(opaque_size(limit + 1));
        REQUIRE(more == NULL && errno == ENOMEM);
    }
    check_invariants();
    return 0;
}
