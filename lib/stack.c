/* SPDX-License-Identifier: MIT */
#include "stack.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <sys/auxv.h>

#include "os.h"
#include "thread.h"

#define OWN_WORDS  32u /* of our own frames, at most, above the first */
#define PAGE_LEAST 4096u

extern void *__libc_stack_end __attribute__((weak));

/* Made for unwinders: it takes no lock. */
static bool find(const void *address, struct dl_find_object *found) {
    return _dl_find_object((void *)address, found) == 0;
}

/* The end of the calling thread's stack: the first thread's begins where the kernel put it, and others have
 * their thread-local storage at its end. */
static uintptr_t stack_end(uintptr_t place) {
    uintptr_t first = &__libc_stack_end == NULL ? 0 : (uintptr_t)__libc_stack_end;
    uintptr_t own = (uintptr_t)&thread;
    if (first < place || (own > place && own < first))
        return own > place ? own : place;
    return first;
}

/* Return addresses, as they are found. */
struct found {
    const void **addresses;
    unsigned count, most;
};

static void add(struct found *found, const void *address) {
    if (found->count < found->most)
        found->addresses[found->count++] = address;
}

/* Some of our functions call the allocator's slow half and keep no frame: what they return to is the first
 * word that leads out of this library. */
static void add_caller(struct found *found, void *const *word, uintptr_t end) {
    struct dl_find_object own, other;
    if (!find((const void *)stack_take, &own) || !find(word[-1], &other) ||
        own.dlfo_link_map != other.dlfo_link_map)
        return;
    for (unsigned i = 0; i < OWN_WORDS && (uintptr_t)(word + i) < end; i++)
        if (find(word[i], &other) && other.dlfo_link_map != own.dlfo_link_map) {
            add(found, word[i]);
            return;
        }
}

/* A function without frame pointers leaves anything in their place, and where the stack is a coroutine's, or
 * a signal handler's own, there may be what nobody can read between it and the end. What is on the page of
 * the frame before is not asked for. */
static bool can_read(void *const *frame, void *const *before) {
    return ((uintptr_t)(frame + 1) ^ (uintptr_t)before) < PAGE_LEAST ||
           (os_can_read(frame) && os_can_read(frame + 1));
}

unsigned stack_walk(const void **addresses, unsigned most, void *const *frame) {
    uintptr_t end = stack_end((uintptr_t)frame);
    struct dl_find_object object;
    struct found found = {.addresses = addresses, .most = most};
    int error = errno;
    add(&found, frame[1]);
    add_caller(&found, frame + 2, end);
    while (found.count < most) {
        uintptr_t next = (uintptr_t)frame[0];
        if (next % sizeof(void *) != 0 || next <= (uintptr_t)frame || next > end - 2 * sizeof(void *) ||
            !can_read((void *const *)next, frame))
            break;
        frame = (void *const *)next;
        if (!find(frame[1], &object))
            break;
        if (frame[1] != addresses[found.count - 1])
            add(&found, frame[1]);
    }
    errno = error;
    return found.count;
}

void stack_take(struct stack *stack, void *const *frame) {
    stack->thread = os_thread_id();
    stack->count = stack_walk(stack->frames, STACK_DEPTH, frame);
}

const char *stack_object(const void *address, uintptr_t *base) {
    struct dl_find_object found;
    if (!find(address, &found))
        return NULL;
    *base = found.dlfo_link_map->l_addr;
    const char *name = found.dlfo_link_map->l_name;
    if (name == NULL || name[0] == '\0')
        name = (const char *)getauxval(AT_EXECFN); /* the program itself */
    return name;
}
