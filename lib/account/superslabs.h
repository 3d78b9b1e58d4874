/* SPDX-License-Identifier: MIT
 *
 * The account of SuperSlabs: their slabs, runs and free units. */
#ifndef FREEHOLD_ACCOUNT_SUPERSLABS_H
#define FREEHOLD_ACCOUNT_SUPERSLABS_H

#include "account.h"

/* Looks at the SuperSlab of a slot, if there is one. */
void account_superslab(struct account *account, uint32_t index);

#endif
