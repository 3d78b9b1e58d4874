/* SPDX-License-Identifier: MIT */
#include "memcheck.h"

bool memcheck_runs;

#if __has_include(<valgrind/memcheck.h>)

#include <valgrind/memcheck.h>

/* Only memcheck answers this request; the other tools leave malloc as it is. */
void memcheck_start(void) {
    char byte = 0, bits = 0;
    memcheck_runs = VALGRIND_GET_VBITS(&byte, &bits, 1) == 1;
}

void memcheck_allocated(const void *block, size_t size, size_t usable, bool zero) {
    VALGRIND_MALLOCLIKE_BLOCK(block, size, 0, zero);
    VALGRIND_MAKE_MEM_NOACCESS((const char *)block + size, usable - size);
}

void memcheck_freed(const void *block) {
    VALGRIND_FREELIKE_BLOCK(block, 0);
}

void memcheck_silence(bool silent) {
    if (silent)
        VALGRIND_DISABLE_ERROR_REPORTING;
    else
        VALGRIND_ENABLE_ERROR_REPORTING;
}

#else

void memcheck_start(void) {
}

void memcheck_allocated(const void *block, size_t size, size_t usable, bool zero) {
    (void)block;
    (void)size;
    (void)usable;
    (void)zero;
}

void memcheck_freed(const void *block) {
    (void)block;
}

void memcheck_silence(bool silent) {
    (void)silent;
}

#endif
