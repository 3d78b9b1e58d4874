/* SPDX-License-Identifier: MIT */
#include "sites.h"

#include <string.h>

#include "table.h"

#define SITE_GRAIN 16u /* bytes: numbers of sites count these */

/* Sites are never moved and never leave. */
static struct {
    struct table table;
    size_t used;                 /* bytes; the first grain is none's, so that 0 is no site */
    uint32_t heads[SITES_HEADS]; /* the first of each part of the table */
} sites;

struct site *sites_at(uint32_t number) {
    return (struct site *)(sites.table.base + (size_t)number * SITE_GRAIN);
}

size_t site_bytes(const struct site *site) {
    size_t bytes = sizeof *site + site->depth * sizeof site->frames[0];
    return (bytes + SITE_GRAIN - 1) & ~((size_t)SITE_GRAIN - 1);
}

static uint32_t hash_of(const void *const *frames, uint32_t depth) {
    uint64_t hash = depth;
    for (uint32_t i = 0; i < depth; i++)
        hash = (hash ^ (uintptr_t)frames[i]) * 0x9e3779b97f4a7c15ul ^ hash >> 29;
    return (uint32_t)(hash >> 32);
}

static struct site *make(const void *const *frames, uint32_t depth, uint32_t hash) {
    struct site blank = {.depth = depth};
    size_t bytes = site_bytes(&blank);
    if (sites.table.base == NULL) {
        if (!table_make(&sites.table, SITES_BYTES, UNIT))
            return NULL;
        sites.used = SITE_GRAIN;
    }
    if (!table_reach(&sites.table, sites.used + bytes))
        return NULL;
    uint32_t number = (uint32_t)(sites.used / SITE_GRAIN);
    struct site *site = sites_at(number);
    sites.used += bytes;
    *site = (struct site){.next = sites.heads[hash % SITES_HEADS], .hash = hash, .depth = depth};
    site->number = number;
    memcpy(site->frames, frames, depth * sizeof frames[0]);
    sites.heads[hash % SITES_HEADS] = number;
    return site;
}

struct site *sites_find(const void *const *frames, uint32_t depth) {
    uint32_t hash = hash_of(frames, depth);
    for (uint32_t at = sites.heads[hash % SITES_HEADS]; at != 0; at = sites_at(at)->next) {
        struct site *site = sites_at(at);
        bool is_it = site->hash == hash && site->depth == depth;
        for (uint32_t i = 0; is_it && i < depth; i++)
            is_it = site->frames[i] == frames[i];
        if (is_it)
            return site;
    }
    return make(frames, depth, hash);
}

void estimate_add(struct estimate *estimate, size_t size, double weight) {
    double bytes = (double)size;
    estimate->count += weight;
    estimate->bytes += bytes * weight;
    estimate->variance += bytes * bytes * weight * (weight - 1);
    estimate->samples++;
}

/* What rounding has left of a sum is nothing when nothing is left. */
void estimate_remove(struct estimate *estimate, size_t size, double weight) {
    double bytes = (double)size;
    estimate->count -= weight;
    estimate->bytes -= bytes * weight;
    estimate->variance -= bytes * bytes * weight * (weight - 1);
    if (--estimate->samples == 0)
        *estimate = (struct estimate){0};
}

const char *sites_first(size_t *length) {
    *length = sites.used == 0 ? 0 : sites.used - SITE_GRAIN;
    return sites.table.base + SITE_GRAIN;
}

void sites_visit(void (*visit)(void *context, const void *base, size_t length), void *context) {
    if (sites.table.open != 0)
        visit(context, sites.table.base, sites.table.open);
}
