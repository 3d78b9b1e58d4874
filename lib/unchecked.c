/* SPDX-License-Identifier: MIT */
#include "unchecked.h"

#include <errno.h>
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

static const unsigned char *text_of(free_function *function) {
    return (const unsigned char *)(uintptr_t)function;
}

/* Whether both begin with the same copy of their argument. */
static bool can_detour(free_function *from, free_function *to) {
#ifdef __x86_64__
    size_t copy = copy_length(text_of(from));
    return copy != 0 && memcmp(text_of(from), text_of(to), copy) == 0;
#else
    (void)from, (void)to;
    return false;
#endif
}

/* Behind that, for tracers put breakpoints before it, from jumps to what follows it in to. Both are in one
 * text, which is less than 2 GiB long. */
static bool detour(free_function *from, free_function *to) {
    const unsigned char *text = text_of(from);
    int32_t distance = (int32_t)(text_of(to) - text) - JUMP;
    unsigned char jump[JUMP] = {0xe9};
    memcpy(jump + 1, &distance, sizeof distance);
    return os_write_text((uintptr_t)text + copy_length(text), jump, sizeof jump);
}

void unchecked_start(void) {
    if (config.guard != 0 || memcheck_runs)
        return;
    int error = errno;
    const char *why = NULL;
    if (!can_detour(fh_free, unchecked_free) || !can_detour(operator_delete, unchecked_free))
        why = "by this build, or with a breakpoint in the way";
    else if (!__libc_single_threaded)
        why = "when there is a thread already";
    else if (!detour(fh_free, unchecked_free) || !detour(operator_delete, unchecked_free))
        why = "where no code may be written to";
    errno = error;
    if (why != NULL)
        report_unchecked(why);
}
#endif
