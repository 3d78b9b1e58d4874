/* SPDX-License-Identifier: MIT */
#include "move.h"

#include "../lock.h"

/* All of it regions_lock. */
static struct {
    uint32_t edges, last; /* places where the kernel's mapping changes by a move; the last move */
} moves;

/* Counts the edges beside it: its neighbours' mappings merge with its own if
 * they have the same. */
void move_set(struct granule *granule, uint32_t move) {
    struct region *region = region_of(granule);
    for (int side = -1; side <= 1; side += 2) {
        unsigned neighbour = granule->index + (unsigned)side;
        if (neighbour < region->first || neighbour >= REGION_GRANULES)
            continue;
        uint32_t other = region->granules[neighbour].move;
        moves.edges += (other != move) - (other != granule->move);
    }
    granule->move = move;
}

bool region_may_move(void) {
    lock_take(&regions_lock);
    bool may_move = moves.edges + 2 <= MOVE_EDGES;
    lock_give(&regions_lock);
    return may_move;
}

void region_moved(const struct granules *from, const struct granules *to, size_t length) {
    lock_take(&regions_lock);
    for (unsigned i = 0; from->region != NULL && i < from->count; i++) {
        struct granule *granule = &from->region->granules[from->first + i];
        granule_set(granule, GRANULE_USED, granule->used, granule->dirty & ~granule->used);
    }
    moves.last++;
    for (unsigned i = 0; to->region != NULL && i < granules_for(length); i++)
        move_set(&to->region->granules[to->first + i], moves.last);
    lock_give(&regions_lock);
}
