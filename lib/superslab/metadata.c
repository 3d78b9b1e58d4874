/* SPDX-License-Identifier: MIT */
#include "metadata.h"

#include "../lock.h"
#include "../os.h"

#define SPACE_LEAST (40 * UNIT) /* a leaf, two chunks and one of stocks, and a little more */
#define SPACE_MOST  (16ul << 20)
#define STEP        (4ul << 20)
#define CHUNK       (128ul << 10)
#define LINE        64ul
#define EDGE        UNIT /* nobody's, on both sides of a space */

pthread_mutex_t metadata_lock = PTHREAD_MUTEX_INITIALIZER;

/* Address space between two edges that nobody may touch, so that what runs off the end of a block, or off
 * that of a structure, faults before it comes to the other. It is opened a step at a time; the next one is
 * twice as long. All of it metadata_lock. */
static struct {
    char *rest, *open, *end; /* what is left, of it what is open, and the last edge */
    size_t next;             /* bytes of the next one */
} space = {.next = SPACE_LEAST};

/* All of it metadata_lock. The chunk in reserve is for when the kernel gives no more: small blocks go on for
 * a while then. */
static struct {
    char *rest;  /* what is left of the last chunk */
    size_t left; /* bytes */
    char *reserve;
} chunk;

static bool space_make(size_t length) {
    char *start = os_map_closed(length + 2 * EDGE);
    if (start == NULL)
        return false;
    space.rest = space.open = start + EDGE;
    space.end = space.rest + length;
    space.next = 2 * space.next < SPACE_MOST ? 2 * space.next : SPACE_MOST;
    return true;
}

static bool space_open(size_t length) {
    size_t left = (size_t)(space.end - space.open), missing = (size_t)(space.rest + length - space.open);
    size_t most = left < STEP ? left : STEP, step = missing < most ? most : missing;
    if (!os_open(space.open, step)) {
        if (!os_open(space.open, missing))
            return false;
        step = missing;
    }
    os_advise_huge_pages(space.open, step, false); /* most of a leaf is never touched */
    space.open += step;
    return true;
}

/* Length is a multiple of UNIT. */
static char *space_take(size_t length) {
    if ((size_t)(space.end - space.rest) < length && !space_make(length < space.next ? space.next : length) &&
        !space_make(length))
        return NULL;
    if ((size_t)(space.open - space.rest) < length && !space_open(length))
        return NULL;
    char *taken = space.rest;
    space.rest += length;
    return taken;
}

/* At the beginning of each chunk that has been begun: a line. */
struct beginning {
    struct beginning *before; /* constant */
};

static _Atomic(struct beginning *) last; /* grows under metadata_lock. Release; partner: metadata_visit */

static char *chunk_take(void) {
    char *taken = space_take(CHUNK);
    if (taken == NULL) {
        taken = chunk.reserve;
        chunk.reserve = NULL;
    } else if (chunk.reserve == NULL)
        chunk.reserve = space_take(CHUNK);
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

static void *take_small(size_t size) {
    if (size > chunk.left) {
        char *fresh = chunk_take();
        if (fresh == NULL)
            return NULL;
        chunk_begin(fresh);
    }
    void *taken = chunk.rest;
    chunk.rest += size;
    chunk.left -= size;
    return taken;
}

void *metadata_take(size_t size) {
    lock_take(&metadata_lock);
    void *taken = size <= CHUNK - LINE ? take_small((size + LINE - 1) & ~(LINE - 1))
                                       : space_take((size + UNIT - 1) & ~(UNIT - 1));
    lock_give(&metadata_lock);
    return taken;
}
