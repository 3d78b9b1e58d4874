/* SPDX-License-Identifier: MIT
 *
 * The profile as text, for the command and whoever else reads it: doc/PROFILE.md has the format. */
#ifndef FREEHOLD_PROFILE_DUMP_H
#define FREEHOLD_PROFILE_DUMP_H

#include <stdbool.h>

/* The profile begins: its time runs from the first call. */
void dump_begin(void);

/* Writes it to a file descriptor; false, with errno, if that cannot be done. The caller holds no lock. */
bool dump_write(int descriptor);

#endif
