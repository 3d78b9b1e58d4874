/* SPDX-License-Identifier: MIT
 *
 * Stocks: the part of an arena that is of no use once its thread has exited. Each has pages of its own, which
 * go back to the kernel where many arenas wait to be recycled. */
#ifndef FREEHOLD_STOCK_H
#define FREEHOLD_STOCK_H

#include "../types.h"

/* An empty stock, for ever; NULL if there is no memory. Under arenas_lock. */
struct stock *stock_take(void);

/* Gives the pages of an empty stock back, which stays one. */
void stock_purge(struct stock *stock);

#endif
