/* SPDX-License-Identifier: MIT
 *
 * The file that the recorder writes and replay plays: TRACE_MAGIC, the process id, then the records in the
 * order of the calls, up to a word of zero or the end. A record is a word {kind, thread, address}, followed
 * by a word {size, alignment} for the kinds that make a block. A release of an address is recorded before the
 * call, a new address after it, so an address that moves from one thread to another is released first in the
 * file too.
 */
#ifndef STRESS_TRACE_H
#define STRESS_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#define TRACE_MAGIC       UINT64_C(0x3145434152544846) /* "FHTRACE1" */
#define TRACE_ENVIRONMENT "STRESS_TRACE"

enum { TRACE_THREADS_MAX = 1 << 15, TRACE_HEADER_WORDS = 2 };

enum trace_kind {
    TRACE_END,
    TRACE_MALLOC,
    TRACE_CALLOC,
    TRACE_ALIGNED,
    TRACE_FREE,
    TRACE_REALLOC_FROM, /* what realloc was given; TRACE_REALLOC_TO of the same thread follows */
    TRACE_REALLOC_TO,   /* address 0: realloc has failed */
};

struct trace_record {
    enum trace_kind kind;
    unsigned thread;
    uint64_t address;
    uint64_t size;
    unsigned alignment_log;
};

static inline bool trace_has_size(enum trace_kind kind) {
    return kind == TRACE_MALLOC || kind == TRACE_CALLOC || kind == TRACE_ALIGNED || kind == TRACE_REALLOC_TO;
}

/* Addresses are multiples of 8 below 2^48. Returns the number of words written. */
static inline unsigned trace_encode(const struct trace_record *record, uint64_t words[2]) {
    words[0] = (uint64_t)record->kind | (uint64_t)record->thread << 4 | record->address >> 3 << 19;
    words[1] = record->size << 8 | record->alignment_log;
    return trace_has_size(record->kind) ? 2 : 1;
}

static inline unsigned trace_decode(const uint64_t words[2], struct trace_record *record) {
    record->kind = (enum trace_kind)(words[0] & 15);
    record->thread = words[0] >> 4 & (TRACE_THREADS_MAX - 1);
    record->address = words[0] >> 19 << 3;
    if (!trace_has_size(record->kind)) {
        record->size = 0;
        record->alignment_log = 0;
        return 1;
    }
    record->size = words[1] >> 8;
    record->alignment_log = words[1] & 255;
    return 2;
}

#endif
