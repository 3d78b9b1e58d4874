/* SPDX-License-Identifier: MIT */
#include "profile.h"

#include <errno.h>

#include "arena/arena.h"
#include "arena/cache.h"
#include "arena/cuts.h"
#include "config.h"
#include "freehold.h"
#include "lock.h"
#include "memcheck.h"
#include "os.h"
#include "profile/dump.h"
#include "profile/profiled.h"
#include "profile/trace.h"
#include "sample.h"
#include "superslab/huge.h"
#include "superslab/large.h"
#include "superslab/size_class.h"

static struct countdown common; /* profile_lock: of threads without an arena */

static double try_common(size_t size) {
    double interval = 0;
    lock_take(&profile_lock);
    countdown_follow(&common);
    (void)countdown_try(&common, size, 1, &interval);
    lock_give(&profile_lock);
    return interval;
}

/* What is found out of a sample before it is kept. */
struct sampling {
    struct sampled sampled;
    const void *frames[TRACE_DEPTH];
    uint64_t began; /* nanoseconds */
};

static void begin(struct sampling *sampling, size_t size, size_t tried, double interval, void *const *frame) {
    thread.is_profiling = true;
    sampling->began = os_thread_clock();
    sampling->sampled.size = size;
    sampling->sampled.weight = countdown_weight(tried, interval);
    sampling->sampled.frames = sampling->frames;
    sampling->sampled.depth = trace_take(sampling->frames, TRACE_DEPTH, frame);
}

static void end(const struct sampling *sampling) {
    uint64_t now = os_thread_clock();
    if (thread.own != NULL && thread.own->cuts != NULL)
        countdown_pace(&thread.own->cuts->countdown, now, now - sampling->began);
    thread.is_profiling = false;
}

static cold void *take_small(size_t size, unsigned class, double interval, void *const *frame) {
    struct sampling sampling;
    begin(&sampling, size, size_class_bytes(class), interval, frame);
    void *block = profiled_take(class, &sampling.sampled);
    end(&sampling);
    return block;
}

/* The number of a large block that is a profiled one from now on. */
static void set_number(const void *block, uint32_t number) {
    struct slab *slab = registry_find(block);
    if (atomic_load_explicit(&slab->owner, memory_order_relaxed) == OWNER_LARGE)
        large_profile(slab, number);
    else
        huge_of(slab)->profiled = number;
}

static cold void profile_large(void *block, size_t size, double interval, void *const *frame) {
    struct sampling sampling;
    begin(&sampling, size, size, interval, frame);
    uint32_t number = profiled_add(&sampling.sampled);
    if (number != 0)
        set_number(block, number);
    end(&sampling);
}

/* A block of a class, with what the cache of the class is to be afterwards. */
static void *take_of_class(unsigned class, size_t size, void *const *frame) {
    bool has_cache = thread.own != NULL && arena_has_cache(thread.own);
    if (thread.is_profiling) { /* the unwinder has called */
        if (has_cache)
            cuts_pass(class);
        return NULL;
    }
    if (has_cache && thread.cache[class] == NULL && cuts_pass_malloc(class))
        return NULL;
    size_t bytes = size_class_bytes(class);
    double interval = thread.own == NULL ? try_common(bytes)
                      : has_cache        ? cuts_malloc(class)
                                         : cuts_malloc_mapped(bytes);
    if (interval == 0)
        return NULL;
    void *block = take_small(size, class, interval, frame);
    if (block == NULL && has_cache) /* it is missed, and pops what is there */
        cuts_pass(class);
    return block;
}

/* A large or huge block. What the fast half has left because as many were popped as there may be between two
 * looks was counted then. */
static void *take_mapped(size_t size, size_t alignment, bool *zero, void *const *frame) {
    if (thread.is_profiling)
        return NULL;
    double interval = thread.own == NULL                  ? try_common(size)
                      : thread.arena->runs.until_tidy < 0 ? cuts_malloc_run(size)
                                                          : cuts_malloc_mapped(size);
    void *block = interval == 0 ? NULL : arena_allocate(size, alignment, zero);
    if (block != NULL)
        profile_large(block, size, interval, frame);
    return block;
}

void *profile_take(size_t size, size_t alignment, bool *zero, void *const *frame) {
    if (size > PTRDIFF_MAX || alignment > PTRDIFF_MAX - size)
        return NULL;
    int error = errno;
    size_t rounded = size_rounded(size, alignment);
    void *block = rounded <= SMALL_MAX ? take_of_class((unsigned)size_class(rounded), size, frame)
                                       : take_mapped(size, alignment, zero, frame);
    errno = error;
    return block;
}

/* It ends, and begins anew. */
cold void profile_retake(void *block, size_t size, void *const *frame) {
    struct slab *slab = registry_find(block);
    if (thread.is_profiling || slab == NULL)
        return;
    const struct arena *owner = atomic_load_explicit(&slab->owner, memory_order_relaxed);
    if (owner != OWNER_LARGE && owner != OWNER_HUGE)
        return;
    int error = errno;
    if (owner == OWNER_LARGE)
        large_unprofile(slab);
    else
        huge_unprofile(huge_of(slab));
    double interval = thread.own == NULL ? try_common(size) : cuts_malloc_mapped(size);
    if (interval != 0)
        profile_large(block, size, interval, frame);
    errno = error;
}

int fh_profile(size_t interval) {
    if (memcheck_runs || interval > PTRDIFF_MAX) {
        errno = memcheck_runs ? ENOTSUP : EINVAL;
        return -1;
    }
    if (interval != 0) {
        trace_start();
        dump_begin();
        atomic_store_explicit(&profile_began, true, memory_order_relaxed);
        samples_begin();
    }
    atomic_store_explicit(&profile_interval, interval, memory_order_relaxed);
    return 0;
}

int fh_profile_dump(int descriptor) {
    return dump_write(descriptor) ? 0 : -1;
}

static struct file_of last_dump; /* where it goes; constant after profile_start */

void profile_start(void) {
    int error = errno;
    if (config.profile_fd != 0 && !os_identify((int)config.profile_fd, &last_dump))
        config.profile_fd = 0;
    if (config.profile != 0)
        (void)fh_profile(config.profile << 10);
    errno = error;
}

/* Unless the program has made something else of the descriptor. Processes that have inherited it write one
 * after the other. */
void profile_finish(void) {
    int error = errno, file = (int)config.profile_fd;
    if (file != 0 && os_is_of(file, &last_dump)) {
        os_lock_file(file);
        (void)fh_profile_dump(file);
        os_unlock_file(file);
    }
    errno = error;
}
