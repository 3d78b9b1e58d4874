/* SPDX-License-Identifier: MIT
 *
 * What readers of the live page order of the heap profile: that it begins or ends, and that it is written. */
#ifndef FREEHOLD_ORDERS_H
#define FREEHOLD_ORDERS_H

#include "freehold_live.h"

/* Called by the housekeeper alone: to begin may take the loader's lock and memory, and what is written stays
 * open in its own descriptors. errno is not kept. */
void orders_obey(struct fh_live *page);

#endif
