/* SPDX-License-Identifier: MIT
 *
 * The functions that C++, or the C library, defines by another one: a program that replaces that one has
 * replaced them, too. So they call it by its public name, which may be the program's; where nobody has
 * replaced it, that is one jump more. */
#ifndef FREEHOLD_SANITIZED

#include <stdlib.h>

#include "cplusplus.h"
#include "fast.h"
#include "freehold.h"
#include "interpose.h"
#include "runtime.h"

typedef void *(*nothrow_new)(size_t size, const void *nothrow);
typedef void *(*nothrow_new_aligned)(size_t size, size_t alignment, const void *nothrow);

/* Public names: new, new[], delete, delete[], and their aligned forms. */
void *_Znwm(size_t size);
void *_Znam(size_t size);
void *_ZnwmSt11align_val_t(size_t size, size_t alignment);
void *_ZnamSt11align_val_t(size_t size, size_t alignment);
void _ZdlPv(void *block);
void _ZdaPv(void *block);
void _ZdlPvSt11align_val_t(void *block, size_t alignment);
void _ZdaPvSt11align_val_t(void *block, size_t alignment);

static void *new_array(size_t size) {
    return _Znwm(size);
}

static void *new_array_aligned(size_t size, size_t alignment) {
    return _ZnwmSt11align_val_t(size, alignment);
}

INTERPOSE_AS(void *, _Znam, new_array, (size_t size))
INTERPOSE_AS(void *, _ZnamSt11align_val_t, new_array_aligned, (size_t size, size_t alignment))

/* The forms without exceptions have to catch what the new-handler or a replacement throws, which C cannot:
 * the runtime's own do, around a call of the throwing form. */
static cold void *nothrow_by_runtime(const char *form, size_t size, const void *nothrow) {
    nothrow_new runtime_new = (nothrow_new)runtime_find(0, form);
    return runtime_new == NULL ? NULL : runtime_new(size, nothrow);
}

static cold void *nothrow_aligned_by_runtime(const char *form, size_t size, size_t alignment,
                                             const void *nothrow) {
    nothrow_new_aligned runtime_new = (nothrow_new_aligned)runtime_find(0, form);
    return runtime_new == NULL ? NULL : runtime_new(size, alignment, nothrow);
}

static void *new_nothrow(size_t size, const void *nothrow) {
    void *block = likely(_Znwm == operator_new) ? fast_malloc(size) : NULL;
    return likely(block != NULL) ? block : nothrow_by_runtime("_ZnwmRKSt9nothrow_t", size, nothrow);
}

static void *new_array_nothrow(size_t size, const void *nothrow) {
    void *block = likely(_Znam == new_array && _Znwm == operator_new) ? fast_malloc(size) : NULL;
    return likely(block != NULL) ? block : nothrow_by_runtime("_ZnamRKSt9nothrow_t", size, nothrow);
}

static void *new_aligned_nothrow(size_t size, size_t alignment, const void *nothrow) {
    bool is_ours = _ZnwmSt11align_val_t == operator_new_aligned;
    void *block = is_ours ? fh_memalign(alignment, size) : NULL;
    if (unlikely(block == NULL))
        block = nothrow_aligned_by_runtime("_ZnwmSt11align_val_tRKSt9nothrow_t", size, alignment, nothrow);
    return block;
}

static void *new_array_aligned_nothrow(size_t size, size_t alignment, const void *nothrow) {
    bool is_ours = _ZnamSt11align_val_t == new_array_aligned && _ZnwmSt11align_val_t == operator_new_aligned;
    void *block = is_ours ? fh_memalign(alignment, size) : NULL;
    if (unlikely(block == NULL))
        block = nothrow_aligned_by_runtime("_ZnamSt11align_val_tRKSt9nothrow_t", size, alignment, nothrow);
    return block;
}

