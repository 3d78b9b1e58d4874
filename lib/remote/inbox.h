/* SPDX-License-Identifier: MIT
 *
 * Inboxes: how an arena learns which of its slabs have a remote queue that is not empty.
 *
 * A slab is in one inbox at most: posted guards its link. It may be the inbox of an arena that owned it
 * once, but not for long: either who posted it there sweeps that inbox, or who let go of it. Whoever sweeps
 * passes it on to its owner. What a sweep or a push wins for the arena, that is slabs that it
 * owns and has drained or has just claimed, is put on arena->won, for the arena to put in the right list. */
#ifndef FREEHOLD_INBOX_H
#define FREEHOLD_INBOX_H

#include "../types.h"
#include "queue.h"

/* After a push to slab's remote queue, or when a sweep found the queue not empty: sees to it that somebody
 * will drain it. Claims the slab for arena if it has no owner, else posts it to its owner. In a read
 * section. */
void inbox_notify(struct arena *arena, struct slab *slab);

/* Takes all of the arena's inbox. In no read section. */
void inbox_sweep(struct arena *arena);

/* Slabs that are released in one read section. */
struct released {
    struct slab *slabs[LET_GO_AT_ONCE];
    unsigned count;
};

/* After these have been released: whoever pushes from now on claims them. Who pushed before, and still saw us
 * as the owner, posts the slab: either he sees afterwards that we are not, or we see here that it is posted,
 * and the arena is called. Then there are none. In the read section of the release. */
void inbox_call_if_posted(struct arena *arena, struct released *released);

/* In the child of a fork: posts a slab of arena's to itself, if its queue is not empty. */
void inbox_post_own(struct arena *arena, struct slab *slab);

/* In the child of a fork, at leisure, for every slab: it may belong to a thread that is gone, or to nobody,
 * with a queue that was not looked at. In a read section. */
void inbox_after_fork(struct arena *arena, struct slab *slab);

static inline bool inbox_is_empty(const struct arena *arena) {
    return ck_pr_load_ptr(&arena->inbox.head) == NULL;
}

/* Puts a slab of arena's that has been drained on arena->won, unless it is there. */
void won_add(struct arena *arena, struct slab *slab);

/* Counts a claim of the arena's. */
void claim_count(struct arena *arena, const struct slab *slab);

/* won_add for a slab that has just been claimed, for so many blocks. */
void won_claim(struct arena *arena, struct slab *slab, uint32_t blocks);

/* The next slab of arena->won, or NULL. The caller sets its field won to WON_NOT. */
struct slab *won_take(struct arena *arena);

#endif
