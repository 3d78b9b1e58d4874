/* SPDX-License-Identifier: MIT */
#include "image.h"

#include <string.h>

#include "../types.h"

#define LINE_UP(bytes, line) (((bytes) + (line)-1) & ~((size_t)(line)-1))

static const struct {
    size_t record;
    uint32_t most;
} tables[TABLES] = {
    [TABLE_COUNTERS] = {sizeof(struct fh_counts), 1},
    [TABLE_STATS] = {sizeof(struct fh_account), 1},
    [TABLE_CLASSES] = {sizeof(struct fh_class_stats), CLASSES},
    [TABLE_ARENAS] = {sizeof(struct fh_arena_stats), ACCOUNT_ARENAS},
    [TABLE_REGIONS] = {sizeof(struct fh_live_region), ACCOUNT_REGIONS},
    [TABLE_HUGE] = {sizeof(struct fh_live_huge), ACCOUNT_HUGE},
    [TABLE_SUPERSLABS] = {sizeof(struct fh_live_superslab), ACCOUNT_SUPERSLABS},
};

static bool is_map(unsigned table) {
    return table >= TABLE_REGIONS;
}

static struct fh_live_table *table_of(const struct fh_live *image, unsigned table) {
    return (struct fh_live_table *)((uintptr_t)image + offsetof(struct fh_live, counters)) + table;
}

/* Where a table begins; that of one behind the last is the length of all. */
static size_t offset_of(unsigned table) {
    size_t offset = LINE_UP(sizeof(struct fh_live), CACHE_LINE);
    for (unsigned i = 0; i < table; i++)
        offset = LINE_UP(offset + tables[i].record * tables[i].most, CACHE_LINE);
    return offset;
}

size_t image_length(bool has_maps) {
    return LINE_UP(offset_of(has_maps ? TABLES : TABLE_REGIONS), UNIT);
}

void image_make(struct fh_live *image, bool has_maps) {
    memcpy(image->magic, FH_LIVE_MAGIC, sizeof image->magic);
    image->version = FH_LIVE_VERSION;
    image->header = sizeof *image;
    image->length = image_length(has_maps);
    image->unit_bytes = UNIT;
    image->granule_bytes = GRANULE;
    for (unsigned i = 0; i < TABLES; i++)
        *table_of(image, i) = (struct fh_live_table){.offset = is_map(i) && !has_maps ? 0 : offset_of(i),
                                                     .record = (uint32_t)tables[i].record};
}

void image_clear(struct fh_live *image) {
    for (unsigned i = 0; i < TABLES; i++) {
        struct fh_live_table *table = table_of(image, i);
        table->count = 0;
        table->total = 0;
    }
}

void *image_record(const struct fh_live *image, enum image_table table, uint32_t index) {
    const struct fh_live_table *of = table_of(image, table);
    return index < of->count ? (char *)(uintptr_t)image + of->offset + (size_t)index * of->record : NULL;
}

void *image_add(struct fh_live *image, enum image_table table) {
    struct fh_live_table *of = table_of(image, table);
    of->total++;
    if (of->offset == 0 || of->count == tables[table].most)
        return NULL;
    void *record = image_record(image, table, of->count++);
    return memset(record, 0, of->record);
}

void image_copy(struct fh_live *to, const struct fh_live *from) {
    static_assert(offsetof(struct fh_live, wanted) > offsetof(struct fh_live, written_ns), "copied in parts");
    static_assert(offsetof(struct fh_live, page_bytes) > offsetof(struct fh_live, purge_done), "likewise");
    static_assert(offsetof(struct fh_live, profile_wanted) > offsetof(struct fh_live, superslabs),
                  "likewise");
    const size_t second = offsetof(struct fh_live, page_bytes);
    memcpy(&to->written_ns, &from->written_ns,
           offsetof(struct fh_live, wanted) - offsetof(struct fh_live, written_ns));
    memcpy(&to->page_bytes, &from->page_bytes, offsetof(struct fh_live, profile_wanted) - second);
    for (unsigned i = 0; i < TABLES; i++) {
        const struct fh_live_table *table = table_of(from, i);
        if (table->count != 0)
            memcpy((char *)to + table->offset, (const char *)from + table->offset,
                   (size_t)table->count * table->record);
    }
}
