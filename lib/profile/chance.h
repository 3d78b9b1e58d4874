/* SPDX-License-Identifier: MIT
 *
 * What sampling by bytes needs of arithmetic; the C library's is in a library that ours does not load. */
#ifndef FREEHOLD_PROFILE_CHANCE_H
#define FREEHOLD_PROFILE_CHANCE_H

#include <stdint.h>

/* A number from the exponential distribution with mean 1. *seed is not 0. */
double chance_draw(uint64_t *seed);

/* A number from 0 to 1, uniformly. */
double chance_uniform(uint64_t *seed);

/* 1 - exp(-x), x not below 0: the chance that such a number is less than x. */
double chance_of(double x);

#endif
