/* SPDX-License-Identifier: MIT
 *
 * A preload that records the allocation calls of a program, over the C library's malloc, to the file that
 * STRESS_TRACE names and that does not exist yet. Processes that the program starts inherit the preload but
 * find the file; a process that finds its own (a wrapper script that execs the program) starts over.
 */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

enum { GROWTH_WORDS = 1 << 21 };
static const size_t window_bytes = (size_t)1 << 38; /* address space for the file, which grows into it */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool recording;
static int file; /* this and the following under the lock */
static uint64_t *words;
static size_t used, grown;
static unsigned threads;
static _Thread_local unsigned thread; /* 0: not yet numbered */

static bool grow(void) {
    grown += GROWTH_WORDS;
    return grown * sizeof *words <= window_bytes && ftruncate(file, (off_t)(grown * sizeof *words)) == 0;
}

static void append(struct trace_record record) {
    if (!atomic_load_explicit(&recording, memory_order_relaxed)) {
        return;
    }
    pthread_mutex_lock(&lock);
    if (thread == 0) {
        thread = threads++ % (TRACE_THREADS_MAX - 1) + 1;
    }
    record.thread = thread;
    if (atomic_load_explicit(&recording, memory_order_relaxed) && (used + 2 <= grown || grow())) {
        uint64_t encoded[2];
        unsigned count = trace_encode(&record, encoded);
        for (unsigned i = 0; i < count; i++) {
            words[used++] = encoded[i];
        }
    } else {
        atomic_store_explicit(&recording, false, memory_order_relaxed); /* the disk is full */
    }
    pthread_mutex_unlock(&lock);
}

static void stop(void) {
    atomic_store_explicit(&recording, false, memory_order_relaxed);
}

/* Returns -1 if the calls of this process are not wanted. */
static int open_file(void) {
    const char *path = getenv(TRACE_ENVIRONMENT);
    if (path == NULL) {
        return -1;
    }
    int fresh = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fresh >= 0 || errno != EEXIST) {
        return fresh;
    }
    uint64_t header[TRACE_HEADER_WORDS] = {0};
    int found = open(path, O_RDWR | O_CLOEXEC);
    if (found >= 0 && (read(found, header, sizeof header) != sizeof header ||
                       header[1] != (uint64_t)getpid() || ftruncate(found, 0) != 0)) {
        close(found);
        return -1;
    }
    return found;
}

__attribute__((constructor)) static void start_recording(void) {
    file = open_file();
    if (file < 0) {
        return;
    }
    words = mmap(NULL, window_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, 0);
    if (words == MAP_FAILED || !grow() || pthread_atfork(NULL, NULL, stop) != 0) {
        perror("recorder");
        exit(1);
    }
    words[used++] = TRACE_MAGIC;
    words[used++] = (uint64_t)getpid();
    atomic_store_explicit(&recording, true, memory_order_relaxed);
}

__attribute__((destructor)) static void end_recording(void) {
    if (!atomic_load_explicit(&recording, memory_order_relaxed)) {
        return;
    }
    pthread_mutex_lock(&lock);
    stop();
    if (ftruncate(file, (off_t)(used * sizeof *words)) != 0) {
        perror("recorder");
    }
    pthread_mutex_unlock(&lock);
}

static void *record_take(enum trace_kind kind, void *block, size_t size, size_t alignment) {
    if (block != NULL) {
        append((struct trace_record){.kind = kind,
                                     .address = (uintptr_t)block,
                                     .size = size,
                                     .alignment_log = (unsigned)__builtin_ctzll(alignment)});
    }
    return block;
}

EXPORT void *malloc(size_t size) {
    return record_take(TRACE_MALLOC, __libc_malloc(size), size, 1);
}

EXPORT void *calloc(size_t nmemb, size_t size) {
    return record_take(TRACE_CALLOC, __libc_calloc(nmemb, size), nmemb * size, 1);
}

EXPORT void free(void *ptr) {
    if (ptr != NULL) {
        append((struct trace_record){.kind = TRACE_FREE, .address = (uintptr_t)ptr});
    }
    __libc_free(ptr);
}

EXPORT void *realloc(void *ptr, size_t size) {
    if (ptr == NULL) {
        return malloc(size);
    }
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    append((struct trace_record){.kind = TRACE_REALLOC_FROM, .address = (uintptr_t)ptr});
    void *moved = __libc_realloc(ptr, size);
    append((struct trace_record){.kind = TRACE_REALLOC_TO, .address = (uintptr_t)moved, .size = size});
    return moved;
}

EXPORT void *memalign(size_t alignment, size_t size) {
    return record_take(TRACE_ALIGNED, __libc_memalign(alignment, size), size, alignment);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size) {
    return memalign(alignment, size);
}

EXPORT int posix_memalign(void **memptr, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) {
        return EINVAL;
    }
    void *made = memalign(alignment, size);
    if (made == NULL) {
        return ENOMEM;
    }
    *memptr = made;
    return 0;
}
