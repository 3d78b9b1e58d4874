/* SPDX-License-Identifier: MIT
 *
 * Where the program is: return addresses, found by frame pointers. A function that keeps none is left out; a
 * caller of ours is always there. Nothing is locked or allocated, and the kernel is asked only whether
 * what is far from the frame before can be read. */
#ifndef FREEHOLD_STACK_H
#define FREEHOLD_STACK_H

#include "types.h"

#define STACK_DEPTH 16u

struct stack {
    uint32_t thread; /* the kernel's number of it; 0: nothing is known */
    uint32_t count;
    const void *frames[STACK_DEPTH];
};

/* The calling thread's stack from the frame on, which is that of a function of ours. */
void stack_take(struct stack *stack, void *const *frame);

/* The addresses alone, most at most, which is not 0; returns how many there are. */
unsigned stack_walk(const void **addresses, unsigned most, void *const *frame);

/* The name of the object that has address, and where it is loaded; NULL if there is none. */
const char *stack_object(const void *address, uintptr_t *base);

#endif
