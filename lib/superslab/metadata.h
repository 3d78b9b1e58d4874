/* SPDX-License-Identifier: MIT
 *
 * Memory for the allocator's own structures, away from blocks. It never goes back to the kernel; structures
 * are recycled by their owners. */
#ifndef FREEHOLD_METADATA_H
#define FREEHOLD_METADATA_H

#include "../types.h"

extern pthread_mutex_t metadata_lock;

/* size zeroed bytes, aligned to a cache line; NULL if there is no memory. */
void *metadata_take(size_t size);

/* Calls visit for each mapping that it comes from. They stay for ever. */
void metadata_visit(void (*visit)(void *context, const void *base, size_t length), void *context);

#endif
