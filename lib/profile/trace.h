/* SPDX-License-Identifier: MIT
 *
 * How the program came to call: return addresses, innermost first, found by frame pointers, or by the
 * compiler's unwinder where there are none. Nothing is locked or allocated: since GCC 12 and glibc 2.35 the
 * unwinder finds its tables by _dl_find_object. */
#ifndef FREEHOLD_PROFILE_TRACE_H
#define FREEHOLD_PROFILE_TRACE_H

#include "../types.h"

/* The frames from that of a function of ours on, which is frame, without those of this library. Returns how
 * many there are. */
unsigned trace_take(const void **addresses, unsigned most, void *const *frame);

/* Loads the unwinder, if there is one. Takes the loader's lock and allocates. */
void trace_start(void);

#endif
