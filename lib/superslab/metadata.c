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

void *metadata_take(size_t size) {
    void *taken = NULL;
    size = (size + LINE - 1) & ~(LINE - 1);
    lock_take(&metadata_lock);
    if (size > chunk.left) {
        char *fresh = chunk_take();
        if (fresh != NULL) {
            chunk.rest = fresh;
            chunk.left = CHUNK;
        }
    }
    if (size <= chunk.left) {
        taken = chunk.rest;
        chunk.rest += size;
        chunk.left -= size;
    }
    lock_give(&metadata_lock);
    return taken;
}
