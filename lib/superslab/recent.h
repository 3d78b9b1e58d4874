/* SPDX-License-Identifier: MIT
 *
 * The huge blocks that were freed last, whole, with their descriptors, if all are of one length: the next
 * block of that length is taken from them without a lock. They are a delay of free and no more: whoever needs
 * granules, or purges, gives all of them back first, so that they merge and serve any length. */
#ifndef FREEHOLD_RECENT_H
#define FREEHOLD_RECENT_H

#include "../types.h"

/* Keeps a huge block that was freed. false if there are enough, or of another length. */
bool recent_keep(struct huge *huge);

/* A huge block of length bytes, or NULL. */
struct huge *recent_take(size_t length);

/* Gives back all of them. */
void recent_flush(void);

/* Whether a block is among them now. */
bool recent_has(const struct huge *huge);

/* Whether there is one; bytes that are kept, about. */
bool recent_is_pending(void);
uint64_t recent_bytes(void);

/* Bytes of live huge blocks. */
uint64_t huge_bytes(void);

#endif
