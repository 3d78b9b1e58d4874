/* SPDX-License-Identifier: MIT */
#include "huge.h"

#include <errno.h>

#include "../config.h"
#include "../os.h"
#include "../profile/profiled.h"
#include "closed.h"
#include "excess.h"
#include "move.h"
#include "place.h"
#include "recent.h"
#include "region.h"
#include "registry.h"
#include "space.h"

static _Atomic bool cannot_move; /* the kernel does not move pages */

static size_t round_up(size_t size, size_t unit) {
    return (size + unit - 1) & ~(unit - 1);
}

void *huge_take(size_t size, size_t alignment, bool *zero) {
    size_t length = round_up(size, UNIT);
    recent_flush();
    struct huge *huge = huge_describe();
    if (huge == NULL)
        return NULL;
    if (!place_take(huge, length, alignment < GRANULE ? GRANULE : alignment, zero)) {
        huge_forget(huge);
        return NULL;
    }
    char *base = huge->base;
    placed_add(length);
    /* Release; partner: huge_give. */
    atomic_store_explicit(&huge->slab.owner, OWNER_HUGE, memory_order_release);
    place_register(base, length, &huge->slab);
    excess_leave();
    return base;
}

void *huge_take_recent(size_t size) {
    struct huge *huge = recent_take(round_up(size, UNIT));
    if (huge == NULL)
        return NULL;
    /* Release; partner: huge_give. */
    atomic_store_explicit(&huge->slab.owner, OWNER_HUGE, memory_order_release);
    return huge->base;
}

void huge_unprofile(struct huge *huge) {
    uint32_t number = huge->profiled;
    if (likely(number == 0))
        return;
    huge->profiled = 0;
    profiled_end(number);
}

static bool keep(struct huge *huge) {
    if (unlikely(config.guard >= 2))
        return closed_keep(huge);
    return excess_allows(huge->length) && recent_keep(huge);
}

/* A huge block is never looked into but by its user, and its descriptor is recycled as one: so there is
 * nothing to wait for. */
bool huge_give(struct huge *huge) {
    struct arena *owner = OWNER_HUGE;
    if (!atomic_compare_exchange_strong_explicit(&huge->slab.owner, &owner, OWNER_FREE, memory_order_acquire,
                                                 memory_order_relaxed))
        return false;
    huge_unprofile(huge);
    if (!keep(huge))
        huge_release(huge);
    excess_leave();
    return true;
}

/* EFAULT is of this block alone: its place is of several of the kernel's mappings, and kernels before 6.17
 * move but one. A failure may have left a hole at the target, of the length that was to be moved; if somebody
 * else has filled it meanwhile, the target is left alone for good. */
static void move_failed(const struct huge *to, size_t length, int error) {
    if (error != EFAULT)
        atomic_store_explicit(&cannot_move, true, memory_order_relaxed);
    if (os_is_denied(error) || os_map_at(to->base, length))
        place_give(to);
}

/* The block at a new address, its pages moved there. */
static bool huge_move(struct huge *huge, size_t length) {
    struct huge from = *huge, to;
    bool zero, is_alone = from.granules.region == NULL;
    if (atomic_load_explicit(&cannot_move, memory_order_relaxed) || !region_may_move() ||
        !place_take(&to, length, GRANULE, &zero))
        return false;
    if (is_alone) /* before it is unmapped, for whoever maps it next registers there */
        place_register(from.base, from.length, NULL);
    int error = os_move(from.base, from.length, to.base, !is_alone);
    if (error != 0) {
        place_register(from.base, from.length, &huge->slab);
        move_failed(&to, from.length, error);
        return false;
    }
    region_moved(&from.granules, &to.granules, from.length);
    huge->base = to.base;
    huge->granules = to.granules;
    if (is_alone)
        space_give(from.length);
    else
        place_give(&from);
    return true;
}

static bool mapping_grow(const struct huge *huge, size_t length) {
    size_t more = length - huge->length;
    if (!space_take(more))
        return false;
    if (registry_prepare(huge->base, length) && os_resize(huge->base, huge->length, length))
        return true;
    space_give(more);
    return false;
}

static bool huge_grow(struct huge *huge, size_t length) {
    bool is_alone = huge->granules.region == NULL;
    recent_flush();
    bool in_place =
        is_alone ? mapping_grow(huge, length) : length <= HUGE_MAX && region_extend(&huge->granules, length);
    return in_place || huge_move(huge, length);
}

static bool huge_shrink(struct huge *huge, size_t length) {
    size_t end = round_up(length, GRANULE), before = huge->length;
    if (end < before && huge->granules.region != NULL)
        place_register_freed(huge->base + end, before - end);
    else if (end < before)
        place_register(huge->base + end, before - end, NULL);
    if (huge->granules.region != NULL)
        region_shorten(&huge->granules, length);
    else if (os_unmap(huge->base + length, before - length))
        space_give(before - length);
    else
        return false;
    return true;
}

void *huge_resize(struct huge *huge, size_t size) {
    size_t length = round_up(size, UNIT), before = huge->length;
    if (length > before ? !huge_grow(huge, length) : length < before && !huge_shrink(huge, length))
        return NULL;
    huge->length = length;
    place_register(huge->base, length, &huge->slab);
    placed_add(length - before);
    excess_leave();
    return huge->base;
}
