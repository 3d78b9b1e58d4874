/* SPDX-License-Identifier: MIT */
#include "../lock.h"
#include "../os.h"
#include "bits.h"
#include "granule.h"
#include "region.h"

/* Places at which the advice changes. */
static unsigned edges(const uint64_t *words) {
    unsigned count = 0, place = 0;
    for (bool value = true; (place = bit_next(words, place, value)) < REGION_GRANULES; value = !value)
        count++;
    return count;
}

bool region_advise(const struct granules *granules, bool wanted) {
    struct region *region = granules->region;
    bool done = true;
    lock_take(&regions_lock);
    if (bit_get(region->dense, granules->first) != wanted) {
        unsigned before = edges(region->dense);
        bit_set(region->dense, granules->first, wanted);
        unsigned after = edges(region->dense);
        done = after <= before || after <= DENSE_EDGES;
        if (done)
            os_advise_huge_pages(granules_address(granules), GRANULE, wanted);
        else
            bit_set(region->dense, granules->first, !wanted);
    }
    lock_give(&regions_lock);
    return done;
}
