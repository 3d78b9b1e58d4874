/* SPDX-License-Identifier: MIT */
#include "account.h"

#include <string.h>

#include "../arena/arenas.h"
#include "../arena/runs.h"
#include "../config.h"
#include "../os.h"
#include "../profile/profiled.h"
#include "../remote/outbox.h"
#include "../sample.h"
#include "../superslab/call.h"
#include "../superslab/metadata.h"
#include "../superslab/registry.h"
#include "../superslab/size_class.h"
#include "../superslab/slots.h"
#include "granules.h"
#include "residency.h"
#include "superslabs.h"
#include "totals.h"

#define ROOT_LENGTH (1u << ROOT_BITS)
#define LEAVES_ONCE 4096u /* entries of the root that are looked at in one step */

static_assert(sizeof registry.root <= FOOTPRINT_MOST, "a footprint holds the root");
static_assert(sizeof registry.empty.slabs <= FOOTPRINT_MOST, "and what a leaf has of slabs");

static size_t image_offset(void) {
    return (sizeof(struct account) + UNIT - 1) & ~(UNIT - 1);
}

struct account *account_make(bool has_maps) {
    size_t length = image_offset() + image_length(has_maps);
    struct account *account = os_reserve(length, UNIT);
    if (account == NULL)
        return NULL;
    account->length = length;
    account->page = os_page();
    account->page_shift = (unsigned)__builtin_ctzl(account->page);
    account->image = (struct fh_live *)((char *)account + image_offset());
    image_make(account->image, has_maps);
    return account;
}

void account_free(struct account *account) {
    os_unmap(account, account->length);
}

/* A record for each size class, and for each arena that there is. */
void account_begin(struct account *account) {
    struct fh_live *image = account->image;
    size_t kept = offsetof(struct account, phase), end = offsetof(struct account, view);
    memset((char *)account + kept, 0, end - kept);
    account->had_zeros = account->has_zeros;
    account->has_zeros = false;
    image_clear(image);
    for (unsigned class = 0; class < CLASSES; class ++) {
        struct fh_class_stats *record = image_add(image, TABLE_CLASSES);
        record->block_size = class == CLASS_NONE ? 0 : (uint32_t)size_class_bytes(class);
    }
    for (uint32_t i = 0, count = arenas_first()->index + 1; i < count; i++)
        (void)image_add(image, TABLE_ARENAS);
}

static void take_up(struct account *account, enum account_phase phase) {
    account->phase = phase;
    account->next = phase == PHASE_REGIONS ? REGION_GRANULES : 0;
}

static void step_superslabs(struct account *account) {
    if (account->next < slots_count())
        account_superslab(account, account->next++);
    else
        take_up(account, PHASE_REGIONS);
}

static void step_regions(struct account *account) {
    if (account->next < REGION_GRANULES)
        account_granule(account, account->next++);
    else if (region_next(account->last, &account->view)) {
        account_region(account);
        account->last = account->view.base;
        account->next = account->view.first;
    } else
        take_up(account, PHASE_HUGE);
}

static void step_huge(struct account *account) {
    struct footprint footprint;
    footprint_look(&footprint, account->page, registry.root, sizeof registry.root);
    for (unsigned i = 0; i < LEAVES_ONCE && account->next < ROOT_LENGTH; i++, account->next++)
        if (footprint_has(&footprint, account->page, &registry.root[account->next]))
            account_leaf(account, account->next);
    if (account->next == ROOT_LENGTH)
        take_up(account, PHASE_SUM);
}

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

#define READ(counter) atomic_load_explicit(&(counter), memory_order_relaxed)

static void record_arena(struct account *account, const struct arena *arena) {
    const struct counters *counters = &arena->counters;
    struct fh_arena_stats *record = image_record(account->image, TABLE_ARENAS, arena->index);
    uint32_t state = READ(arena->state);
    account->sum.arenas++;
    account->sum.arenas_running += state == ARENA_RUNNING && arena != &late_arena;
    if (record == NULL)
        return;
    record->thread_id = READ(arena->thread_id);
    record->state = arena == &late_arena ? FH_ARENA_LATE : state;
    record->cached = totals_cached(counters);
    record->kept_runs = runs_kept(arena);
    record->outbox = outbox_bytes(arena);
    record->refills = READ(counters->refills);
    record->remote_frees = READ(counters->remote_frees);
    record->drains = READ(counters->drains);
    record->claims = READ(counters->claims);
    record->adoptions = READ(counters->adoptions);
}

