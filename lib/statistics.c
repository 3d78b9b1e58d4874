/* SPDX-License-Identifier: MIT
 *
 * The counters, in every form in which they are asked for. */
#include <errno.h>
#include <malloc.h>
#include <string.h>

#include "account/account.h"
#include "account/totals.h"
#include "freehold.h"
#include "interpose.h"
#include "report.h"
#include "superslab/huge.h"
#include "superslab/large.h"
#include "superslab/limbo.h"
#include "superslab/purge.h"
#include "superslab/recent.h"
#include "superslab/region.h"
#include "superslab/size_class.h"
#include "superslab/superslab.h"

/* The fields of struct fh_counts, in its order. */
#define EACH_COUNTER(DO)                                                                                     \
    DO(refills)                                                                                              \
    DO(remote_frees)                                                                                         \
    DO(pushes)                                                                                               \
    DO(posts)                                                                                                \
    DO(drains)                                                                                               \
    DO(claims)                                                                                               \
    DO(adoptions)                                                                                            \
    DO(orphans)                                                                                              \
    DO(slabs_taken)                                                                                          \
    DO(slabs_freed)                                                                                          \
    DO(arenas_made)                                                                                          \
    DO(arenas_started)                                                                                       \
    DO(superslabs_made)                                                                                      \
    DO(retirements)                                                                                          \
    DO(unmappings)                                                                                           \
    DO(grace_periods)                                                                                        \
    DO(limbo_bytes)                                                                                          \
    DO(purged_bytes)                                                                                         \
    DO(superslab_bytes)                                                                                      \
    DO(huge_bytes)                                                                                           \
    DO(kept_bytes)                                                                                           \
    DO(large_bytes)                                                                                          \
    DO(used_bytes)                                                                                           \
    DO(calls_denied)

/* Those of struct fh_account, and of its records by class and by arena. */
#define EACH_FIGURE(DO)                                                                                      \
    DO(resident)                                                                                             \
    DO(live)                                                                                                 \
    DO(rounding)                                                                                             \
    DO(cached)                                                                                               \
    DO(in_flight)                                                                                            \
    DO(partly_used)                                                                                          \
    DO(free_units)                                                                                           \
    DO(kept)                                                                                                 \
    DO(quarantine)                                                                                           \
    DO(samples)                                                                                              \
    DO(metadata)                                                                                             \
    DO(huge_page_swell)                                                                                      \
    DO(allocated)                                                                                            \
    DO(purged)                                                                                               \
    DO(reserved)                                                                                             \
    DO(superslabs)                                                                                           \
    DO(regions)                                                                                              \
    DO(arenas)                                                                                               \
    DO(arenas_running)                                                                                       \
    DO(orphan_slabs)                                                                                         \
    DO(large_blocks)                                                                                         \
    DO(large_bytes)                                                                                          \
    DO(huge_blocks)                                                                                          \
    DO(huge_bytes)

#define EACH_CLASS_FIGURE(DO)                                                                                \
    DO(block_size)                                                                                           \
    DO(slabs)                                                                                                \
    DO(slab_bytes)                                                                                           \
    DO(blocks)                                                                                               \
    DO(used)                                                                                                 \
    DO(cached)                                                                                               \
    DO(in_flight)                                                                                            \
    DO(resident)                                                                                             \
    DO(orphan_slabs)

#define EACH_ARENA_FIGURE(DO)                                                                                \
    DO(owned)                                                                                                \
    DO(owned_free)                                                                                           \
    DO(cached)                                                                                               \
    DO(kept_runs)                                                                                            \
    DO(outbox)                                                                                               \
    DO(slabs)                                                                                                \
    DO(refills)                                                                                              \
    DO(remote_frees)                                                                                         \
    DO(drains)                                                                                               \
    DO(claims)                                                                                               \
    DO(adoptions)

void fh_counters(struct fh_counts *counters) {
    struct totals totals;
    totals_take(&totals);
    *counters = totals_counts(&totals);
}

