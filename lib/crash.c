/* SPDX-License-Identifier: MIT
 *
 * The handlers may interrupt anything, the allocator included: they take no lock and no memory, look an
 * address up in the registry, and read a block only where the kernel says that it can be read. Nothing pins
 * what they look at: what another thread gives back meanwhile may be described as it was, or not at all. */
#include "crash.h"

#include <errno.h>
#include <signal.h>

#include "config.h"
#include "handler.h"
#include "os.h"
#include "report.h"
#include "sample.h"
#include "superslab/closed.h"
#include "superslab/huge.h"
#include "superslab/large.h"
#include "superslab/registry.h"

#define NEAR_NULL 65536u /* bytes: addresses below are those of members of nothing */

/* What is at an address. */
struct place {
    const char *state;       /* NULL: it is not ours */
    const char *block;       /* NULL: no block */
    size_t size;             /* bytes of it */
    const struct slab *slab; /* of a small block */
    uint32_t block_size;     /* likewise */
};

static const struct place nowhere;

static const char *state_of(struct entry entry, uintptr_t class, const char *block) {
    const struct block *start = (const struct block *)block;
    if (entry_position(entry, class, block) >= entry_limit(entry))
        return "never allocated";
    if (!os_can_read(&start->mark))
        return "unreadable";
    return start->mark == block_mark(entry, start) ? "free" : "live";
}

/* The fields may be another slab's by the time that they are read. */
static struct place locate_small(const struct slab *slab, const char *address) {
    struct entry entry = registry_entry(address);
    uintptr_t class = atomic_load_explicit(&entry.leaf->classes[entry.index], memory_order_relaxed);
    const char *start = slab->start;
    size_t size = slab->block_size, offset = (size_t)(address - start);
    struct place edge = {.state = "the edge of a slab", .slab = slab};
    if (class == CLASS_NONE || class >= CLASSES || size == 0 || offset / size >= slab->capacity)
        return edge;
    const char *block = address - offset % size;
    if (registry_find(block) != slab)
        return edge;
    return (struct place){state_of(registry_entry(block), class, block), block, size, slab, (uint32_t)size};
}

/* Of a huge block only the first unit of each granule is registered. */
static struct place locate_huge(struct slab *slab, const char *address, const char *state) {
    const struct huge *huge = huge_of(slab);
    if ((size_t)(address - huge->base) >= huge->length)
        return (struct place){.state = "free"};
    return (struct place){.state = state, .block = huge->base, .size = huge->length};
}

/* Not by the look-up that verdict.c makes, which asks for a huge block alone: here what is free counts, too.
 */
static struct place locate(const char *address) {
    struct slab *slab = registry_find(address);
    bool is_unit = slab != NULL;
    if (!is_unit)
        slab = registry_find((const void *)((uintptr_t)address & ~(GRANULE - 1)));
    if (slab == NULL)
        return nowhere;
    const struct arena *owner = atomic_load_explicit(&slab->owner, memory_order_relaxed);
    if (owner == OWNER_HUGE)
        return locate_huge(slab, address, "live");
    if (owner == OWNER_FREE && closed_has(huge_of(slab)))
        return locate_huge(slab, address, "free");
    if (owner == OWNER_FREE)
        return (struct place){.state = "free"};
    if (!is_unit) /* a SuperSlab of which there is a part only */
        return nowhere;
    if (owner == OWNER_LARGE)
        return (struct place){.state = "live", .block = large_start(slab), .size = large_size(slab)};
    return locate_small(slab, address);
}

/* Of a unit that begins with the edge of its slab, the first block. */
static struct place locate_unit(const char *unit) {
    struct place place = locate(unit);
    return place.slab != NULL && place.block == NULL ? locate(place.slab->start) : place;
}

/* The block that is the nearest to an address which is in none, as far as a granule away. */
static struct place find_near(const char *address) {
    const char *unit = (const char *)((uintptr_t)address & ~(UNIT - 1));
    for (size_t distance = 0; distance <= GRANULE; distance += UNIT) {
        struct place below = locate(unit - distance - 1), above = locate_unit(unit + distance + UNIT);
        if (below.block != NULL)
            return below;
        if (above.block != NULL)
            return above;
    }
    return nowhere;
}

static const char *name_of(struct place place) {
    return place.state != NULL ? place.state : "not ours";
}

