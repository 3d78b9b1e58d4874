/* SPDX-License-Identifier: MIT */
#include "sample.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "handler.h"
#include "lock.h"
#include "memcheck.h"
#include "os.h"
#include "random.h"
#include "stack.h"

#define POOL        ((size_t)SAMPLES * UNIT)
#define PAGE_MOST   (UNIT / 4)
#define PAGE_LEAST  4096u
#define FILLING     0xfdu
#define NO_SAMPLE   SAMPLES
#define ADVICE_HOW  "Its stacks follow."
#define ADVICE_DONE "The write itself was not seen; its stacks follow."

/* SAMPLE_ENDING: whoever frees it is about to take its pages away. */
enum sample_state { SAMPLE_NEVER, SAMPLE_LIVE, SAMPLE_ENDING, SAMPLE_FREED };

struct sample {
    char *block;               /* sample_lock */
    size_t size;               /* sample_lock: bytes that were asked for */
    uint32_t state;            /* sample_lock: an enum sample_state */
    uint32_t next;             /* sample_lock: the one that was freed after it */
    struct stack taken, given; /* sample_lock; who has made it end writes given */
};

_Atomic bool samples_begun;

void samples_begin(void) {
    atomic_store_explicit(&samples_begun, true, memory_order_relaxed);
}

pthread_mutex_t sample_lock = PTHREAD_MUTEX_INITIALIZER;

/* All of it sample_lock; handlers read it without, and base is written once. */
static struct {
    _Atomic(char *) base; /* atomic: NULL until there is a pool. Release; partner: sample_find */
    struct sample *samples;
    size_t page;
    uint32_t live, used;     /* samples that live, and that were ever used */
    uint32_t oldest, newest; /* those that were freed: a queue */
    bool is_refused;         /* there is no memory for a pool */
} pool = {.oldest = NO_SAMPLE, .newest = NO_SAMPLE};

static char *unit_of(const struct sample *sample) {
    return atomic_load_explicit(&pool.base, memory_order_relaxed) + (size_t)(sample - pool.samples) * UNIT;
}

static char *pages_end(const struct sample *sample) {
    return unit_of(sample) + UNIT - pool.page;
}

static char *pages_start(const struct sample *sample) {
    return pages_end(sample) -
           ((size_t)(pages_end(sample) - sample->block) + pool.page - 1) / pool.page * pool.page;
}

/* The sample whose unit an address is in, or NULL. */
static struct sample *sample_find(const void *address) {
    const char *base = atomic_load_explicit(&pool.base, memory_order_acquire);
    if (base == NULL || (uintptr_t)address - (uintptr_t)base >= POOL)
        return NULL;
    return &pool.samples[((uintptr_t)address - (uintptr_t)base) / UNIT];
}

static bool pool_make(void) {
    pool.page = os_page();
    size_t length = (SAMPLES * sizeof(struct sample) + UNIT - 1) & ~(UNIT - 1);
    char *closed = os_map_closed(length + 2 * UNIT); /* as metadata.c does */
    bool is_open = closed != NULL && os_open(closed + UNIT, length);
    pool.samples = is_open ? (struct sample *)(closed + UNIT) : NULL;
    char *base = !is_open || pool.page > PAGE_MOST ? NULL : os_reserve(POOL, UNIT);
    if (base != NULL && os_close(base, POOL))
        atomic_store_explicit(&pool.base, base, memory_order_release);
    else
        pool.is_refused = true;
    return !pool.is_refused;
}

/* The one that was freed before all others, once all have been used; none if enough live. */
static struct sample *slot_take(void) {
    if (atomic_load_explicit(&pool.base, memory_order_relaxed) == NULL && (pool.is_refused || !pool_make()))
        return NULL;
    if (pool.live == SAMPLES_LIVE)
        return NULL;
    if (pool.used < SAMPLES)
        return &pool.samples[pool.used++];
    if (pool.oldest == NO_SAMPLE)
        return NULL;
    struct sample *sample = &pool.samples[pool.oldest];
    pool.oldest = sample->next;
    if (pool.oldest == NO_SAMPLE)
        pool.newest = NO_SAMPLE;
    return sample;
}

static void slot_give(struct sample *sample) {
    uint32_t number = (uint32_t)(sample - pool.samples);
    sample->next = NO_SAMPLE;
    *(pool.newest == NO_SAMPLE ? &pool.oldest : &pool.samples[pool.newest].next) = number;
    pool.newest = number;
}

static void sample_fill(const struct sample *sample) {
    char *start = pages_start(sample), *end = sample->block + sample->size;
    memset(start, FILLING, (size_t)(sample->block - start));
    memset(end, FILLING, (size_t)(pages_end(sample) - end));
}

static bool is_filled(const char *from, const char *to) {
    while (from < to && (unsigned char)*from == FILLING)
        from++;
    return from >= to;
}

static void *sample_make(size_t size, size_t alignment, void *const *frame) {
    struct sample *sample = slot_take();
    if (sample == NULL)
        return NULL;
    sample->block = (char *)((uintptr_t)(pages_end(sample) - size) & ~(alignment - 1));
    sample->size = size;
    size_t length = (size_t)(pages_end(sample) - pages_start(sample));
    if (length != 0 && !os_open(pages_start(sample), length)) {
        sample->state = SAMPLE_FREED;
        slot_give(sample);
        return NULL;
    }
    sample_fill(sample);
    stack_take(&sample->taken, frame);
    sample->given.thread = 0;
    sample->state = SAMPLE_LIVE;
    pool.live++;
    return sample->block;
}

