/* SPDX-License-Identifier: MIT
 *
 * What the counters of all arenas say together, and those of the layers below. */
#ifndef FREEHOLD_TOTALS_H
#define FREEHOLD_TOTALS_H

#include "../arena/arena.h"
#include "freehold.h"

/* Of all arenas; what the calling thread keeps is counted before. */
void totals_take(struct totals *totals);

/* With the other counters. */
struct fh_counts totals_counts(const struct totals *totals);

/* Bytes that are cached, by the counters of an arena or of all. */
uint64_t totals_cached(const struct counters *counters);

/* Bytes of the small blocks that the program has, without a walk: as fh_stats says of a quiet process. */
uint64_t totals_live(const struct totals *totals);

#endif
