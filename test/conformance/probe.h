/* SPDX-License-Identifier: MIT
 *
 * What the black-box tests share: contents that tell one block from every other, and a look at the process.
 */
#ifndef PROBE_H
#define PROBE_H

#include <dlfcn.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <freehold.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)

/* For programs with threads and children: ends the process at once, without a call of malloc. */
#define REQUIRE(condition) ((condition) ? (void)0 : probe_fail(#condition, __FILE__, __LINE__))

/* A printf without a buffer, for dprintf takes one from malloc. */
/* NOLINTNEXTLINE(cert-dcl50-cpp): a C function, also for C++ */
__attribute__((format(printf, 2, 3), unused)) static void probe_write(int file, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (write(file, text, (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1) < 0) {
        _exit(1);
    }
}

__attribute__((noreturn, unused)) static void probe_fail(const char *condition, const char *file, int line) {
    probe_write(STDERR_FILENO, "%s:%d: not true: %s\n", file, line, condition);
    _exit(1);
}

/* The value, of which the compiler then knows nothing: for sizes and pointers that it would warn about. */
static inline void *opaque_pointer(void *value) {
    __asm__ volatile("" : "+r"(value) : : "memory");
    return value;
}

static inline size_t opaque_size(size_t value) {
    __asm__ volatile("" : "+r"(value));
    return value;
}

static inline bool is_aligned(const void *block, size_t alignment) {
    return ((uintptr_t)block & (alignment - 1)) == 0;
}

static inline unsigned char block_byte(size_t seed, size_t i) {
    return (unsigned char)(seed * 157 + i + (i >> 8) * 31);
}

static inline void block_fill(void *block, size_t size, size_t seed) {
    unsigned char *bytes = (unsigned char *)block;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = block_byte(seed, i);
    }
}

static inline bool block_holds(const void *block, size_t size, size_t seed) {
    const unsigned char *bytes = (const unsigned char *)block;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != block_byte(seed, i)) {
            return false;
        }
    }
    return true;
}

/* True if all bytes of the block are value. */
static inline bool block_is_all(const void *block, size_t size, unsigned char value) {
    const unsigned char *bytes = (const unsigned char *)block;
    return size == 0 || (bytes[0] == value && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* A xorshift generator: the state must not be 0. */
static inline uint64_t random_next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static inline size_t resident_bytes(void) {
    unsigned long size = 0;
    unsigned long resident = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (!statm || fscanf(statm, "%lu %lu", &size, &resident) != 2) {
        resident = 0;
    }
    if (statm) {
        fclose(statm);
    }
    REQUIRE(resident > 0);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* True, and the figures, if the process runs on Freehold. */
static inline bool read_counters(struct fh_counts *counters) {
    void (*figures)(struct fh_counts *) = (void (*)(struct fh_counts *))dlsym(RTLD_DEFAULT, "fh_counters");
    if (figures) {
        figures(counters);
    }
    return figures != NULL;
}

/* Checks Freehold's invariants, if the process runs on it. */
static inline void check_invariants(void) {
    void (*check)(void) = (void (*)(void))dlsym(RTLD_DEFAULT, "fh_check");
    if (check) {
        check();
    }
}

#endif