INTERPOSE_AS(void *, _ZnwmRKSt9nothrow_t, new_nothrow, (size_t size, const void *nothrow))
INTERPOSE_AS(void *, _ZnamRKSt9nothrow_t, new_array_nothrow, (size_t size, const void *nothrow))
INTERPOSE_AS(void *, _ZnwmSt11align_val_tRKSt9nothrow_t, new_aligned_nothrow,
             (size_t size, size_t alignment, const void *nothrow))
INTERPOSE_AS(void *, _ZnamSt11align_val_tRKSt9nothrow_t, new_array_aligned_nothrow,
             (size_t size, size_t alignment, const void *nothrow))

/* delete is told of nothrow by a further argument, which the base does not look at, or of a size, which guard
 * level 2 does. */
static void delete_block(void *block) {
    _ZdlPv(block);
}

static void delete_array(void *block) {
    _ZdaPv(block);
}

static void delete_sized(void *block, size_t size) {
    arena_check_size(block, size, "operator delete");
    _ZdlPv(block);
}

static void delete_array_sized(void *block, size_t size) {
    arena_check_size(block, size, "operator delete[]");
    _ZdaPv(block);
}

static void delete_aligned(void *block, size_t alignment) {
    _ZdlPvSt11align_val_t(block, alignment);
}

static void delete_array_aligned(void *block, size_t alignment) {
    _ZdaPvSt11align_val_t(block, alignment);
}

static void delete_aligned_sized(void *block, size_t size, size_t alignment) {
    arena_check_size(block, size, "operator delete");
    _ZdlPvSt11align_val_t(block, alignment);
}

static void delete_array_aligned_sized(void *block, size_t size, size_t alignment) {
    arena_check_size(block, size, "operator delete[]");
    _ZdaPvSt11align_val_t(block, alignment);
}

INTERPOSE_AS(void, _ZdaPv, delete_block, (void *block))
INTERPOSE_AS(void, _ZdlPvm, delete_sized, (void *block, size_t size))
INTERPOSE_AS(void, _ZdaPvm, delete_array_sized, (void *block, size_t size))
INTERPOSE_AS(void, _ZdlPvRKSt9nothrow_t, delete_block, (void *block))
INTERPOSE_AS(void, _ZdaPvRKSt9nothrow_t, delete_array, (void *block))
INTERPOSE_AS(void, _ZdaPvSt11align_val_t, delete_aligned, (void *block, size_t alignment))
INTERPOSE_AS(void, _ZdlPvSt11align_val_tRKSt9nothrow_t, delete_aligned, (void *block, size_t alignment))
INTERPOSE_AS(void, _ZdaPvSt11align_val_tRKSt9nothrow_t, delete_array_aligned, (void *block, size_t alignment))
INTERPOSE_AS(void, _ZdlPvmSt11align_val_t, delete_aligned_sized, (void *block, size_t size, size_t alignment))
INTERPOSE_AS(void, _ZdaPvmSt11align_val_t, delete_array_aligned_sized,
             (void *block, size_t size, size_t alignment))

/* The C library's. */
static void *reallocate_array(void *block, size_t count, size_t size) {
    size_t bytes;
    if (unlikely(__builtin_mul_overflow(count, size, &bytes)))
        return arena_refuse(SIZE_MAX, GRAIN);
    return realloc(block, bytes);
}

static void free_told(void *block, size_t size) {
    arena_check_size(block, size, "free_sized");
    free(block);
}

static void free_aligned_told(void *block, size_t alignment, size_t size) {
    arena_check_size(block, size, "free_aligned_sized");
    arena_check_alignment(block, alignment, "free_aligned_sized");
    free(block);
}

INTERPOSE_AS(void *, reallocarray, reallocate_array, (void *, size_t, size_t))
INTERPOSE_AS(void *, __libc_reallocarray, reallocate_array, (void *, size_t, size_t))
INTERPOSE_AS(void, free_sized, free_told, (void *block, size_t size))
INTERPOSE_AS(void, free_aligned_sized, free_aligned_told, (void *block, size_t alignment, size_t size))

#endif
