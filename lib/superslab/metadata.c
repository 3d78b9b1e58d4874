/* SPDX-License-Identifier: MIT */
#include "metadata.h"

#include "../lock.h"
#include "../os.h"

#define CHUNK (256ul << 10)
#define LINE  64ul

pthread_mutex_t metadata_lock = PTHREAD_MUTEX_INITIALIZER;

static char *chunk_rest;  /* metadata_lock: what is left of the last chunk */
static size_t chunk_left; /* metadata_lock: bytes */

void *metadata_take(size_t size) {
    void *taken = NULL;
    size = (size + LINE - 1) & ~(LINE - 1);
    lock_take(&metadata_lock);
    if (size > chunk_left) {
        char *chunk = os_map(CHUNK);
        if (chunk != NULL) {
            chunk_rest = chunk;
            chunk_left = CHUNK;
        }
    }
    if (size <= chunk_left) {
        taken = chunk_rest;
        chunk_rest += size;
        chunk_left -= size;
    }
    lock_give(&metadata_lock);
    return taken;
}
