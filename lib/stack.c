/* SPDX-License-Identifier: MIT */
#include "stack.h"

#include <dlfcn.h>
#include <link.h>
#include <sys/auxv.h>

#include "os.h"
#include "thread.h"

#define OWN_WORDS 32u /* of our own frames, at most, above the first */

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

static void add(struct stack *stack, const void *address) {
    if (stack->count < STACK_DEPTH)
        stack->frames[stack->count++] = address;
}

/* Some of our functions call the allocator's slow half and keep no frame: what they return to is the first
 * word that leads out of this library. */
static void add_caller(struct stack *stack, void *const *word, uintptr_t end) {
    struct dl_find_object own, other;
    if (!find((const void *)stack_take, &own) || !find(word[-1], &other) ||
        own.dlfo_link_map != other.dlfo_link_map)
        return;
    for (unsigned i = 0; i < OWN_WORDS && (uintptr_t)(word + i) < end; i++)
        if (find(word[i], &other) && other.dlfo_link_map != own.dlfo_link_map) {
            add(stack, word[i]);
            return;
        }
}

void stack_take(struct stack *stack, void *const *frame) {
    uintptr_t end = stack_end((uintptr_t)frame);
    struct dl_find_object found;
    stack->thread = os_thread_id();
    stack->count = 0;
    add(stack, frame[1]);
    add_caller(stack, frame + 2, end);
    while (stack->count < STACK_DEPTH) {
        uintptr_t next = (uintptr_t)frame[0];
        if (next % sizeof(void *) != 0 || next <= (uintptr_t)frame || next > end - 2 * sizeof(void *))
            return;
        frame = (void *const *)next;
        if (!find(frame[1], &found))
            return;
        if (frame[1] != stack->frames[stack->count - 1])
            add(stack, frame[1]);
    }
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
