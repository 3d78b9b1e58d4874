/* SPDX-License-Identifier: MIT */
#include "unchecked.h"

#include <string.h>
#include <sys/single_threaded.h>

#include "config.h"
#include "cplusplus.h"
#include "fast.h"
#include "freehold.h"
#include "memcheck.h"
#include "os.h"
#include "report.h"

#ifdef FREEHOLD_SANITIZED
void unchecked_start(void) {
}
#else

static noinline void unchecked_free(void *address) {
    fast_free(address, false);
}

typedef void free_function(void *);

#define JUMP 5 /* bytes */

/* The length of a first instruction that copies the argument (to a register, from edi or rdi), as compilers
 * begin these functions, and of endbr64 before it; 0: it is another one, or a tracer's breakpoint. */
static size_t copy_length(const unsigned char *text) {
    static const unsigned char endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
    size_t start = memcmp(text, endbr64, sizeof endbr64) == 0 ? sizeof endbr64 : 0;
    start += text[start] == 0x48;
    return text[start] == 0x89 && (text[start + 1] & 0xf8) == 0xf8 ? start + 2 : 0;
}

/* Behind its first instruction, where tracers put breakpoints, from jumps to what follows the same
 * instruction in to. */
static bool detour(free_function *from, free_function *to) {
    const unsigned char *text = (const unsigned char *)(uintptr_t)from, *target = (const void *)(uintptr_t)to;
    size_t copy = copy_length(text);
    intptr_t distance = target - text - JUMP;
    int32_t operand = (int32_t)distance;
    unsigned char jump[JUMP] = {0xe9};
    memcpy(jump + 1, &operand, sizeof operand);
    return copy != 0 && memcmp(text, target, copy) == 0 && operand == distance &&
           os_write_text((uintptr_t)text + copy, jump, sizeof jump);
}

static bool can_detour(void) {
#ifdef __x86_64__
    return __libc_single_threaded;
#else
    return false;
#endif
}

void unchecked_start(void) {
    if (config.guard != 0 || memcheck_runs)
        return;
    if (!can_detour() || !detour(fh_free, unchecked_free) || !detour(operator_delete, unchecked_free))
        report_notice(
            "FREEHOLD_GUARD is 0, but the checks of free cannot be left out here, which needs a process of "
            "one thread and code that may be written to: what is freed is checked as at level 1.");
}
#endif
