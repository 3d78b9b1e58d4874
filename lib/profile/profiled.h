/* SPDX-License-Identifier: MIT
 *
 * Profiled blocks: those that were sampled, while they live. A small one is a place (places.h); a large or
 * huge one stays where it is and is known by the number that its run or its descriptor has. */
#ifndef FREEHOLD_PROFILE_PROFILED_H
#define FREEHOLD_PROFILE_PROFILED_H

#include "../report.h"
#include "../types.h"

extern pthread_mutex_t profile_lock;

/* What is known of a sample. */
struct sampled {
    size_t size; /* bytes that were asked for */
    double weight;
    const void *const *frames;
    uint32_t depth;
};

/* A block of a class for a small sample; NULL if there is no room, which is counted. errno is not kept. */
void *profiled_take(unsigned class, const struct sampled *sampled);

/* The number of a sample that is no place; 0 if there is no room. errno is not kept. */
uint32_t profiled_add(const struct sampled *sampled);

/* The block with a number has been freed. */
void profiled_end(uint32_t number);

/* Frees a profiled small block; false if address is not that of a live one. */
bool profiled_give(const void *address);

/* The bytes of the live profiled small block at address, or NO_BLOCK. */
size_t profiled_size(const void *address);

/* Says what is wrong with an address among profiled small blocks; false if it is not. */
bool profiled_judge(struct misuse *misuse);

/* A sample that could not be kept. */
void profiled_miss(void);
uint64_t profiled_missed(void);

/* Calls visit for the memory of the blocks, or that of what describes them. */
void profiled_visit(void (*visit)(void *context, const void *base, size_t length), void *context,
                    bool is_of_blocks);

#endif
