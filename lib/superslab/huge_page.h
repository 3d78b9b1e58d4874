/* SPDX-License-Identifier: MIT
 *
 * Huge pages: for processes that are dense, and as long as they are cheaper than small ones. */
#ifndef FREEHOLD_HUGE_PAGE_H
#define FREEHOLD_HUGE_PAGE_H

#include "../types.h"

/* Whether to ask for huge pages; false if the process had better do without. swell is what may become
 * resident by them without being used, size what the process uses anyway, in bytes. */
bool huge_page_is_wanted(uint64_t swell, uint64_t size);

/* Touches the first one of those asked for, which is about to be used anyway, to see what it costs. */
void huge_page_try(char *base);

#endif
