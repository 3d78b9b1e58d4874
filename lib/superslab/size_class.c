/* SPDX-License-Identifier: MIT */
#include "size_class.h"

#include <string.h>

#include "../thread.h"

/* How many times the steps have doubled at a size of so many grains. */
#define DOUBLINGS(grains) ((grains) <= 8 ? 0 : 28 - __builtin_clz((grains)-1))
#define CLASS_OF(grains)                                                                                     \
    (uint8_t)((grains) == 0  ? 1                                                                             \
              : (grains) < 9 ? (grains)                                                                      \
                             : 8 * DOUBLINGS(grains) + (((grains)-1) >> DOUBLINGS(grains)) + 1)

#define FOUR(grains)    CLASS_OF(grains), CLASS_OF((grains) + 1), CLASS_OF((grains) + 2), CLASS_OF((grains) + 3)
#define SIXTEEN(grains) FOUR(grains), FOUR((grains) + 4), FOUR((grains) + 8), FOUR((grains) + 12)
#define SIXTY_FOUR(grains)                                                                                   \
    SIXTEEN(grains), SIXTEEN((grains) + 16), SIXTEEN((grains) + 32), SIXTEEN((grains) + 48)
#define FOUR_SIXTIES(grains)                                                                                 \
    SIXTY_FOUR(grains), SIXTY_FOUR((grains) + 64), SIXTY_FOUR((grains) + 128), SIXTY_FOUR((grains) + 192)
#define THOUSAND(grains)                                                                                     \
    FOUR_SIXTIES(grains), FOUR_SIXTIES((grains) + 256), FOUR_SIXTIES((grains) + 512),                        \
        FOUR_SIXTIES((grains) + 768)

/* Made by the compiler, so that no process has to fill it, or to have a page of its own for it. */
const uint8_t size_class_table[SMALL_MAX / GRAIN + 1] = {THOUSAND(0), THOUSAND(1024), CLASS_OF(2048)};
static_assert(SMALL_MAX / GRAIN == 2048 && CLASS_OF(2048) == CLASSES - 1, "the table has all small sizes");

void size_class_start_thread(void) {
    thread.class_of[0] = CLASS_OF(0);
    for (size_t size = 1; size < TINY_MAX; size += GRAIN)
        memset(&thread.class_of[size], (int)size_class(size), GRAIN);
}
