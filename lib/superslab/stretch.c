/* SPDX-License-Identifier: MIT */
#include "stretch.h"

#include "../os.h"
#include "bits.h"
#include "call.h"

enum kind { CLEAN, DIRTY, KINDS };

/* All of it regions_lock. */
static struct {
    struct region *whole;                          /* wholly free and clean */
    uint64_t lengths[KINDS][REGION_WORDS];         /* a bit per list that is not empty */
    struct granule *first[KINDS][REGION_GRANULES]; /* the first granule of each, by length - 1 and kind */
} stretches;

static enum kind stretch_kind(const struct region *region, unsigned first, unsigned length) {
    return bit_next(region->dirty, first, true) < first + length ? DIRTY : CLEAN;
}

static bool is_whole(const struct region *region) {
    return region->left == REGION_GRANULES - region->first &&
           stretch_kind(region, region->first, region->left) == CLEAN;
}

static void whole_add(struct region *region) {
    region->since = (uint32_t)os_clock();
    region->prev = NULL;
    region->next = stretches.whole;
    if (region->next != NULL)
        region->next->prev = region;
    stretches.whole = region;
    housekeeper_wake();
}

static void whole_remove(struct region *region) {
    *(region->prev != NULL ? &region->prev->next : &stretches.whole) = region->next;
    if (region->next != NULL)
        region->next->prev = region->prev;
}

struct region *stretch_whole(void) {
    return stretches.whole;
}

struct region *stretch_whole_oldest(void) {
    struct region *region = stretches.whole;
    while (region != NULL && region->next != NULL)
        region = region->next;
    return region;
}

void stretch_add(struct region *region, unsigned first, unsigned length) {
    struct granule *head = &region->granules[first];
    enum kind kind = stretch_kind(region, first, length);
    struct granule **list = &stretches.first[kind][length - 1];
    head->length = (uint16_t)length;
    head->prev = NULL;
    head->next = *list;
    if (head->next != NULL)
        head->next->prev = head;
    *list = head;
    bit_set(stretches.lengths[kind], length - 1, true);
    if (length == REGION_GRANULES - region->first && kind == CLEAN)
        whole_add(region);
}

void stretch_remove(struct granule *head) {
    struct region *region = region_of(head);
    enum kind kind = stretch_kind(region, head->index, head->length);
    struct granule **list = &stretches.first[kind][head->length - 1];
    *(head->prev != NULL ? &head->prev->next : list) = head->next;
    if (head->next != NULL)
        head->next->prev = head->prev;
    if (*list == NULL)
        bit_set(stretches.lengths[kind], head->length - 1, false);
    if (is_whole(region))
        whole_remove(region);
}

struct granule *stretch_around(const struct granule *granule) {
    struct region *region = region_of(granule);
    return &region->granules[bit_first(region->free, granule->index)];
}

void stretch_join(struct region *region, unsigned *first, unsigned *length) {
    unsigned end = *first + *length;
    if (*first > 0 && bit_get(region->free, *first - 1))
        *first = bit_first(region->free, *first - 1);
    if (end < REGION_GRANULES && bit_get(region->free, end)) {
        stretch_remove(&region->granules[end]);
        end += region->granules[end].length;
    }
    if (bit_get(region->free, *first))
        stretch_remove(&region->granules[*first]);
    *length = end - *first;
}

struct granule *stretch_find(unsigned length) {
    for (unsigned kind = KINDS; kind-- > 0;) {
        unsigned found = bit_next(stretches.lengths[kind], length - 1, true);
        if (found < REGION_GRANULES)
            return stretches.first[kind][found];
    }
    return NULL;
}
