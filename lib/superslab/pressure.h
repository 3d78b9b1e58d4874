/* SPDX-License-Identifier: MIT
 *
 * Pressure: whether the control group (version 2) that the process is in comes near what it may use. Looked
 * at by the housekeeper only, which has no descriptors in common with the program. */
#ifndef FREEHOLD_PRESSURE_H
#define FREEHOLD_PRESSURE_H

#include "../types.h"

/* Looks, at most once in a decay time; does nothing where there is no such group, or a sandbox. */
void pressure_look(void);

/* What was seen last. */
bool pressure_is_high(void);

/* The look itself: names of the file that says which group it is, and of the folder of all groups. */
bool pressure_in(const char *own, const char *folder);

#endif
