/* SPDX-License-Identifier: MIT
 *
 * Work as the late arena, for threads that have none: they share it under late_lock. */
#ifndef FREEHOLD_LATE_H
#define FREEHOLD_LATE_H

#include "../types.h"

/* Takes late_lock and returns the late arena, which runs. */
struct arena *late_enter(void);

/* Ends it. It exits after every use: nobody may come for a long time who would see to its slabs. */
void late_leave(void);

#endif
