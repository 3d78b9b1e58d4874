/* SPDX-License-Identifier: MIT
 *
 * Phases of a run that all workers begin and end together, so that a time or a figure of memory is of one of
 * them.
 */
#ifndef STRESS_PHASE_H
#define STRESS_PHASE_H

#include "stress.h"

struct phase {
    double seconds;   /* of the slowest worker; all times added up if it was run more than once */
    uint64_t rss_kib; /* when it ended last, all workers asleep */
};

/* Before stress_run, for all workers. */
void phases_set_up(void);

/* Waits until every worker has called it. What a worker does between two of its calls is its part of the
 * phase that the second one names; NULL: nobody asks for its figures. */
void phase_end(const struct worker *worker, struct phase *phase);

#endif
