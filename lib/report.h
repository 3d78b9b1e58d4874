/* SPDX-License-Identifier: MIT
 *
 * Every message of the allocator. Each is one line on standard error, written by one write(2), without
 * stdio and without memory. The functions that are noreturn end the process by abort. */
#ifndef FREEHOLD_REPORT_H
#define FREEHOLD_REPORT_H

#include <stddef.h>
#include <stdnoreturn.h>

struct arena;
struct slab;

/* The caller's mistake: "freehold: CALL(ADDRESS): WHAT". */
noreturn void report_misuse(const char *call, const void *address, const char *what);

/* A block of a slab is not what the caller takes it for; names the slab too. */
noreturn void report_block(const char *call, const void *address, const struct slab *slab, const char *what);

/* An invariant of the allocator is broken: names it, the address, the slab, its owner and the arena that saw
 * it. */
noreturn void report_invariant(const char *invariant, const void *address, const struct slab *slab,
                               const struct arena *arena);

/* operator new that can neither return nor throw. */
noreturn void report_no_memory(const char *call, size_t size);

/* The program is built with ThreadSanitizer, which has a malloc of its own. Exits with status 1. */
noreturn void report_sanitizer(void);

/* "NAME=..." in the environment that is no option. */
void report_option_unknown(const char *name, size_t length);

/* "NAME=VALUE" whose value is none from least to most. */
void report_option_value(const char *assignment, unsigned long least, unsigned long most, unsigned long kept);

/* One line of the statistics: a name and a figure. */
void report_figure(const char *name, unsigned long long figure);

/* Anything else that is said once, for example that a sandbox has taken a system call away. */
void report_notice(const char *text);

#endif
