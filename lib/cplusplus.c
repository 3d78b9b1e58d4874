/* SPDX-License-Identifier: MIT
 *
 * C++ operators new and delete, from C: the mangled names, and the runtime's new-handler and bad_alloc where
 * there is a runtime. */
#ifndef FREEHOLD_SANITIZED

#include <dlfcn.h>
#include <errno.h>

#include "fast.h"
#include "freehold.h"
#include "interpose.h"
#include "report.h"

typedef void (*new_handler)(void);

extern new_handler _ZSt15get_new_handlerv(void) __attribute__((weak));
extern void _ZSt17__throw_bad_allocv(void) __attribute__((weak));

/* A function of a C++ runtime that was loaded after us, and perhaps not for everybody. */
static void *runtime_function(const char *name) {
    void *runtime = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_NOLOAD);
    if (runtime == NULL)
        return NULL;
    void *function = dlsym(runtime, name);
    dlclose(runtime);
    return function;
}

static new_handler current_handler(void) {
    union {
        void *address;
        new_handler (*get)(void);
    } function = {.get = _ZSt15get_new_handlerv};
    if (function.address == NULL)
        function.address = runtime_function("_ZSt15get_new_handlerv");
    return function.address == NULL ? NULL : function.get();
}

static cold void throw_bad_alloc(size_t size) {
    union {
        void *address;
        void (*throw)(void);
    } function = {.throw = _ZSt17__throw_bad_allocv};
    if (function.address == NULL)
        function.address = runtime_function("_ZSt17__throw_bad_allocv");
    if (function.address != NULL)
        function.throw();
    report_no_memory("operator new", size);
}

/* C++ says: as long as there is a handler, call it and try again. */
static cold void *retry(size_t size, size_t alignment, bool throwing) {
    for (new_handler handler; (handler = current_handler()) != NULL;) {
        handler();
        void *block = fh_memalign(alignment, size);
        if (block != NULL)
            return block;
    }
    if (throwing)
        throw_bad_alloc(size);
    return NULL;
}

static inline void *new_block(size_t size, bool throwing) {
    void *block = fast_malloc(size);
    return likely(block != NULL) ? block : retry(size, GRAIN, throwing);
}

static void *new_aligned(size_t size, size_t alignment, bool throwing) {
    void *block = fh_memalign(alignment, size);
    return likely(block != NULL) ? block : retry(size, alignment, throwing);
}

#define OPERATOR FH_API

/* new(size), new(size, nothrow), new(size, alignment), new(size, alignment, nothrow); then the arrays'. */
OPERATOR void *_Znwm(size_t size);
OPERATOR void *_ZnwmRKSt9nothrow_t(size_t size, const void *nothrow);
OPERATOR void *_ZnwmSt11align_val_t(size_t size, size_t alignment);
OPERATOR void *_ZnwmSt11align_val_tRKSt9nothrow_t(size_t size, size_t alignment, const void *nothrow);

void *_Znwm(size_t size) {
    return new_block(size, true);
}

void *_ZnwmRKSt9nothrow_t(size_t size, const void *nothrow) {
    (void)nothrow;
    return new_block(size, false);
}

void *_ZnwmSt11align_val_t(size_t size, size_t alignment) {
    return new_aligned(size, alignment, true);
}

void *_ZnwmSt11align_val_tRKSt9nothrow_t(size_t size, size_t alignment, const void *nothrow) {
    (void)nothrow;
    return new_aligned(size, alignment, false);
}

static void delete_block(void *block) {
    fast_free(block);
}

INTERPOSE_AS(void *, _Znam, _Znwm, (size_t size))
INTERPOSE_AS(void *, _ZnamRKSt9nothrow_t, _ZnwmRKSt9nothrow_t, (size_t size, const void *nothrow))
INTERPOSE_AS(void *, _ZnamSt11align_val_t, _ZnwmSt11align_val_t, (size_t size, size_t alignment))
INTERPOSE_AS(void *, _ZnamSt11align_val_tRKSt9nothrow_t, _ZnwmSt11align_val_tRKSt9nothrow_t,
             (size_t size, size_t alignment, const void *nothrow))

/* delete(block), and what it may be told besides: size, alignment, nothrow. */
INTERPOSE_AS(void, _ZdlPv, delete_block, (void *block))
INTERPOSE_AS(void, _ZdaPv, delete_block, (void *block))
INTERPOSE_AS(void, _ZdlPvm, delete_block, (void *block))
INTERPOSE_AS(void, _ZdaPvm, delete_block, (void *block))
INTERPOSE_AS(void, _ZdlPvRKSt9nothrow_t, delete_block, (void *block))
INTERPOSE_AS(void, _ZdaPvRKSt9nothrow_t, delete_block, (void *block))
INTERPOSE_AS(void, _ZdlPvSt11align_val_t, delete_block, (void *block))
INTERPOSE_AS(void, _ZdaPvSt11align_val_t, delete_block, (void *block))
INTERPOSE_AS(void, _ZdlPvmSt11align_val_t, delete_block, (void *block))
INTERPOSE_AS(void, _ZdaPvmSt11align_val_t, delete_block, (void *block))
INTERPOSE_AS(void, _ZdlPvSt11align_val_tRKSt9nothrow_t, delete_block, (void *block))
INTERPOSE_AS(void, _ZdaPvSt11align_val_tRKSt9nothrow_t, delete_block, (void *block))

#endif
