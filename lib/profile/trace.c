/* SPDX-License-Identifier: MIT */
#include "trace.h"

#include <dlfcn.h>
#include <link.h>
#include <unwind.h>

#include "../stack.h"

#define FRAMES_LEAST 4u /* fewer by frame pointers are not believed to be all */

typedef _Unwind_Reason_Code (*backtrace)(_Unwind_Trace_Fn visit, void *context);
typedef _Unwind_Ptr (*instruction_of)(struct _Unwind_Context *frame);
typedef _Unwind_Word (*stack_of)(struct _Unwind_Context *frame);

/* Written once, by trace_start. Release; partner: unwind. */
static struct {
    _Atomic(backtrace) walk;
    instruction_of instruction;
    stack_of place;
} unwinder;

struct walk {
    const void **addresses;
    unsigned count, most;
    uintptr_t from; /* frames below that are ours */
};

/* Whether two addresses are of one object, unless that is the program itself. */
static bool is_same_object(const void *address, uintptr_t other) {
    struct dl_find_object object, found;
    return _dl_find_object((void *)other, &object) == 0 && object.dlfo_link_map->l_name[0] != '\0' &&
           _dl_find_object((void *)address, &found) == 0 && found.dlfo_link_map == object.dlfo_link_map;
}

static bool is_own(const void *address) {
    return is_same_object(address, (uintptr_t)trace_take);
}

/* The unwinder allocates with a lock held that it takes again for each frame of code that was made at run
 * time. */
static bool is_unwinder(const void *address) {
    return is_same_object(address, (uintptr_t)atomic_load_explicit(&unwinder.walk, memory_order_relaxed));
}

static _Unwind_Reason_Code visit(struct _Unwind_Context *frame, void *context) {
    struct walk *walk = context;
    if (unwinder.place(frame) <= walk->from)
        return _URC_NO_REASON;
    const void *address = (const void *)unwinder.instruction(frame);
    if (address == NULL)
        return _URC_END_OF_STACK;
    if (walk->count == 0 && is_own(address))
        return _URC_NO_REASON;
    walk->addresses[walk->count++] = address;
    return walk->count == walk->most ? _URC_END_OF_STACK : _URC_NO_REASON;
}

static unsigned unwind(const void **addresses, unsigned most, void *const *frame) {
    /* Acquire; partner: trace_start. */
    backtrace walk_all = atomic_load_explicit(&unwinder.walk, memory_order_acquire);
    if (walk_all == NULL)
        return 0;
    struct walk walk = {.addresses = addresses, .most = most, .from = (uintptr_t)frame};
    (void)walk_all(visit, &walk);
    return walk.count;
}

unsigned trace_take(const void **addresses, unsigned most, void *const *frame) {
    unsigned count = stack_walk(addresses, most, frame);
    if (count >= FRAMES_LEAST || (count > 0 && is_unwinder(addresses[0])))
        return count;
    const void *found[TRACE_DEPTH];
    unsigned unwound = unwind(found, most < TRACE_DEPTH ? most : TRACE_DEPTH, frame);
    if (unwound <= count)
        return count;
    for (unsigned i = 0; i < unwound; i++)
        addresses[i] = found[i];
    return unwound;
}

void trace_start(void) {
    if (atomic_load_explicit(&unwinder.walk, memory_order_relaxed) != NULL)
        return;
    void *library = dlopen("libgcc_s.so.1", RTLD_LAZY);
    if (library == NULL)
        return;
    backtrace walk = (backtrace)(uintptr_t)dlsym(library, "_Unwind_Backtrace");
    unwinder.instruction = (instruction_of)(uintptr_t)dlsym(library, "_Unwind_GetIP");
    unwinder.place = (stack_of)(uintptr_t)dlsym(library, "_Unwind_GetCFA");
    if (unwinder.instruction != NULL && unwinder.place != NULL)
        atomic_store_explicit(&unwinder.walk, walk, memory_order_release);
}
