/* SPDX-License-Identifier: MIT
 *
 * Slices: how much is given back to the kernel in one go, so that nobody waits for it for long, neither for
 * the thread that does it nor for the locks that it holds. */
#ifndef FREEHOLD_SLICE_H
#define FREEHOLD_SLICE_H

#include "../os.h"
#include "space.h"

struct slice {
    bool all;           /* however young it is, and what is kept as well */
    bool is_endless;    /* until it is all done */
    uint64_t bytes_end; /* purged bytes, as they are counted, at which it ends */
    uint64_t end;       /* nanoseconds of os_fine_clock, likewise */
};

/* What a thread of the program does between two of its own acts. */
static inline struct slice slice_small(bool all) {
    return (struct slice){all, false, purged_bytes() + SLICE_SMALL, os_fine_clock() + SLICE_NS};
}

/* What the housekeeper does before it lets go of its locks. */
static inline struct slice slice_large(bool all) {
    return (struct slice){all, false, purged_bytes() + SLICE_LARGE, os_fine_clock() + SLICE_LARGE_NS};
}

static inline struct slice slice_endless(void) {
    return (struct slice){.all = true, .is_endless = true};
}

static inline bool slice_is_over(const struct slice *slice) {
    return !slice->is_endless && (purged_bytes() >= slice->bytes_end || os_fine_clock() >= slice->end);
}

/* Those of the units that are purged with one system call: the lowest ones. */
static inline uint64_t slice_part(uint64_t units) {
    unsigned first = (unsigned)__builtin_ctzl(units) / SLICE_UNITS * SLICE_UNITS;
    return units & (((1ul << SLICE_UNITS) - 1) << first);
}

#endif
