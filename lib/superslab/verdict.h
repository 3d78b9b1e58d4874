/* SPDX-License-Identifier: MIT
 *
 * What is wrong with an address that is not that of a live block, and how that is said. */
#ifndef FREEHOLD_VERDICT_H
#define FREEHOLD_VERDICT_H

#include "registry.h"

/* Whether address is that of a live block of a slab of the class, as far as that can be seen: a carved block
 * that is not marked as free. A block that waits in an outbox, or leads a batch of the smallest class, has no
 * mark. */
static inline bool block_is_live(struct entry entry, uintptr_t class, const void *address) {
    const struct block *block = address;
    return entry_position(entry, class, address) < entry_limit(entry) &&
           block->mark != block_mark(entry, block);
}

/* What is wrong with a block, at guard level 2. */
enum damage { WRITTEN_BEYOND, WRITTEN_BEFORE, WRITTEN_AFTER_FREE, FREED_WITH_SIZE, FREED_WITH_ALIGNMENT };

/* Says that a block is damaged, and what to do next; likewise. */
void verdict_damage(const char *call, const void *block, enum damage damage, const void *site);

/* Says that what was to lead to a free block of a class does not. */
void verdict_link(unsigned class, const void *link);

/* Says what the address is instead of a live block, for a call of the program from the place site, and stops
 * the process unless FREEHOLD_ON_ERROR says otherwise. No lock is held. */
void verdict_report(const char *call, const void *address, const void *site);

#endif
