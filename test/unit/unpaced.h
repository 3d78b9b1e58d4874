/* SPDX-License-Identifier: MIT
 *
 * Stands in for what makes samples rarer: the tests want their interval, whatever samples cost. */
#ifndef FREEHOLD_UNPACED_H
#define FREEHOLD_UNPACED_H

#include "profile/countdown.h"

void __wrap_countdown_pace(struct countdown *countdown, uint64_t now, uint64_t cost);
void __wrap_countdown_pace(struct countdown *countdown, uint64_t now, uint64_t cost) {
    (void)countdown;
    (void)now;
    (void)cost;
}

#endif
