/* SPDX-License-Identifier: MIT
 *
 * The C library's and the C++ runtime's names, as second names of our functions. A sanitizer build leaves
 * them to the sanitizer. */
#ifndef FREEHOLD_INTERPOSE_H
#define FREEHOLD_INTERPOSE_H

#include "report.h"

#ifdef FREEHOLD_SANITIZED
#define INTERPOSE_AS(type, name, target, parameters)

static inline void interpose_check(void) {
}
#else
/* Only a program that is built with ThreadSanitizer has it. */
extern void __attribute__((weak)) __tsan_init(void);

/* Stops a process whose malloc cannot be replaced. Called at the first allocation, for the sanitizer
 * allocates before any constructor, and by the constructor, for there may be none. */
static inline void interpose_check(void) {
    if (__tsan_init != NULL)
        report_sanitizer();
}

/* Weak, so that a program that links the archive may define one of them itself. */
#define INTERPOSE_AS(type, name, target, parameters)                                                         \
    extern __attribute__((visibility("default"), weak, alias(#target))) type name parameters;
#endif

#define INTERPOSE(type, name, parameters) INTERPOSE_AS(type, name, fh_##name, parameters)

#endif
