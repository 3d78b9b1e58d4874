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
typedef new_handler (*handler_get)(void);
typedef void (*bad_alloc_throw)(void);
typedef void *(*nothrow_new)(size_t size, const void *nothrow);
typedef void *(*nothrow_new_aligned)(size_t size, size_t alignment, const void *nothrow);

extern new_handler _ZSt15get_new_handlerv(void) __attribute__((weak));
extern void _ZSt17__throw_bad_allocv(void) __attribute__((weak));

/* The address of a function of the C++ runtime, or 0. The runtime may have been loaded after us, and perhaps
 * not for everybody; then the weak reference is empty. */
static uintptr_t runtime_function(uintptr_t reference, const char *name) {
    if (reference != 0)
        return reference;
    void *runtime = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_NOLOAD);
    if (runtime == NULL)
        return 0;
    void *function = dlsym(runtime, name);
    dlclose(runtime);
    return (uintptr_t)function;
}

/* C++ says: as long as there is a handler, call it and try again; then throw. */
static cold void *new_failed(size_t size, size_t alignment) {
    handler_get get =
        (handler_get)runtime_function((uintptr_t)_ZSt15get_new_handlerv, "_ZSt15get_new_handlerv");
    new_handler handler;
    while (get != NULL && (handler = get()) != NULL) {
        handler();
        void *block = fh_memalign(alignment, size);
        if (block != NULL)
            return block;
    }
    bad_alloc_throw throw =
        (bad_alloc_throw)runtime_function((uintptr_t)_ZSt17__throw_bad_allocv, "_ZSt17__throw_bad_allocv");
    if (throw != NULL)
        throw();
    report_no_memory("operator new", size);
}

/* The forms without exceptions have to catch what the handler throws, which C cannot: the runtime's own do,
 * around a call of our throwing forms. */
static cold void *new_failed_nothrow(size_t size, const void *nothrow) {
    nothrow_new runtime_new = (nothrow_new)runtime_function(0, "_ZnwmRKSt9nothrow_t");
    return runtime_new == NULL ? NULL : runtime_new(size, nothrow);
}

static cold void *new_failed_nothrow_aligned(size_t size, size_t alignment, const void *nothrow) {
    nothrow_new_aligned runtime_new =
        (nothrow_new_aligned)runtime_function(0, "_ZnwmSt11align_val_tRKSt9nothrow_t");
    return runtime_new == NULL ? NULL : runtime_new(size, alignment, nothrow);
}

#define OPERATOR FH_API

/* new(size), new(size, nothrow), new(size, alignment), new(size, alignment, nothrow); then the arrays'. */
OPERATOR void *_Znwm(size_t size);
OPERATOR void *_ZnwmRKSt9nothrow_t(size_t size, const void *nothrow);
OPERATOR void *_ZnwmSt11align_val_t(size_t size, size_t alignment);
OPERATOR void *_ZnwmSt11align_val_tRKSt9nothrow_t(size_t size, size_t alignment, const void *nothrow);

void *_Znwm(size_t size) {
    void *block = fast_malloc(size);
    return likely(block != NULL) ? block : new_failed(size, GRAIN);
}

void *_ZnwmRKSt9nothrow_t(size_t size, const void *nothrow) {
    void *block = fast_malloc(size);
    return likely(block != NULL) ? block : new_failed_nothrow(size, nothrow);
}

void *_ZnwmSt11align_val_t(size_t size, size_t alignment) {
    void *block = fh_memalign(alignment, size);
    return likely(block != NULL) ? block : new_failed(size, alignment);
}

void *_ZnwmSt11align_val_tRKSt9nothrow_t(size_t size, size_t alignment, const void *nothrow) {
    void *block = fh_memalign(alignment, size);
    return likely(block != NULL) ? block : new_failed_nothrow_aligned(size, alignment, nothrow);
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