/* An account of now; NULL with errno ENOMEM if there is no memory. */
static struct account *account_take(void) {
    int error = errno;
    struct slice slice = slice_endless();
    struct account *account = account_make(false);
    if (account == NULL)
        return NULL;
    account_begin(account);
    (void)account_walk(account, &slice);
    errno = error;
    return account;
}

int fh_stats(struct fh_account *to) {
    struct account *account = account_take();
    if (account == NULL)
        return -1;
    *to = account->sum;
    account_free(account);
    return 0;
}

static void put_classes(FILE *stream, const struct fh_live *image) {
    const char *comma = "";
    for (unsigned class = 1; class < CLASSES; class ++) {
        const struct fh_class_stats *record = image_record(image, TABLE_CLASSES, class);
        if (record->slabs == 0)
            continue;
        fprintf(stream, "%s\n{\"class\":%u", comma, class);
#define FIGURE(name) fprintf(stream, ",\"%s\":%llu", #name, (unsigned long long)record->name);
        EACH_CLASS_FIGURE(FIGURE)
#undef FIGURE
        fprintf(stream, "}");
        comma = ",";
    }
}

static void put_arenas(FILE *stream, const struct fh_live *image) {
    static const char *const states[] = {"running", "exited", "frozen", "late"};
    for (uint32_t i = 0; i < image->arenas.count; i++) {
        const struct fh_arena_stats *record = image_record(image, TABLE_ARENAS, i);
        fprintf(stream, "%s\n{\"thread_id\":%u,\"state\":\"%s\"", i == 0 ? "" : ",", record->thread_id,
                states[record->state]);
#define FIGURE(name) fprintf(stream, ",\"%s\":%llu", #name, (unsigned long long)record->name);
        EACH_ARENA_FIGURE(FIGURE)
#undef FIGURE
        fprintf(stream, "}");
    }
}

static void put_sums(FILE *stream, const struct fh_live *image) {
    const struct fh_account *sum = image_record(image, TABLE_STATS, 0);
    const struct fh_counts *counters = image_record(image, TABLE_COUNTERS, 0);
    fprintf(stream, "\"stats\":{\"took_ns\":%llu", (unsigned long long)image->took_ns);
#define FIGURE(name) fprintf(stream, ",\n\"%s\":%llu", #name, (unsigned long long)sum->name);
    EACH_FIGURE(FIGURE)
#undef FIGURE
    fprintf(stream, "},\n\"counters\":{\"version\":1");
#define FIGURE(name) fprintf(stream, ",\n\"%s\":%llu", #name, (unsigned long long)counters->name);
    EACH_COUNTER(FIGURE)
#undef FIGURE
    fprintf(stream, "}");
}

int fh_stats_json(FILE *stream) {
    struct account *account = account_take();
    if (account == NULL)
        return -1;
    fprintf(stream, "{\"schema\":\"freehold-stats-1\",\"version\":\"%s\",\"process_id\":%u,\n", fh_version(),
            account->image->process_id);
    put_sums(stream, account->image);
    fprintf(stream, ",\n\"classes\":[");
    put_classes(stream, account->image);
    fprintf(stream, "],\n\"arenas\":[");
    put_arenas(stream, account->image);
    int written = fprintf(stream, "]}\n");
    account_free(account);
    return written < 0 || ferror(stream) ? -1 : 0;
}

void fh_malloc_stats(void) {
    struct fh_counts counters;
    struct fh_account sum;
    fh_counters(&counters);
#define FIGURE(name) report_figure(#name, counters.name);
    EACH_COUNTER(FIGURE)
#undef FIGURE
    if (fh_stats(&sum) != 0)
        return;
#define FIGURE(name) report_figure(#name, sum.name);
    EACH_FIGURE(FIGURE)
#undef FIGURE
}

/* Huge blocks are counted by what they are cut from. */
static uint64_t granules(uint64_t bytes) {
    return (bytes + GRANULE - 1) / GRANULE;
}

