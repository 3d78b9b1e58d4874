/* SPDX-License-Identifier: MIT */
#include "verdict.h"

#include "../profile/profiled.h"
#include "../report.h"
#include "../sample.h"
#include "huge.h"
#include "large.h"
#include "size_class.h"
#include "slab.h"

#define ADVICE_FREED                                                                                         \
    "Look for two owners of this block; FREEHOLD_GUARD=2 keeps blocks apart for longer after they were "     \
    "freed."
#define ADVICE_ADDRESS "Use what malloc returned."
#define ADVICE_WRITE                                                                                         \
    "Look at what writes to this block; a watchpoint, valgrind or AddressSanitizer shows the write itself."

/* The huge block that an address is inside of, or NULL. */
static struct slab *huge_around(const void *address) {
    struct slab *slab = registry_find((const void *)((uintptr_t)address & ~(GRANULE - 1)));
    if (slab == NULL || atomic_load_explicit(&slab->owner, memory_order_relaxed) != OWNER_HUGE)
        return NULL;
    const struct huge *huge = huge_of(slab);
    return (size_t)((const char *)address - huge->base) < huge->length ? slab : NULL;
}

static void describe_mapped(struct misuse *misuse, struct slab *slab, const struct arena *owner) {
    misuse->block = owner == OWNER_LARGE ? large_start(slab) : huge_of(slab)->base;
    misuse->size = owner == OWNER_LARGE ? large_size(slab) : huge_of(slab)->length;
}

/* What is wrong with an address in a slab of small blocks. */
static void judge_small(struct misuse *misuse, const struct slab *slab) {
    struct entry entry = registry_entry(misuse->address);
    const char *start = slab->start;
    size_t offset = (size_t)((const char *)misuse->address - start);
    misuse->slab = slab;
    misuse->advice = ADVICE_ADDRESS;
    if ((const char *)misuse->address < start || offset >= (size_t)slab->capacity * slab->block_size) {
        misuse->what = "between the blocks of a slab";
        return;
    }
    const struct block *block = (const struct block *)(start + offset / slab->block_size * slab->block_size);
    misuse->block = block;
    misuse->size = slab->block_size;
    if (entry_position(entry, slab->class, block) >= entry_limit(entry))
        misuse->state = "never allocated";
    else
        misuse->state = block->mark == block_mark(entry, block) ? "free" : "live";
    if (block != misuse->address)
        misuse->what = "inside a block, not its start";
    else if (misuse->state[0] == 'n')
        misuse->what = "never allocated";
    else {
        misuse->what = "already freed";
        misuse->state = "free";
        misuse->advice = ADVICE_FREED;
    }
}

static void judge(struct misuse *misuse) {
    struct slab *slab = registry_find(misuse->address);
    if (slab == NULL)
        slab = huge_around(misuse->address);
    if (slab == NULL && (sample_judge(misuse) || profiled_judge(misuse)))
        return;
    if (slab == NULL) {
        misuse->what = "not a block of this allocator: it is of the stack, static, mapped, of another "
                       "allocator, or was freed long ago";
        misuse->advice = ADVICE_ADDRESS;
        return;
    }
    const struct arena *owner = atomic_load_explicit(&slab->owner, memory_order_relaxed);
    if (owner == OWNER_FREE) {
        misuse->what = "already freed, or never allocated";
        misuse->advice = "Look for two owners of the block.";
    } else if (owner == OWNER_LARGE || owner == OWNER_HUGE) {
        misuse->what = "inside a block, not its start";
        misuse->advice = ADVICE_ADDRESS;
        misuse->state = "live";
        describe_mapped(misuse, slab, owner);
    } else
        judge_small(misuse, slab);
}

cold void verdict_damage(const char *call, const void *block, enum damage damage, const void *site) {
    static const struct {
        const char *what, *state, *advice;
    } texts[] = {
        [WRITTEN_BEYOND] = {"written beyond its end, or before the block behind it", "live", ADVICE_WRITE},
        [WRITTEN_BEFORE] = {"written before its start, or beyond the block before it", "live", ADVICE_WRITE},
        [WRITTEN_AFTER_FREE] = {"written to after it was freed", "free", ADVICE_WRITE},
        [FREED_WITH_SIZE] = {"freed with another size than it was allocated with", "live",
                             "Look at the type with which it is freed."},
        [FREED_WITH_ALIGNMENT] = {"freed as aligned to more than it is", "live",
                                  "Look at the type with which it is freed."},
    };
    struct misuse misuse = {.call = call, .address = block, .site = site};
    misuse.what = texts[damage].what;
    misuse.state = texts[damage].state;
    misuse.advice = texts[damage].advice;
    struct slab *slab = registry_find(block);
    const struct arena *owner =
        slab == NULL ? OWNER_FREE : atomic_load_explicit(&slab->owner, memory_order_relaxed);
    if (owner == OWNER_LARGE || owner == OWNER_HUGE)
        describe_mapped(&misuse, slab, owner);
    else if (slab != NULL && owner == OWNER_FREE) /* a run in a quarantine */
        describe_mapped(&misuse, slab, OWNER_LARGE);
    else if (slab != NULL) { /* not a sample */
        misuse.slab = slab;
        misuse.block = block;
        misuse.size = slab->block_size;
    }
    report_misuse(&misuse);
}

cold void verdict_report(const char *call, const void *address, const void *site) {
    struct misuse misuse = {.call = call, .address = address, .site = site};
    judge(&misuse);
    report_misuse(&misuse);
}

cold void verdict_link(unsigned class, const void *link) {
    struct misuse misuse = {.call = "malloc", .address = link};
    misuse.what = "this was written over the link of a free block, and is not followed";
    misuse.size = size_class_bytes(class);
    misuse.advice = "Look for what writes to a block of that size after it was freed, or beyond the block "
                    "before it; FREEHOLD_GUARD=2 names the block.";
    report_misuse(&misuse);
}
