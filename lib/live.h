/* SPDX-License-Identifier: MIT
 *
 * The live page: see freehold_live.h. The housekeeper writes it, or slow paths where there is none, a slice
 * at a time: into an account of its own first, which is then copied under the page's sequence. Who is at it
 * has taken a word, for the memory that he is in: no lock that a fork would have to wait for. The page
 * belongs to one process: a child of a fork finds that it is another one, leaves the page alone, and makes
 * its own if FREEHOLD_LIVE says so. A guest in another's memory (vfork) leaves all of it alone. Model:
 * tsan/model/live.pml. */
#ifndef FREEHOLD_LIVE_IMPLEMENTATION_H
#define FREEHOLD_LIVE_IMPLEMENTATION_H

/* Makes the page, or has a signal make it, as FREEHOLD_LIVE says. Called by the constructor. */
void live_start(void);

#endif
