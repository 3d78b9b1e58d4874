/* SPDX-License-Identifier: MIT
 *
 * valgrind's memcheck, told of blocks by client requests. By default memcheck replaces the malloc family in
 * every object, this library's included, and nothing of this is used; with
 * --soname-synonyms=somalloc=nouserintercepts the blocks are ours. Then, as with guards, every call takes a
 * slow path. Needs valgrind's headers at build time. */
#ifndef FREEHOLD_MEMCHECK_H
#define FREEHOLD_MEMCHECK_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the process runs under memcheck; constant after memcheck_start. */
extern bool memcheck_runs;

void memcheck_start(void);

/* block is a user's from now on, size of its usable bytes; or no longer. */
void memcheck_allocated(const void *block, size_t size, size_t usable, bool zero);
void memcheck_freed(const void *block);

void memcheck_silence(bool silent);

/* Between these the calling thread may look into free blocks. */
static inline void memcheck_pause(void) {
    if (__builtin_expect(memcheck_runs, 0))
        memcheck_silence(true);
}

static inline void memcheck_resume(void) {
    if (__builtin_expect(memcheck_runs, 0))
        memcheck_silence(false);
}

#endif
