/* SPDX-License-Identifier: MIT
 *
 * Signal handlers that tell something of a signal and then leave it to the one that was there before. */
#ifndef FREEHOLD_HANDLER_H
#define FREEHOLD_HANDLER_H

#include <signal.h>

/* Leaves a signal to former, or to nobody: what was sent and is ignored is over; without a handler the
 * program dies of the signal as it would have. */
void handler_go_on(struct sigaction *former, int number, siginfo_t *info, void *context);

#endif
