/* SPDX-License-Identifier: MIT
 *
 * The heap profile: who has allocated what lives. Samples are chosen in arena/cuts.h, kept in
 * profile/profiled.h and written by profile/dump.h. */
#ifndef FREEHOLD_PROFILE_H
#define FREEHOLD_PROFILE_H

#include "profile/countdown.h"
#include "types.h"

/* A block if this allocation is a sample, else NULL. *zero is set if it is large. frame is that of a function
 * of ours which the program has called. */
void *profile_take(size_t size, size_t alignment, bool *zero, void *const *frame);

/* A large block has been made longer or shorter without a copy: it counts as another one. */
void profile_retake(void *block, size_t size, void *const *frame);
#define profile_resized(block, size) profile_retake(block, size, __builtin_frame_address(0))

/* With FREEHOLD_PROFILE; called by the constructor, and by the destructor. */
void profile_start(void);
void profile_finish(void);

#endif
