/* SPDX-License-Identifier: MIT
 *
 * The counters, in every form in which they are asked for. */
#include <errno.h>
#include <malloc.h>
#include <string.h>

#include "arena/arena.h"
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
    DO(used_bytes)

static uint64_t used_bytes(const struct counters *sum) {
    int64_t bytes = 0;
    for (unsigned class = 1; class < CLASSES; class ++)
        bytes += sum->used[class] * (int64_t)size_class_bytes(class);
    return bytes < 0 ? 0 : (uint64_t)bytes;
}

void fh_counters(struct fh_counts *counters) {
    struct counters sum;
    uint64_t arenas;
    memset(&sum, 0, sizeof sum);
    arena_count(&sum, &arenas);
    *counters = (struct fh_counts){
        .refills = sum.refills,
        .remote_frees = sum.remote_frees,
        .pushes = sum.pushes,
        .posts = sum.posts,
        .drains = sum.drains,
        .claims = sum.claims,
        .adoptions = sum.adoptions,
        .orphans = sum.orphans,
        .slabs_taken = sum.slabs_taken,
        .slabs_freed = sum.slabs_freed,
        .arenas_made = arenas,
        .arenas_started = sum.starts,
        .superslabs_made = superslabs_made(),
        .retirements = limbo_added(),
        .unmappings = limbo_freed(),
        .grace_periods = limbo_grace_periods(),
        .limbo_bytes = limbo_bytes(),
        .purged_bytes = purged_bytes(),
        .superslab_bytes = superslabs_now() * SUPERSLAB,
        .huge_bytes = huge_bytes(),
        .kept_bytes = region_loose_bytes() + recent_bytes(),
        .large_bytes = large_bytes() - sum.kept_runs,
        .used_bytes = used_bytes(&sum),
    };
}

void fh_malloc_stats(void) {
    struct fh_counts counters;
    fh_counters(&counters);
#define FIGURE(name) report_figure(#name, counters.name);
    EACH_COUNTER(FIGURE)
#undef FIGURE
}

/* Huge blocks are counted by what they are cut from. */
static uint64_t granules(uint64_t bytes) {
    return (bytes + GRANULE - 1) / GRANULE;
}

struct mallinfo2 fh_mallinfo2(void) {
    struct fh_counts counters;
    fh_counters(&counters);
    uint64_t used = counters.used_bytes + counters.large_bytes;
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
    return fprintf(stream, "</freehold>\n</malloc>\n") < 0 ? -1 : 0;
}

INTERPOSE(struct mallinfo2, mallinfo2, (void))
INTERPOSE(void, malloc_stats, (void))
INTERPOSE(int, malloc_info, (int, FILE *))
INTERPOSE(struct mallinfo, mallinfo, (void))
INTERPOSE_AS(struct mallinfo, __libc_mallinfo, fh_mallinfo, (void))
