/* SPDX-License-Identifier: MIT
 *
 * C++ operators new and delete, from C: the mangled names, and the runtime's new-handler and bad_alloc where
 * there is a runtime. The forms of which these are the base are in derived.c. */
#ifndef FREEHOLD_SANITIZED

#include "cplusplus.h"

#include "fast.h"
#include "freehold.h"
#include "interpose.h"
#include "report.h"
#include "runtime.h"

typedef void (*new_handler)(void);
typedef new_handler (*handler_get)(void);
typedef void (*bad_alloc_throw)(void);

extern new_handler _ZSt15get_new_handlerv(void) __attribute__((weak));
extern void _ZSt17__throw_bad_allocv(void) __attribute__((weak));

/* C++ says: as long as there is a handler, call it and try again; then throw. */
static cold void *new_failed(size_t size, size_t alignment) {
    handler_get get = (handler_get)runtime_find((uintptr_t)_ZSt15get_new_handlerv, "_ZSt15get_new_handlerv");
    new_handler handler;
    while (get != NULL && (handler = get()) != NULL) {
        handler();
        void *block = fh_memalign(alignment, size);
        if (block != NULL)
            return block;
    }
    bad_alloc_throw throw =
        (bad_alloc_throw)runtime_find((uintptr_t)_ZSt17__throw_bad_allocv, "_ZSt17__throw_bad_allocv");
    if (throw != NULL)
        throw();
    report_no_memory("operator new", size);
}

void *operator_new(size_t size) {
    void *block = fast_malloc(size);
    return likely(block != NULL) ? block : new_failed(size, GRAIN);
}

void *operator_new_aligned(size_t size, size_t alignment) {
    void *block = fh_memalign(alignment, size);
    return likely(block != NULL) ? block : new_failed(size, alignment);
}

void operator_delete(void *block) {
    fast_free(block, true);
}

void operator_delete_aligned(void *block, size_t alignment) {
    arena_check_alignment(block, alignment, "operator delete");
    fast_free(block, true);
}

INTERPOSE_AS(void *, _Znwm, operator_new, (size_t size))
INTERPOSE_AS(void *, _ZnwmSt11align_val_t, operator_new_aligned, (size_t size, size_t alignment))
INTERPOSE_AS(void, _ZdlPv, operator_delete, (void *block))
INTERPOSE_AS(void, _ZdlPvSt11align_val_t, operator_delete_aligned, (void *block, size_t alignment))

#endif