/* From 0 to twice the mean, which is one less than FREEHOLD_SAMPLE. A thread's own numbers, as it counts its
 * own blocks. */
static int64_t interval(struct arena *arena) {
    if (arena->sample_seed == 0)
        arena->sample_seed = (os_fine_clock() ^ (uintptr_t)arena) | 1;
    return (int64_t)(random_next(&arena->sample_seed) % (2 * config.sample - 1));
}

cold void *sample_take(size_t size, size_t alignment, void *const *frame) {
    struct arena *arena = thread.own;
    if (arena == NULL || memcheck_runs || size > SMALL_MAX || alignment > PAGE_LEAST)
        return NULL;
    if (arena->sample_seed == 0)
        arena->until_sample = interval(arena);
    if (arena->until_sample > 0)
        return NULL;
    arena->until_sample = interval(arena);
    int error = errno;
    lock_take(&sample_lock);
    void *block = sample_make(size, alignment, frame);
    lock_give(&sample_lock);
    errno = error;
    return block;
}

/* Whether it lives and ends here. */
static bool sample_end(struct sample *sample, const void *address, void *const *frame) {
    lock_take(&sample_lock);
    bool is_live = sample->state == SAMPLE_LIVE && sample->block == address;
    if (is_live) {
        sample->state = SAMPLE_ENDING;
        stack_take(&sample->given, frame);
    }
    lock_give(&sample_lock);
    return is_live;
}

static void sample_tell(const void *address) {
    const struct sample *sample = sample_find(address);
    report_stack("allocated", &sample->taken);
    if (sample->given.thread != 0)
        report_stack("freed", &sample->given);
}

static void look_around(const struct sample *sample, const void *site) {
    struct misuse misuse = {.call = "free", .address = sample->block, .advice = ADVICE_DONE, .site = site};
    misuse.tell = sample_tell;
    if (!is_filled(sample->block + sample->size, pages_end(sample)))
        misuse.what = "written to beyond its end";
    else if (!is_filled(pages_start(sample), sample->block))
        misuse.what = "written to before its start";
    if (misuse.what != NULL)
        report_misuse(&misuse);
}

cold bool sample_give(const void *address, void *const *frame, const void *site) {
    struct sample *sample = sample_find(address);
    if (sample == NULL || !sample_end(sample, address, frame))
        return false;
    int error = errno;
    look_around(sample, site);
    /* Where the kernel refuses, the block can be used on, and its unit is not used again. */
    bool is_closed = os_close(unit_of(sample), UNIT);
    lock_take(&sample_lock);
    sample->state = SAMPLE_FREED;
    pool.live--;
    if (is_closed)
        slot_give(sample);
    lock_give(&sample_lock);
    errno = error;
    return true;
}

size_t sample_size(const void *address) {
    struct sample *sample = sample_find(address);
    if (sample == NULL)
        return NO_BLOCK;
    lock_take(&sample_lock);
    bool is_live = sample->state == SAMPLE_LIVE && sample->block == address;
    size_t size = is_live ? sample->size : NO_BLOCK;
    lock_give(&sample_lock);
    return size;
}

void sample_visit(void (*visit)(void *context, const void *base, size_t length), void *context,
                  bool is_pool) {
    const char *base = atomic_load_explicit(&pool.base, memory_order_acquire);
    if (base != NULL && is_pool)
        visit(context, base, POOL);
    else if (base != NULL)
        visit(context, pool.samples, SAMPLES * sizeof(struct sample));
}

bool sample_is_near(const void *address) {
    return sample_find(address) != NULL;
}

bool sample_judge(struct misuse *misuse) {
    const struct sample *sample = sample_find(misuse->address);
    if (sample == NULL)
        return false;
    if (sample->state == SAMPLE_NEVER)
        misuse->what = "never allocated";
    else if (sample->block != misuse->address)
        misuse->what = "inside a sampled block, not its start, or near one";
    else
        misuse->what = "already freed";
    misuse->advice = ADVICE_HOW;
    misuse->tell = sample->state == SAMPLE_NEVER ? NULL : sample_tell;
    return true;
}

static struct sigaction former;

static void on_fault(int signal, siginfo_t *info, void *context) {
    int error = errno;
    const struct sample *sample = info->si_code > 0 ? sample_find(info->si_addr) : NULL;
    if (sample != NULL && sample->state != SAMPLE_NEVER) {
        report_fault(info->si_addr, sample->block, sample->size, sample->state == SAMPLE_LIVE);
        sample_tell(info->si_addr);
    }
    errno = error;
    handler_go_on(&former, signal, info, context);
}

void sample_start(void) {
    if (config.sample == 0 || sigaction(SIGSEGV, NULL, &former) != 0)
        return;
    struct sigaction action = {.sa_sigaction = on_fault, .sa_mask = former.sa_mask};
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | (former.sa_flags & (SA_NODEFER | SA_RESTART));
    sigaction(SIGSEGV, &action, NULL);
}
