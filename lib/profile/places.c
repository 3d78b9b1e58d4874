/* SPDX-License-Identifier: MIT */
#include "places.h"

#include "../os.h"
#include "../superslab/size_class.h"
#include "table.h"

#define BLOCKS_MOST (UNIT / GRAIN) /* of a unit */
#define IS_FREE     (1u << 31)     /* in place of a number: the next free block, + 1, follows */

/* A unit. In the list of its class while it has a free block; of none while it is in no class. */
struct place {
    uint32_t used;       /* live blocks */
    uint32_t carved;     /* blocks that have ever been live since it was given its class */
    uint32_t free;       /* the first free one of these, + 1 */
    uint32_t next, prev; /* places + 1 */
    uint8_t class;
};

static struct {
    struct table blocks, numbers, places;
    _Atomic(char *)
        base;       /* atomic: of the blocks; NULL before there are any. Release; partner: places_have */
    size_t length;  /* constant once there is a base */
    uint32_t count; /* units that were ever used */
    uint32_t empty; /* the first of those without a class, + 1 */
    uint32_t first[CLASSES]; /* the first with a free block, + 1 */
    bool is_refused;
} pool;

static struct place *place_at(uint32_t number) {
    return (struct place *)pool.places.base + number;
}

static uint32_t *numbers_of(uint32_t place) {
    return (uint32_t *)pool.numbers.base + (size_t)place * BLOCKS_MOST;
}

static bool pool_make(void) {
    if (pool.is_refused || !table_make(&pool.blocks, PLACES_BYTES, 16 * UNIT))
        return false;
    size_t units = pool.blocks.length / UNIT;
    size_t numbers = units * BLOCKS_MOST * sizeof(uint32_t);
    size_t places = (units * sizeof(struct place) + UNIT - 1) & ~(UNIT - 1);
    if (!table_make(&pool.numbers, numbers, numbers) || !table_make(&pool.places, places, places)) {
        pool.is_refused = true;
        return false;
    }
    pool.length = pool.blocks.length;
    atomic_store_explicit(&pool.base, pool.blocks.base, memory_order_release);
    return true;
}

static void list_add(struct place *place, uint32_t number) {
    uint32_t *first = &pool.first[place->class];
    place->next = *first;
    place->prev = 0;
    if (*first != 0)
        place_at(*first - 1)->prev = number + 1;
    *first = number + 1;
}

static void list_remove(const struct place *place) {
    if (place->next != 0)
        place_at(place->next - 1)->prev = place->prev;
    *(place->prev == 0 ? &pool.first[place->class] : &place_at(place->prev - 1)->next) = place->next;
}

/* A unit for a class, in its list; its number + 1, or 0. */
static uint32_t unit_take(unsigned class) {
    uint32_t number = pool.empty;
    if (number != 0)
        pool.empty = place_at(number - 1)->next;
    else {
        size_t count = pool.count + 1ul;
        if (!table_reach(&pool.blocks, count * UNIT) ||
            !table_reach(&pool.numbers, count * BLOCKS_MOST * sizeof(uint32_t)) ||
            !table_reach(&pool.places, count * sizeof(struct place)))
            return 0;
        number = ++pool.count;
    }
    struct place *place = place_at(number - 1);
    *place = (struct place){.class = (uint8_t) class};
    list_add(place, number - 1);
    return number;
}

static void unit_give(struct place *place, uint32_t number) {
    list_remove(place);
    place->class = CLASS_NONE;
    place->next = pool.empty;
    pool.empty = number + 1;
    (void)os_purge(pool.blocks.base + (size_t)number * UNIT, UNIT);
}

static uint32_t capacity(unsigned class) {
    return (uint32_t)(UNIT / size_class_bytes(class));
}

void *places_take(unsigned class, uint32_t number) {
    if (atomic_load_explicit(&pool.base, memory_order_relaxed) == NULL && !pool_make())
        return NULL;
    uint32_t unit = pool.first[class] != 0 ? pool.first[class] : unit_take(class);
    if (unit == 0)
        return NULL;
    struct place *place = place_at(--unit);
    uint32_t *numbers = numbers_of(unit), index;
    if (place->free != 0) {
        index = place->free - 1;
        place->free = numbers[index] & ~IS_FREE;
    } else
        index = place->carved++;
    numbers[index] = number;
    place->used++;
    if (place->free == 0 && place->carved == capacity(class))
        list_remove(place);
    return pool.blocks.base + (size_t)unit * UNIT + index * size_class_bytes(class);
}

void places_give(const void *block) {
    size_t offset = (size_t)((const char *)block - pool.blocks.base);
    uint32_t unit = (uint32_t)(offset / UNIT);
    struct place *place = place_at(unit);
    uint32_t index = (uint32_t)(offset % UNIT / size_class_bytes(place->class));
    if (place->free == 0 && place->carved == capacity(place->class))
        list_add(place, unit);
    numbers_of(unit)[index] = IS_FREE | place->free;
    place->free = index + 1;
    place->used--;
    if (place->used == 0 && (place->next != 0 || place->prev != 0))
        unit_give(place, unit);
}

bool places_have(const void *address) {
    const char *base = atomic_load_explicit(&pool.base, memory_order_acquire);
    return base != NULL && (uintptr_t)address - (uintptr_t)base < pool.length;
}

unsigned places_class(const void *address) {
    size_t unit = (size_t)((const char *)address - pool.blocks.base) / UNIT;
    return unit < pool.count ? place_at((uint32_t)unit)->class : CLASS_NONE;
}

enum place_state places_look(const void *address, uint32_t *number) {
    unsigned class = places_class(address);
    size_t offset = (size_t)((const char *)address - pool.blocks.base);
    if (class == CLASS_NONE)
        return PLACE_NEVER;
    size_t size = size_class_bytes(class), index = offset % UNIT / size;
    if (offset % UNIT % size != 0 || index >= capacity(class))
        return PLACE_INSIDE;
    uint32_t unit = (uint32_t)(offset / UNIT);
    if (index >= place_at(unit)->carved)
        return PLACE_NEVER;
    *number = numbers_of(unit)[index];
    return (*number & IS_FREE) != 0 ? PLACE_FREED : PLACE_LIVE;
}

void places_visit(void (*visit)(void *context, const void *base, size_t length), void *context,
                  bool is_of_blocks) {
    if (is_of_blocks && pool.blocks.open != 0)
        visit(context, pool.blocks.base, pool.blocks.open);
    if (!is_of_blocks && pool.numbers.open != 0) {
        visit(context, pool.numbers.base, pool.numbers.open);
        visit(context, pool.places.base, pool.places.open);
    }
}
