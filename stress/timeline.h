/* SPDX-License-Identifier: MIT
 *
 * Resident memory over the time of a run: does it grow though what is live does not?
 */
#ifndef STRESS_TIMELINE_H
#define STRESS_TIMELINE_H

#include "stress.h"

/* A tick function. */
void timeline_sample(double elapsed);

/* The peak of the first and of the last minute; of the first and the last fifth of a run under 5 minutes. */
uint64_t timeline_first_kib(void);
uint64_t timeline_last_kib(void);

#endif
