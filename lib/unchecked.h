/* SPDX-License-Identifier: MIT
 *
 * free at guard level 0: its fast half does not look at what it is given. */
#ifndef FREEHOLD_UNCHECKED_H
#define FREEHOLD_UNCHECKED_H

/* At guard level 0: from now on free and operator delete are the unchecked one, to which their second
 * instruction leads: so the choice costs who keeps the checks nothing. Says so if that cannot be, as where a
 * thread has been made already; then what is freed is checked as at level 1. */
void unchecked_start(void);

#endif