static void describe(struct crash *crash, struct place place) {
    crash->block = place.block;
    crash->size = place.size;
    crash->state = place.state;
    crash->slab = place.slab;
    crash->block_size = place.block_size;
    crash->before = name_of(locate(place.block - 1));
    crash->after = name_of(locate(place.block + place.size));
}

static void judge_inside(struct crash *crash, struct place place) {
    crash->what = "in memory of this allocator";
    describe(crash, place);
    crash->advice =
        place.state[0] == 'f'
            ? "It was used after it was freed, or jumped to."
            : "Memory that malloc returned can be read and written, but not run: look for a jump to it, "
              "or who has protected it.";
}

static void judge_outside(struct crash *crash, struct place place) {
    const char *address = crash->address;
    struct place near = find_near(address);
    if (os_find_unmapped(address).length != 0 && !os_can_read(address)) {
        crash->what = "in memory of this allocator that was freed and unmapped";
        crash->advice = "Look for a pointer that is used after it was freed.";
    } else if (place.state != NULL) {
        crash->what = "in memory of this allocator that is in no live block";
        crash->advice = "Look for a pointer that is used after it was freed, or beyond its block.";
    } else {
        crash->what = near.block != NULL ? "not of this allocator, but near a block of it"
                                         : "not of this allocator, nor near a block of it";
        crash->advice = near.block != NULL ? "Look for a use beyond the block." : NULL;
    }
    if (near.block != NULL)
        describe(crash, near);
}

static void judge_address(struct crash *crash) {
    const char *address = crash->address;
    crash->has_address = true;
    if ((uintptr_t)address < NEAR_NULL) {
        crash->what = "not of this allocator: a null pointer, or a member of nothing";
        return;
    }
    if (sample_is_near(address)) {
        crash->what = "in a sampled block or beside it";
        return;
    }
    struct place place = locate(address);
    if (place.block != NULL)
        judge_inside(crash, place);
    else
        judge_outside(crash, place);
}

static void judge(struct crash *crash, int number, const siginfo_t *info) {
    if (number == SIGABRT)
        crash->what = "the program has stopped itself, or was stopped";
    else if (info->si_code <= 0)
        crash->what = "sent by a process, not a fault";
    else if (info->si_code == SI_KERNEL)
        crash->what = "a fault at an address that the kernel does not tell, as of a pointer that is none";
    else
        judge_address(crash);
}

static struct handler {
    int number;
    const char *name;
    struct sigaction former; /* constant once handle is installed, but see handler_go_on */
} handlers[] = {{.number = SIGSEGV, .name = "SIGSEGV"},
                {.number = SIGBUS, .name = "SIGBUS"},
                {.number = SIGABRT, .name = "SIGABRT"}};

#define HANDLERS (sizeof handlers / sizeof *handlers)

static void tell(const char *name, int number, const siginfo_t *info) {
    struct crash crash = {.signal = name, .address = info->si_addr, .thread_id = os_thread_id()};
    judge(&crash, number, info);
    report_crash(&crash);
}

/* Guard level 2 alone says nothing of what somebody has sent. */
static void handle(int number, siginfo_t *info, void *context) {
    struct handler *handler = handlers;
    while (handler->number != number)
        handler++;
    int error = errno;
    if (config.crash_report != 0 || info->si_code > 0)
        tell(handler->name, number, info);
    errno = error;
    handler_go_on(&handler->former, number, info, context);
}

/* As the former one was installed, with its mask and flags; in place of none, on a stack of its own. */
static void install(struct handler *handler) {
    struct sigaction *former = &handler->former;
    if (sigaction(handler->number, NULL, former) != 0 || former->sa_handler == SIG_IGN)
        return;
    struct sigaction action = *former;
    if (former->sa_handler == SIG_DFL)
        action = (struct sigaction){.sa_flags = SA_ONSTACK};
    action.sa_flags |= SA_SIGINFO;
    action.sa_sigaction = handle;
    sigaction(handler->number, &action, NULL);
}

void crash_start(void) {
    if (!config_tells_faults())
        return;
    os_signal_stack();
    for (struct handler *handler = handlers; handler < handlers + HANDLERS; handler++)
        if (handler->number != SIGABRT || config.crash_report != 0)
            install(handler);
}
