/* SPDX-License-Identifier: MIT
 *
 * The account of granules: those of regions that no SuperSlab has, and huge blocks wherever they are. */
#ifndef FREEHOLD_ACCOUNT_GRANULES_H
#define FREEHOLD_ACCOUNT_GRANULES_H

#include "account.h"

/* Begins with the region that was copied to account->view; looks at one of its granules. */
void account_region(struct account *account);
void account_granule(struct account *account, unsigned i);

/* Looks for huge blocks that have mappings of their own, in the address range of a leaf. */
void account_leaf(struct account *account, unsigned number);

#endif
