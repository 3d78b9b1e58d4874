/* SPDX-License-Identifier: MIT */
#include "metadata.h"

#include "../lock.h"
#include "../os.h"

#define CHUNK (128ul << 10)
#define LINE  64ul

pthread_mutex_t metadata_lock = PTHREAD_MUTEX_INITIALIZER;

/* All of it metadata_lock. The chunk in reserve is for when the kernel gives no more: small blocks go on for
 * a while then. */
static struct {
    char *rest;  /* what is left of the last chunk */
    size_t left; /* bytes */
    char *reserve;
} chunk;

/* At the beginning of each chunk that has been begun: a line. */
struct beginning {
    struct beginning *before; /* constant */
};

static _Atomic(struct beginning *) last; /* grows under metadata_lock. Release; partner: metadata_visit */

/* The first one and the one in reserve are one mapping: a process has few at start. */
static char *chunk_take(void) {
    static bool is_started;
    char *taken = os_map(is_started ? CHUNK : 2 * CHUNK);
    if (taken != NULL && !is_started) {
        chunk.reserve = taken + CHUNK;
        is_started = true;
    } else if (taken == NULL) {
        taken = chunk.reserve;
        chunk.reserve = NULL;
    } else if (chunk.reserve == NULL)
        chunk.reserve = os_map(CHUNK);
    return taken;
}

static void chunk_begin(char *fresh) {
    struct beginning *beginning = (struct beginning *)fresh;
    beginning->before = atomic_load_explicit(&last, memory_order_relaxed);
    atomic_store_explicit(&last, beginning, memory_order_release);
    chunk.rest = fresh + LINE;
    chunk.left = CHUNK - LINE;
}

void metadata_visit(void (*visit)(void *context, const void *base, size_t length), void *context) {
    for (const struct beginning *at = atomic_load_explicit(&last, memory_order_acquire); at != NULL;
         at = at->before)
        visit(context, at, CHUNK);
}

void *metadata_take(size_t size) {
    void *taken = NULL;
    size = (size + LINE - 1) & ~(LINE - 1);
    lock_take(&metadata_lock);
    if (size > chunk.left) {
        char *fresh = chunk_take();
        if (fresh != NULL)
            chunk_begin(fresh);
    }
    if (size <= chunk.left) {
        taken = chunk.rest;
        chunk.rest += size;
        chunk.left -= size;
    }
    lock_give(&metadata_lock);
    return taken;
}
