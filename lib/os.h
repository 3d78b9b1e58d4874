/* SPDX-License-Identifier: MIT
 *
 * Every system call of the allocator but those of report.c. Addresses and lengths are
 * multiples of UNIT, and so of any page size. A failure is a NULL or false; errno is what the kernel left. */
#ifndef FREEHOLD_OS_H
#define FREEHOLD_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Maps length zeroed bytes. */
void *os_map(size_t length);

/* Maps length zeroed bytes at a multiple of alignment (a power of two, at least UNIT). */
void *os_map_aligned(size_t length, size_t alignment);

/* Reserves address space as os_map_aligned does, without access and without memory. */
void *os_reserve_aligned(size_t length, size_t alignment);

/* Ends a mapping. false if the kernel has no room for the split of a mapping. */
bool os_unmap(void *address, size_t length);

/* Gives the pages back; they read as zero afterwards. */
bool os_purge(void *address, size_t length);

/* Asks for huge pages, or against them. Without effect where the kernel does not know them. */
void os_advise_huge_pages(void *address, size_t length, bool wanted);

/* Makes the mapping longer or shorter where it is; false if it cannot. */
bool os_resize(void *address, size_t old_length, size_t new_length);

/* Moves the pages to target, which replaces the reservation of new_length bytes there. */
bool os_move(void *address, size_t old_length, void *target, size_t new_length);

/* The kernel's number of the calling thread. */
uint32_t os_thread_id(void);

/* Milliseconds of a clock that only goes forward, coarse and cheap. */
uint64_t os_clock(void);

/* Nanoseconds of processor time that the calling thread has used. */
uint64_t os_thread_time(void);

/* Whether the membarrier system call still works: a sandbox may take it away while the process runs. */
bool os_has_membarrier(void);

#endif
