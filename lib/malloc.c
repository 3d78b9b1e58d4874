/* SPDX-License-Identifier: MIT
 *
 * The malloc family. */
#include <errno.h>
#include <malloc.h>
#include <string.h>

#include "arena/runs.h"
#include "config.h"
#include "fast.h"
#include "freehold.h"
#include "interpose.h"
#include "memcheck.h"
#include "os.h"
#include "profile.h"
#include "sample.h"
#include "shadow.h"
#include "superslab/purge.h"

#define TEXT_OF(number) #number
#define TEXT(number)    TEXT_OF(number)

const char *fh_version(void) {
    return TEXT(FH_VERSION_MAJOR) "." TEXT(FH_VERSION_MINOR) "." TEXT(FH_VERSION_PATCH);
}

/* Brings start.c along into a program that links the archive. */
extern const char start_is_linked;
__attribute__((used)) static const char *const start_link = &start_is_linked;

/* An allocation that is a sample, or NULL. What takes samples is asked only once there is something that
 * does. */
static noinline void *take_sample(size_t size, size_t alignment, bool *zero, void *const *frame) {
    void *block = config.sample == 0 ? NULL : sample_take(size, alignment, frame);
    if (block == NULL && profile_has_begun())
        block = profile_take(size, alignment, zero, frame);
    return block;
}

/* A sample, or a block as any other. Inlined always, as the frame is that of the function which the program
 * has called. */
static inline __attribute__((always_inline)) void *allocate(size_t size, size_t alignment, bool *zero) {
    void *sample =
        samples_have_begun() ? take_sample(size, alignment, zero, __builtin_frame_address(0)) : NULL;
    return unlikely(sample != NULL) ? sample : arena_allocate(size, alignment, zero);
}

noinline void *malloc_not_tiny(size_t size) {
    if (size <= SMALL_MAX)
        return fast_pop(size_class(size), size);
    void *block = likely(size <= LARGE_MAX) ? runs_pop(size) : NULL;
    return likely(block != NULL) ? block : malloc_uncached(size);
}

noinline void *malloc_uncached(size_t size) {
    bool zero;
    return allocate(size, GRAIN, &zero);
}

void *fh_malloc(size_t size) {
    return shadow_allocated(fast_malloc(size), size);
}

void fh_free(void *address) {
    shadow_freed(address);
    fast_free(address, true);
}

void *fh_calloc(size_t count, size_t size) {
    size_t bytes;
    if (unlikely(__builtin_mul_overflow(count, size, &bytes)))
        return arena_refuse(SIZE_MAX, GRAIN);
    bool zero = false;
    void *block = bytes <= SMALL_MAX ? fast_malloc(bytes) : allocate(bytes, GRAIN, &zero);
    shadow_allocated(block, bytes);
    if (block == NULL)
        return NULL;
    return zero ? shadow_zeroed(block, bytes) : memset(block, 0, bytes);
}

/* A block in a new place. */
static void *move(void *block, size_t old_size, size_t size) {
    void *moved = fast_malloc(size);
    if (moved == NULL)
        return NULL;
    shadow_allocated(moved, size);
    memcheck_pause(); /* there may be less to copy than is usable */
    memcpy(moved, block, old_size < size ? old_size : size);
    memcheck_resume();
    fh_free(block);
    return moved;
}

/* A small block stays where it is unless half of it would be wasted; one with units or a mapping of its own
 * gives back what is worth a system call. At guard level 2 each knows its size. */
static bool is_to_be_resized(size_t usable, size_t size) {
    if (unlikely(config.guard >= 2))
        return size != usable;
    size_t kept = usable > SMALL_MAX ? usable - usable / 8 : usable / 2;
    return size > usable || size < kept;
}

/* Where it is, or by moving its pages; NULL if neither can be done. */
static void *resize(void *block, size_t usable, size_t size) {
    void *resized = memcheck_runs ? NULL : block;
    if (resized != NULL && is_to_be_resized(usable, size)) {
        resized = arena_resize(block, size);
        if (profile_has_begun() && resized != NULL)
            profile_resized(resized, size);
    }
    if (resized != NULL)
        shadow_resized(block, resized, size);
    return resized;
}

void *fh_realloc(void *block, size_t size) {
    if (block == NULL)
        return fh_malloc(size);
    if (size == 0) {
        fh_free(block);
        return NULL;
    }
    size_t usable = arena_block_size(block, "realloc", __builtin_return_address(0));
    if (unlikely(usable == NO_BLOCK)) {
        errno = EINVAL;
        return NULL;
    }
    size_t used = shadow_size(block, usable);
    void *resized = resize(block, usable, size);
    if (resized != NULL)
        return resized;
    resized = move(block, used, size);
    if (resized != NULL)
        return resized;
    if (size > usable) /* what was purged for the copy may do for the block alone */
        return resize(block, usable, size);
    arena_shorten(block, size);
    return block;
}

