/* SPDX-License-Identifier: MIT
 *
 * Every message of the allocator. Each is a line on standard error, but for stacks, written by one write(2),
 * without stdio and without memory. The functions that are noreturn end the process by abort, with no lock of
 * ours in the way of a handler of SIGABRT. */
#ifndef FREEHOLD_REPORT_H
#define FREEHOLD_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>

struct arena;
struct slab;
struct stack;

/* A mistake of the program's. */
struct misuse {
    const char *call;                  /* the function that was called */
    const void *address;               /* what with */
    const char *what;                  /* what is wrong with it */
    const char *advice;                /* what to do next */
    const void *site;                  /* where in the program, as far as known */
    const struct slab *slab;           /* the slab of small blocks that the address is in, or NULL */
    const void *block;                 /* the block that the address is in, or NULL */
    size_t size;                       /* bytes of that, or of the one that is not known */
    const char *state;                 /* what that block is: live, free, never allocated */
    void (*tell)(const void *address); /* says more of it afterwards, or NULL */
};

/* "freehold: CALL(ADDRESS): WHAT. BLOCK; SLAB. ADVICE". Stops the process, or as FREEHOLD_ON_ERROR says:
 * returns, having said it once for each site, or having said nothing. */
void report_misuse(const struct misuse *misuse);

/* A fault of the program's, or another signal that ends it. */
struct crash {
    const char *signal;         /* its name */
    const void *address;        /* where the fault was, if has_address */
    const char *what;           /* what is known of it */
    const char *advice;         /* what to do next, or NULL */
    const void *block;          /* the block that it is in or next to, or NULL */
    size_t size;                /* bytes of that */
    const char *state;          /* what that is: live, free, never allocated, unreadable */
    const char *before, *after; /* what the bytes before and behind that block are */
    const struct slab *slab;    /* the slab of small blocks that it is in, or NULL */
    uint32_t block_size;        /* of that */
    uint32_t thread_id;         /* whose fault it is */
    bool has_address;
};

/* "freehold: SIGNAL at ADDRESS in thread N: WHAT. BLOCK; NEIGHBOURS; SLAB. ADVICE". Returns. */
void report_crash(const struct crash *crash);

/* A fault at an address near a sampled block: says where. */
void report_fault(const void *address, const void *block, size_t size, int is_live);

/* A stack, a line for each address: where in its object it is, as addr2line wants it. */
void report_stack(const char *event, const struct stack *stack);

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

/* "NAME=VALUE" whose value is none from least to most, nor a word if the unit is words. */
void report_option_value(const char *assignment, unsigned long least, unsigned long most, const char *unit,
                         unsigned long kept);

/* One line of the statistics: a name and a figure. */
void report_figure(const char *name, unsigned long long figure);

/* FREEHOLD_GUARD=0 is not to be had, and why. */
void report_unchecked(const char *why);

/* Anything else that is said once, for example that a sandbox has taken a system call away. */
void report_notice(const char *text);

#endif