/* Takes what is cached and in flight out of what is used, by class. */
static void sum_class(struct account *account, const struct counters *counters, unsigned class) {
    struct fh_class_stats *record = image_record(account->image, TABLE_CLASSES, class);
    int64_t queued = READ(counters->queued[class]);
    queued = queued < 0 ? 0 : queued;
    record->in_flight = least((uint64_t)queued, record->used);
    record->cached = least(READ(counters->cached[class]), record->used - record->in_flight);
    uint64_t live = record->used - record->in_flight - record->cached;
    account->sum.allocated += live * record->block_size;
    if (record->used == 0)
        return;
    uint64_t bytes = account->used_of[class];
    uint64_t cached = bytes * record->cached / record->used,
             in_flight = bytes * record->in_flight / record->used;
    account->sum.cached += cached;
    account->sum.in_flight += in_flight;
    account->sum.live += bytes - cached - in_flight;
}

/* Moves bytes from what is live, and allocated, to another cause. */
static void move(struct account *account, uint64_t *to, uint64_t bytes) {
    uint64_t moved = least(bytes, account->sum.live);
    *to += moved;
    account->sum.live -= moved;
    account->sum.allocated -= least(bytes, account->sum.allocated);
}

static void visit_metadata(void *context, const void *base, size_t length) {
    struct account *account = context;
    account->sum.metadata += residency_bytes(account, base, length);
}

static void visit_samples(void *context, const void *base, size_t length) {
    struct account *account = context;
    account->sum.samples += residency_bytes(account, base, length);
}

static void sum_metadata(struct account *account) {
    metadata_visit(visit_metadata, account);
    visit_metadata(account, &registry, sizeof registry);
    visit_metadata(account, account, account->length);
    sample_visit(visit_metadata, account, false);
    sample_visit(visit_samples, account, true);
    profiled_visit(visit_metadata, account, false);
    profiled_visit(visit_samples, account, true);
}

static void sum_up(struct account *account) {
    struct fh_account *sum = &account->sum;
    struct totals totals;
    memset(&totals, 0, sizeof totals);
    arena_settle();
    for (const struct arena *arena = arenas_first(); arena != NULL; arena = arena->next) {
        arena_count(&totals, arena);
        record_arena(account, arena);
    }
    *(struct fh_counts *)image_add(account->image, TABLE_COUNTERS) = totals_counts(&totals);
    uint64_t huge = sum->live;
    sum->live = 0;
    for (unsigned class = 1; class < CLASSES; class ++)
        sum_class(account, &totals.counters, class);
    move(account, &sum->in_flight, totals.outboxes);
    move(account, &sum->quarantine, totals.counters.quarantined);
    sum->live += huge + account->runs;
    sum->cached += account->kept_runs;
    sum->allocated += sum->large_bytes + sum->huge_bytes;
    sum_metadata(account);
    sum->resident = sum->live + sum->rounding + sum->cached + sum->in_flight + sum->partly_used +
                    sum->free_units + sum->kept + sum->quarantine + sum->samples + sum->metadata +
                    sum->huge_page_swell;
}

static void finish(struct account *account) {
    struct fh_live *image = account->image;
    sum_up(account);
    *(struct fh_account *)image_add(image, TABLE_STATS) = account->sum;
    image->process_id = os_process();
    image->has_housekeeper = housekeeper_works();
    image->page_bytes = (uint32_t)account->page;
    image->decay_ms = config.decay;
    image->limit_bytes = (uint64_t)config.limit << 20;
    image->guard = config.guard;
    image->written_ns = os_fine_clock();
    account->phase = PHASE_DONE;
}

bool account_walk(struct account *account, const struct slice *slice) {
    static void (*const steps[])(struct account * account) = {
        [PHASE_SUPERSLABS] = step_superslabs,
        [PHASE_REGIONS] = step_regions,
        [PHASE_HUGE] = step_huge,
        [PHASE_SUM] = finish,
    };
    uint64_t began = os_fine_clock();
    while (account->phase != PHASE_DONE) {
        steps[account->phase](account);
        if (slice_is_over(slice))
            break;
    }
    account->took += os_fine_clock() - began;
    account->image->took_ns = account->took;
    return account->phase == PHASE_DONE;
}