void *fh_reallocarray(void *block, size_t count, size_t size) {
    size_t bytes;
    if (unlikely(__builtin_mul_overflow(count, size, &bytes)))
        return arena_refuse(SIZE_MAX, GRAIN);
    return fh_realloc(block, bytes);
}

static bool is_power_of_two(size_t number) {
    return number != 0 && (number & (number - 1)) == 0;
}

static void *allocate_aligned(size_t alignment, size_t size) {
    bool zero;
    if (alignment <= GRAIN)
        return fh_malloc(size);
    return shadow_allocated(allocate(size, alignment, &zero), size);
}

int fh_posix_memalign(void **block, size_t alignment, size_t size) {
    if (!is_power_of_two(alignment) || alignment % sizeof(void *) != 0)
        return EINVAL;
    void *allocated = allocate_aligned(alignment, size);
    if (allocated == NULL)
        return ENOMEM; /* errno as well, which POSIX leaves open: there are programs that print it */
    *block = allocated;
    return 0;
}

void *fh_aligned_alloc(size_t alignment, size_t size) {
    if (!is_power_of_two(alignment)) {
        errno = EINVAL;
        return NULL;
    }
    return allocate_aligned(alignment, size);
}

void *fh_memalign(size_t alignment, size_t size) {
    if (alignment > (size_t)PTRDIFF_MAX + 1) {
        errno = EINVAL;
        return NULL;
    }
    size_t power = GRAIN;
    while (power < alignment)
        power *= 2;
    return allocate_aligned(power, size);
}

void *fh_valloc(size_t size) {
    return allocate_aligned(os_page(), size);
}

void *fh_pvalloc(size_t size) {
    size_t page = os_page();
    if (size > (size_t)PTRDIFF_MAX)
        return arena_refuse(size, page);
    return allocate_aligned(page, size == 0 ? page : (size + page - 1) & ~(page - 1));
}

size_t fh_malloc_usable_size(void *block) {
    if (block == NULL)
        return 0;
    size_t usable = arena_block_size(block, "malloc_usable_size", __builtin_return_address(0));
    return usable == NO_BLOCK ? 0 : shadow_size(block, usable);
}

void fh_free_sized(void *block, size_t size) {
    arena_check_size(block, size, "free_sized");
    fh_free(block);
}

void fh_free_aligned_sized(void *block, size_t alignment, size_t size) {
    arena_check_size(block, size, "free_aligned_sized");
    arena_check_alignment(block, alignment, "free_aligned_sized");
    fh_free(block);
}

int fh_purge(void) {
    uint64_t before = purged_bytes();
    arena_trim();
    purge_all();
    return purged_bytes() != before;
}

int fh_malloc_trim(size_t pad) {
    (void)pad;
    return fh_purge();
}

/* glibc refuses one value of one parameter, and takes whatever it does not know. */
int fh_mallopt(int parameter, int value) {
    return parameter != M_MXFAST || (value >= 0 && (size_t)value <= 80 * sizeof(size_t) / 4);
}

void fh_check(void) {
    arena_check();
}

INTERPOSE(void *, malloc, (size_t))
INTERPOSE(void, free, (void *))
INTERPOSE(void *, calloc, (size_t, size_t))
INTERPOSE(void *, realloc, (void *, size_t))
INTERPOSE(int, posix_memalign, (void **, size_t, size_t))
INTERPOSE(void *, aligned_alloc, (size_t, size_t))
INTERPOSE(void *, memalign, (size_t, size_t))
INTERPOSE(void *, valloc, (size_t))
INTERPOSE(void *, pvalloc, (size_t))
INTERPOSE(size_t, malloc_usable_size, (void *))
INTERPOSE(int, malloc_trim, (size_t))
INTERPOSE(int, mallopt, (int, int))
INTERPOSE_AS(void, cfree, fh_free, (void *))

/* glibc's second names, for programs that wrap the first. */
INTERPOSE_AS(void *, __libc_malloc, fh_malloc, (size_t))
INTERPOSE_AS(void, __libc_free, fh_free, (void *))
INTERPOSE_AS(void *, __libc_calloc, fh_calloc, (size_t, size_t))
INTERPOSE_AS(void *, __libc_realloc, fh_realloc, (void *, size_t))
INTERPOSE_AS(void *, __libc_memalign, fh_memalign, (size_t, size_t))
INTERPOSE_AS(void *, __libc_valloc, fh_valloc, (size_t))
INTERPOSE_AS(void *, __libc_pvalloc, fh_pvalloc, (size_t))
INTERPOSE_AS(int, __libc_mallopt, fh_mallopt, (int, int))
INTERPOSE_AS(int, __posix_memalign, fh_posix_memalign, (void **, size_t, size_t))
