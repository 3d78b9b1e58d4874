/* SPDX-License-Identifier: MIT */
#include "layout.h"

#include "require.h"
#include "superslab/large.h"
#include "superslab/slab.h"
#include "superslab/superslab.h"
#include "superslab/units.h"

#define UNITS_MOST 4096

static struct slab *taken[UNITS_MOST];
static size_t count;

void layout_start(void) {
    for (struct slab *slab; (slab = units_take_existing(1, 1, true).slab) != NULL;) {
        require(count < UNITS_MOST);
        slab->units = 1;
        taken[count++] = slab;
    }
}

void layout_end(void) {
    while (count > 0) {
        count--;
        units_give(taken[count], 0, taken[count]->units);
    }
}

struct slab *take_units(unsigned length, unsigned alignment, bool low, bool *zero) {
    struct taken units = units_take(length, alignment, low);
    require(units.slab != NULL);
    units.slab->units = (uint8_t)length;
    *zero = units.zero;
    return units.slab;
}

struct superslab *superslab_make_empty(void) {
    bool zero;
    layout_start();
    struct slab *slab = take_units(1, 1, true, &zero);
    units_give(slab, 0, slab->units);
    layout_end();
    return superslab_of(slab);
}

struct slot *slot_of_slab(const struct slab *slab) {
    return slot_at(superslab_of(slab)->slot);
}

void slab_give_up(struct slab *slab) {
    slab_close(slab);
    slab_give_units(slab);
}

bool large_give_up(struct slab *slab) {
    if (!large_end(slab))
        return false;
    large_release(slab);
    return true;
}

struct block *slab_take_one(struct slab *slab) {
    struct block *block = slab_take(slab, 1, 1).first;
    block->mark = 0; /* as malloc does */
    return block;
}
