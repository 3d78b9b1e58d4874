/* SPDX-License-Identifier: MIT
 *
 * FREEHOLD_CRASH_REPORT, and guard level 2: what the allocator knows of an address at which the program has
 * faulted. */
#ifndef FREEHOLD_CRASH_H
#define FREEHOLD_CRASH_H

/* Installs handlers of SIGSEGV, SIGBUS and SIGABRT, if the options ask for it: each goes on to the one that
 * was there. A signal that is ignored is left alone. */
void crash_start(void);

#endif
