/* SPDX-License-Identifier: MIT */
#include "decay.h"

#include "../config.h"
#include "space.h"

/* Whether an eighth is left at most. */
static bool is_near(uint64_t used, uint64_t limit) {
    return limit != 0 && used > limit - limit / 8;
}

uint64_t decay_time(void) {
    bool is_pressed = is_near(space_bytes(), (uint64_t)config.limit << 20);
    return is_pressed ? config.decay / PRESSED_SHARE : config.decay;
}
