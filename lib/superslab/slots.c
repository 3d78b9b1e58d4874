/* SPDX-License-Identifier: MIT */
#include "slots.h"

#include "metadata.h"

#define BITS   64u
#define BLOCK  (BITS * BITS) /* slots that a word of the middle level stands for */
#define SLOTS  (SLOTS_CHUNK * SLOTS_CHUNKS)
#define BLOCKS (SLOTS / BLOCK)

/* Words of all lists for the same slots lie together: a small process touches a line or two. */
struct words {
    _Atomic uint64_t of[SLOT_LISTS]; /* atomic: by list */
};

struct chunk {
    struct words words[SLOTS_CHUNK / BITS]; /* a bit per slot */
    struct slot slots[SLOTS_CHUNK];
};

/* What a small process touches lies together, at the beginning. */
static struct {
    _Atomic uint32_t count;          /* slots ever used; grows under superslabs_lock */
    uint32_t vacant;                 /* superslabs_lock: index + 1 of the last vacated slot, or 0 */
    _Atomic uint64_t used_lists;     /* atomic: a bit per list that is not empty */
    struct words top[BLOCKS / BITS]; /* a bit per word of blocks that is not 0 */
    struct words first_block;        /* of blocks */
    struct chunk first_chunk;        /* of chunks */
    struct words blocks[BLOCKS];     /* a bit per word of a chunk that is not 0 */
    _Atomic(struct chunk *) chunks[SLOTS_CHUNKS]; /* set once each, under superslabs_lock */
} table;

uint32_t slots_count(void) {
    /* Acquire; partner: slot_take. */
    return atomic_load_explicit(&table.count, memory_order_acquire);
}

static struct chunk *chunk_of(uint32_t index) {
    if (index < SLOTS_CHUNK)
        return &table.first_chunk;
    return atomic_load_explicit(&table.chunks[index / SLOTS_CHUNK], memory_order_relaxed);
}

struct slot *slot_at(uint32_t index) {
    return &chunk_of(index)->slots[index % SLOTS_CHUNK];
}

struct slot *slot_take(uint32_t *index) {
    uint32_t used = slots_count();
    if (table.vacant != 0) {
        *index = table.vacant - 1;
        table.vacant = slot_at(*index)->next_vacant;
        return slot_at(*index);
    }
    if (used == SLOTS)
        return NULL;
    if (used >= SLOTS_CHUNK && used % SLOTS_CHUNK == 0) {
        struct chunk *chunk = metadata_take(sizeof *chunk);
        if (chunk == NULL)
            return NULL;
        atomic_store_explicit(&table.chunks[used / SLOTS_CHUNK], chunk, memory_order_relaxed);
    }
    /* Release; partner: slots_count. */
    atomic_store_explicit(&table.count, used + 1, memory_order_release);
    *index = used;
    return slot_at(used);
}

void slot_give(uint32_t index) {
    slot_at(index)->next_vacant = table.vacant;
    table.vacant = index + 1;
}

static _Atomic uint64_t *word_of(uint32_t index, unsigned list) {
    return &chunk_of(index)->words[index % SLOTS_CHUNK / BITS].of[list];
}

static _Atomic uint64_t *block_of(uint32_t index, unsigned list) {
    struct words *block = index < BLOCK ? &table.first_block : &table.blocks[index / BLOCK];
    return &block->of[list];
}

static uint64_t word_from(_Atomic uint64_t *word, uint32_t bit) {
    return atomic_load_explicit(word, memory_order_relaxed) >> bit % BITS;
}

/* Sets a bit, and says whether it is the first of its word. */
static bool bit_set(_Atomic uint64_t *word, uint32_t bit) {
    uint64_t mask = 1ul << bit % BITS;
    return atomic_fetch_or_explicit(word, mask, memory_order_relaxed) == 0;
}

/* Clears a bit, and says whether it was the last of its word. */
static bool bit_clear(_Atomic uint64_t *word, uint32_t bit) {
    uint64_t mask = 1ul << bit % BITS;
    return (atomic_fetch_and_explicit(word, ~mask, memory_order_relaxed) & ~mask) == 0;
}

static void list_top(uint32_t index, unsigned list) {
    if (bit_set(&table.top[index / BLOCK / BITS].of[list], index / BLOCK))
        (void)bit_set(&table.used_lists, list);
}

static void list_block(uint32_t index, unsigned list) {
    if (bit_set(block_of(index, list), index / BITS))
        list_top(index, list);
}

static bool is_empty(unsigned list) {
    for (unsigned i = 0; i < BLOCKS / BITS; i++)
        if (atomic_load_explicit(&table.top[i].of[list], memory_order_relaxed) != 0)
            return false;
    return true;
}

static void strike_top(uint32_t index, unsigned list) {
    if (!bit_clear(&table.top[index / BLOCK / BITS].of[list], index / BLOCK) || !is_empty(list))
        return;
    (void)bit_clear(&table.used_lists, list);
    fence_atomic_load();
    if (!is_empty(list))
        (void)bit_set(&table.used_lists, list);
}

static void strike_block(uint32_t index, unsigned list) {
    if (!bit_clear(block_of(index, list), index / BITS))
        return;
    strike_top(index, list);
    fence_atomic_load();
    if (atomic_load_explicit(block_of(index, list), memory_order_relaxed) != 0)
        list_top(index, list);
}

void slot_list(uint32_t index, unsigned list) {
    fence_atomic_load(); /* partner: the one that follows slot_strike */
    if ((word_from(word_of(index, list), index) & 1) == 0 && bit_set(word_of(index, list), index))
        list_block(index, list);
}

/* Each level is struck off as a slot is: then what is below it is looked at again. */
void slot_strike(uint32_t index, unsigned list) {
    if (bit_clear(word_of(index, list), index)) {
        strike_block(index, list);
        fence_atomic_load();
        if (atomic_load_explicit(word_of(index, list), memory_order_relaxed) != 0)
            list_block(index, list);
    }
    fence_atomic_load(); /* partner: the one in slot_list */
}

uint64_t slots_lists(void) {
    return atomic_load_explicit(&table.used_lists, memory_order_relaxed);
}

/* The first slot of the first block from block on that has one; the end of the table if there is none. */
static uint32_t block_next(unsigned list, uint32_t block) {
    while (block < BLOCKS) {
        uint64_t word = word_from(&table.top[block / BITS].of[list], block);
        if (word != 0)
            return (block + (uint32_t)__builtin_ctzl(word)) * BLOCK;
        block = (block / BITS + 1) * BITS;
    }
    return SLOTS;
}

bool slots_next(unsigned list, uint32_t *index) {
    uint32_t used = slots_count();
    while (*index < used) {
        uint64_t word = word_from(word_of(*index, list), *index);
        if (word != 0) {
            *index += (uint32_t)__builtin_ctzl(word);
            return true;
        }
        uint32_t group = *index / BITS + 1;
        word = group % BITS == 0 ? 0 : word_from(block_of(group * BITS, list), group);
        if (word != 0)
            *index = (group + (uint32_t)__builtin_ctzl(word)) * BITS;
        else
            *index = block_next(list, *index / BLOCK + 1);
    }
    return false;
}
