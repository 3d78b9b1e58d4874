/* SPDX-License-Identifier: MIT
 *
 * Samples: small blocks with pages of their own, between pages that nobody may touch. Each has a unit of one
 * reservation, the pool:
 *
 *   nobody's pages | its page or pages, the block at their end | one of nobody's
 *
 * When it is freed all of its unit is nobody's, and it is used again after all others. What is left of its
 * pages is filled, and looked at when it is freed. The registry knows nothing of samples: what it does not
 * find is looked for here. */
#ifndef FREEHOLD_SAMPLE_H
#define FREEHOLD_SAMPLE_H

#include "config.h"
#include "report.h"
#include "thread.h"

extern pthread_mutex_t sample_lock;

/* A block of size bytes on pages of its own, or NULL. frame is that of a function of ours which the program
 * has called. */
void *sample_take(size_t size, size_t alignment, void *const *frame);

/* Whether there are any, or there is, or was, a heap profile (profile.h). Once set, it stays. */
extern _Atomic bool samples_begun;

static inline bool samples_have_begun(void) {
    return unlikely(atomic_load_explicit(&samples_begun, memory_order_relaxed));
}

void samples_begin(void);

/* Frees a sample; false if address is not that of a live one. The program called from site. */
bool sample_give(const void *address, void *const *frame, const void *site);

/* The bytes of the live sample at address, or NO_BLOCK. */
size_t sample_size(const void *address);

/* Calls visit for the pool, or for what describes it, if there is one. */
void sample_visit(void (*visit)(void *context, const void *base, size_t length), void *context, bool is_pool);

/* Whether an address is in the pool. */
bool sample_is_near(const void *address);

/* Says what is wrong with an address in the pool; false if it is not in it. */
bool sample_judge(struct misuse *misuse);

/* From now on a fault in the pool is told of before it is left to whoever is to handle it. Called by the
 * constructor, with samples only. */
void sample_start(void);

#endif
