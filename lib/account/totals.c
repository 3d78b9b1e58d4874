/* SPDX-License-Identifier: MIT */
#include "totals.h"

#include <string.h>

#include "../arena/arenas.h"
#include "../os.h"
#include "../superslab/huge.h"
#include "../superslab/large.h"
#include "../superslab/limbo.h"
#include "../superslab/purge.h"
#include "../superslab/recent.h"
#include "../superslab/region.h"
#include "../superslab/size_class.h"
#include "../superslab/superslab.h"

/* Of blocks by class. */
static uint64_t class_bytes(const _Atomic int64_t *blocks) {
    int64_t bytes = 0;
    for (unsigned class = 1; class < CLASSES; class ++)
        bytes += blocks[class] * (int64_t)size_class_bytes(class);
    return bytes < 0 ? 0 : (uint64_t)bytes;
}

uint64_t totals_cached(const struct counters *counters) {
    uint64_t bytes = 0;
    for (unsigned class = 1; class < CLASSES; class ++)
        bytes +=
            atomic_load_explicit(&counters->cached[class], memory_order_relaxed) * size_class_bytes(class);
    return bytes;
}

void totals_take(struct totals *totals) {
    memset(totals, 0, sizeof *totals);
    arena_settle();
    for (const struct arena *arena = arenas_first(); arena != NULL; arena = arena->next)
        arena_count(totals, arena);
}

struct fh_counts totals_counts(const struct totals *totals) {
    const struct counters *sum = &totals->counters;
    uint64_t large = large_bytes();
    return (struct fh_counts){
        .refills = sum->refills,
        .remote_frees = sum->remote_frees,
        .pushes = sum->pushes,
        .posts = sum->posts,
        .drains = sum->drains,
        .claims = sum->claims,
        .adoptions = sum->adoptions,
        .orphans = sum->orphans,
        .slabs_taken = sum->slabs_taken,
        .slabs_freed = sum->slabs_freed,
        .arenas_made = totals->arenas,
        .arenas_started = sum->starts,
        .superslabs_made = superslabs_made(),
        .retirements = limbo_added(),
        .unmappings = limbo_freed(),
        .grace_periods = limbo_grace_periods(),
        .limbo_bytes = limbo_bytes(),
        .purged_bytes = purged_bytes(),
        .superslab_bytes = superslabs_now() * SUPERSLAB,
        .huge_bytes = huge_bytes(),
        .kept_bytes = region_loose_bytes() + recent_bytes(),
        .large_bytes = large > totals->kept_runs ? large - totals->kept_runs : 0,
        .used_bytes = class_bytes(sum->used),
        .calls_denied = os_calls_denied(),
    };
}

uint64_t totals_live(const struct totals *totals) {
    const struct counters *sum = &totals->counters;
    uint64_t used = class_bytes(sum->used);
    uint64_t freed = totals_cached(sum) + class_bytes(sum->queued) + totals->outboxes + sum->quarantined;
    return used > freed ? used - freed : 0;
}
