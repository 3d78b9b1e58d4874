/* SPDX-License-Identifier: MIT
 *
 * The basic C++ operators, by names that no program replaces. */
#ifndef FREEHOLD_CPLUSPLUS_H
#define FREEHOLD_CPLUSPLUS_H

#include <stddef.h>

/* new(size) and new(size, alignment): throw bad_alloc when there is no memory, after the new-handler has done
 * what it can. */
void *operator_new(size_t size);
void *operator_new_aligned(size_t size, size_t alignment);

/* delete(block) and delete(block, alignment). */
void operator_delete(void *block);
void operator_delete_aligned(void *block, size_t alignment);

#endif
