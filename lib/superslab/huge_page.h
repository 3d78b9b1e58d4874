/* SPDX-License-Identifier: MIT
 *
 * Huge pages: for processes that are dense, and as long as they are cheaper than small ones. */
#ifndef FREEHOLD_HUGE_PAGE_H
#define FREEHOLD_HUGE_PAGE_H

#include "../types.h"

/* Asks for huge pages for a fresh mapping; false if it had better do without. swell is what may become
 * resident by them without being used, size what the process uses anyway, in bytes. */
bool huge_page_ask(char *base, size_t length, uint64_t swell, uint64_t size);

#endif