struct mallinfo2 fh_mallinfo2(void) {
    struct totals totals;
    totals_take(&totals);
    struct fh_counts counters = totals_counts(&totals);
    uint64_t used = totals_live(&totals) + counters.large_bytes;
    return (struct mallinfo2){
        .arena = counters.superslab_bytes,
        .hblks = granules(counters.huge_bytes),
        .hblkhd = counters.huge_bytes,
        .uordblks = used,
        .fordblks = counters.superslab_bytes > used ? counters.superslab_bytes - used : 0,
        .keepcost = counters.kept_bytes,
    };
}

static int to_int(size_t number) {
    return number > INT32_MAX ? INT32_MAX : (int)number;
}

struct mallinfo fh_mallinfo(void) {
    struct mallinfo2 info = fh_mallinfo2();
    return (struct mallinfo){
        .arena = to_int(info.arena),
        .hblks = to_int(info.hblks),
        .hblkhd = to_int(info.hblkhd),
        .uordblks = to_int(info.uordblks),
        .fordblks = to_int(info.fordblks),
        .keepcost = to_int(info.keepcost),
    };
}

static void put_total(FILE *stream, const char *type, size_t count, size_t bytes) {
    fprintf(stream, "<total type=\"%s\" count=\"%zu\" size=\"%zu\"/>\n", type, count, bytes);
}

/* What a heap has of the system, in glibc's words: all of it may be written to, and there is no other. */
static void put_system(FILE *stream, size_t bytes) {
    fprintf(stream,
            "<system type=\"current\" size=\"%zu\"/>\n<system type=\"max\" size=\"%zu\"/>\n"
            "<aspace type=\"total\" size=\"%zu\"/>\n<aspace type=\"mprotect\" size=\"%zu\"/>\n",
            bytes, (size_t)superslabs_most() * SUPERSLAB, bytes, bytes);
}

/* Where the memory is. */
static void put_account(FILE *stream) {
    struct fh_account sum;
    if (fh_stats(&sum) != 0)
        return;
#define FIGURE(name)                                                                                         \
    fprintf(stream, "<memory name=\"%s\" value=\"%llu\"/>\n", #name, (unsigned long long)sum.name);
    EACH_FIGURE(FIGURE)
#undef FIGURE
}

int fh_malloc_info(int options, FILE *stream) {
    struct fh_counts counters;
    if (options != 0)
        return EINVAL;
    fh_counters(&counters);
    struct mallinfo2 info = fh_mallinfo2();
    size_t superslabs = info.arena / SUPERSLAB;
    /* One heap, for blocks move between threads; its free memory is counted by SuperSlab. */
    fprintf(stream, "<malloc version=\"1\">\n<heap nr=\"0\">\n<sizes>\n</sizes>\n");
    put_total(stream, "fast", 0, 0);
    put_total(stream, "rest", superslabs, info.fordblks);
    put_system(stream, info.arena);
    fprintf(stream, "</heap>\n");
    put_total(stream, "fast", 0, 0);
    put_total(stream, "rest", superslabs, info.fordblks);
    put_total(stream, "mmap", info.hblks, info.hblkhd);
    put_system(stream, info.arena);
    fprintf(stream, "<freehold version=\"%s\">\n", fh_version());
#define FIGURE(name)                                                                                         \
    fprintf(stream, "<counter name=\"%s\" value=\"%llu\"/>\n", #name, (unsigned long long)counters.name);
    EACH_COUNTER(FIGURE)
#undef FIGURE
    put_account(stream);
    return fprintf(stream, "</freehold>\n</malloc>\n") < 0 ? -1 : 0;
}

INTERPOSE(struct mallinfo2, mallinfo2, (void))
INTERPOSE(void, malloc_stats, (void))
INTERPOSE(int, malloc_info, (int, FILE *))
INTERPOSE(struct mallinfo, mallinfo, (void))
INTERPOSE_AS(struct mallinfo, __libc_mallinfo, fh_mallinfo, (void))
