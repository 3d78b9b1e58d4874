/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config.h"
#include "digits.h"
#include "os.h"
#include "stack.h"
#include "thread.h"

#define LINE_MAX_LENGTH 640

/* A line in the making. What does not fit is cut off. */
struct line {
    size_t length;
    char text[LINE_MAX_LENGTH];
};

static void put_bytes(struct line *line, const char *bytes, size_t length) {
    size_t room = LINE_MAX_LENGTH - 1 - line->length;
    length = length < room ? length : room;
    memcpy(line->text + line->length, bytes, length);
    line->length += length;
}

static void put(struct line *line, const char *text) {
    put_bytes(line, text, strlen(text));
}

static void put_number(struct line *line, unsigned long long number, unsigned base) {
    char digits[DIGITS_MOST], *end = digits + sizeof digits;
    const char *first = digits_write(end, number, base);
    put_bytes(line, first, (size_t)(end - first));
}

static void put_address(struct line *line, const void *address) {
    put(line, "0x");
    put_number(line, (uintptr_t)address, 16);
}

static void write_out(struct line *line) {
    const char *rest = line->text;
    line->text[line->length++] = '\n';
    while (line->length != 0) {
        size_t written = os_write(STDERR_FILENO, rest, line->length);
        if (written == 0)
            return;
        rest += written;
        line->length -= written;
    }
}

static void start(struct line *line) {
    line->length = 0;
    put(line, "freehold: ");
}

static void start_call(struct line *line, const char *call, const void *address) {
    start(line);
    put(line, call);
    put(line, "(");
    put_address(line, address);
    put(line, "): ");
}

static void put_slab(struct line *line, const struct slab *slab) {
    put(line, "slab ");
    put_address(line, slab->start);
    put(line, " of ");
    put_number(line, slab->block_size, 10);
    put(line, "-byte blocks");
}

/* An owner may be any value by now: only arenas have a thread. */
static void put_arena(struct line *line, const struct arena *arena) {
    put_address(line, arena);
    if (arena <= OWNER_HUGE)
        return;
    put(line, " of thread ");
    put_number(line, atomic_load_explicit(&arena->thread_id, memory_order_relaxed), 10);
}

static void put_thread(struct line *line, const struct arena *arena) {
    if (arena == OWNER_NONE || arena == &empty_arena)
        put(line, "none");
    else if (arena <= OWNER_HUGE)
        put(line, "free");
    else {
        put(line, "thread ");
        put_number(line, atomic_load_explicit(&arena->thread_id, memory_order_relaxed), 10);
    }
}

static void put_block(struct line *line, const struct misuse *misuse) {
    size_t inside = (size_t)((const char *)misuse->address - (const char *)misuse->block);
    put(line, " Block ");
    put_address(line, misuse->block);
    put(line, " of ");
    put_number(line, misuse->size, 10);
    put(line, " bytes, ");
    put(line, misuse->state);
    if (inside != 0) {
        put(line, ", ");
        put_address(line, misuse->address);
        put(line, " is ");
        put_number(line, inside, 10);
        put(line, " bytes into it");
    }
    put(line, misuse->slab != NULL ? ";" : ".");
}

static void put_misuse(struct line *line, const struct misuse *misuse) {
    start_call(line, misuse->call, misuse->address);
    put(line, misuse->what);
    put(line, ".");
    if (misuse->block != NULL)
        put_block(line, misuse);
    else if (misuse->size != 0) {
        put(line, " The block is one of ");
        put_number(line, misuse->size, 10);
        put(line, " bytes.");
    }
    if (misuse->slab != NULL) {
        put(line, " ");
        put_slab(line, misuse->slab);
        put(line, ", owner ");
        put_thread(line, atomic_load_explicit(&misuse->slab->owner, memory_order_relaxed));
        put(line, ", seen by ");
        put_thread(line, thread.own);
        put(line, ".");
    }
    put(line, " ");
    put(line, misuse->advice);
}

/* The process ends. A handler of SIGABRT may allocate, free and fork: the locks that this thread holds are
 * open to it, as they are to one that forks. */
static noreturn void stop(void) {
    if (thread.locks != 0)
        thread.state = THREAD_FORKING;
    abort();
}

#define SITES 64u

/* Whether nothing has been said yet of this mistake at this place of the program. A table that is full knows
 * every place. */
static bool is_new(const struct misuse *misuse) {
    static _Atomic uintptr_t sites[SITES];
    uintptr_t key = (uintptr_t)misuse->site + (uintptr_t)misuse->what;
    for (unsigned i = 0; i < SITES; i++) {
        uintptr_t none = 0;
        if (atomic_compare_exchange_strong_explicit(&sites[i], &none, key, memory_order_relaxed,
                                                    memory_order_relaxed))
            return true;
        if (none == key)
            return false;
    }
    return false;
}

void report_misuse(const struct misuse *misuse) {
    struct line line;
    if (config.on_error == ON_ERROR_IGNORE || (config.on_error == ON_ERROR_REPORT && !is_new(misuse)))
        return;
    put_misuse(&line, misuse);
    write_out(&line);
    if (misuse->tell != NULL)
        misuse->tell(misuse->address);
    if (config.on_error == ON_ERROR_ABORT)
        stop();
}

/* Where the address is as the block has it. */
static void put_place(struct line *line, const struct crash *crash) {
    uintptr_t address = (uintptr_t)crash->address, start = (uintptr_t)crash->block, end = start + crash->size;
    put(line, ", ");
    put_address(line, crash->address);
    put(line, " is ");
    put_number(line, address < start ? start - address : address < end ? address - start : address - end, 10);
    put(line, address < start ? " bytes before it"
              : address < end ? " bytes into it"
                              : " bytes behind its end");
}

static void put_crash(struct line *line, const struct crash *crash) {
    put(line, " Block ");
    put_address(line, crash->block);
    put(line, " of ");
    put_number(line, crash->size, 10);
    put(line, " bytes, ");
    put(line, crash->state);
    put_place(line, crash);
    put(line, "; before it: ");
    put(line, crash->before);
    put(line, "; behind it: ");
    put(line, crash->after);
    if (crash->slab != NULL) {
        put(line, "; of a slab of ");
        put_number(line, crash->block_size, 10);
        put(line, "-byte blocks, owner ");
        put_thread(line, atomic_load_explicit(&crash->slab->owner, memory_order_relaxed));
    }
    put(line, ".");
}

void report_crash(const struct crash *crash) {
    struct line line;
    start(&line);
    put(&line, crash->signal);
    if (crash->has_address) {
        put(&line, " at ");
        put_address(&line, crash->address);
    }
    put(&line, " in thread ");
    put_number(&line, crash->thread_id, 10);
    put(&line, ": ");
    put(&line, crash->what);
    put(&line, ".");
    if (crash->block != NULL)
        put_crash(&line, crash);
    if (crash->advice != NULL) {
        put(&line, " ");
        put(&line, crash->advice);
    }
    write_out(&line);
}

static void put_distance(struct line *line, uintptr_t bytes, const char *where) {
    put_number(line, bytes, 10);
    put(line, " bytes ");
    put(line, where);
}

void report_fault(const void *address, const void *block, size_t size, int is_live) {
    struct line line;
    uintptr_t at = (uintptr_t)address, begin = (uintptr_t)block;
    start(&line);
    put(&line, "fault at ");
    put_address(&line, address);
    put(&line, ", ");
    if (at < begin)
        put_distance(&line, begin - at, "before the start");
    else if (at >= begin + size)
        put_distance(&line, at - begin - size, "beyond the end");
    else
        put_distance(&line, at - begin, "from the start");
    put(&line, " of the sampled block ");
    put_address(&line, block);
    put(&line, " of ");
    put_number(&line, size, 10);
    put(&line, is_live ? " bytes, which is live." : " bytes, which has been freed.");
    write_out(&line);
}

void report_stack(const char *event, const struct stack *stack) {
    struct line line;
    start(&line);
    put(&line, event);
    put(&line, " by thread ");
    put_number(&line, stack->thread, 10);
    put(&line, " at");
    write_out(&line);
    for (unsigned i = 0; i < stack->count; i++) {
        uintptr_t base = 0;
        const char *object = stack_object(stack->frames[i], &base);
        start(&line);
        put(&line, "  ");
        put_address(&line, stack->frames[i]);
        if (object != NULL) {
            put(&line, " ");
            put(&line, object);
            put(&line, "+");
            put_address(&line, (const char *)stack->frames[i] - base);
        }
        write_out(&line);
    }
}

noreturn void report_invariant(const char *invariant, const void *address, const struct slab *slab,
                               const struct arena *arena) {
    struct line line;
    start(&line);
    put(&line, "invariant broken: ");
    put(&line, invariant);
    put(&line, "; address ");
    put_address(&line, address);
    if (slab != NULL) {
        put(&line, ", ");
        put_slab(&line, slab);
        put(&line, ", owner ");
        put_arena(&line, atomic_load_explicit(&slab->owner, memory_order_relaxed));
    }
    put(&line, ", seen by arena ");
    put_arena(&line, arena);
    put(&line, ". A write through a stale or overrun pointer is the usual cause.");
    write_out(&line);
    stop();
}

noreturn void report_no_memory(const char *call, size_t size) {
    struct line line;
    start(&line);
    put(&line, call);
    put(&line, ": no memory for ");
    put_number(&line, size, 10);
    put(&line, " bytes, and no C++ runtime to throw std::bad_alloc");
    write_out(&line);
    stop();
}

static void put_option(struct line *line, const char *name) {
    put(line, " FREEHOLD_");
    for (; *name != '\0'; name++) {
        char letter = (char)(*name == '_' ? '_' : *name - 'a' + 'A');
        put_bytes(line, &letter, 1);
    }
}

noreturn void report_sanitizer(void) {
    report_notice("this program is built with ThreadSanitizer, which replaces malloc itself. Do not preload "
                  "libfreehold.so: link libfreehold-tsan.a, and use the fh_ functions.");
    for (;;)
        syscall(SYS_exit_group, 1); /* not _exit, which the sanitizer may not have made ready yet */
}

void report_option_unknown(const char *name, size_t length) {
    struct line line;
    start(&line);
    put(&line, "unknown option ");
    put_bytes(&line, name, length);
    put(&line, " ignored; there are");
#define OPTION(name, value, least, most, unit, sentence) put_option(&line, #name);
#include "options.def"
#undef OPTION
    write_out(&line);
}

void report_option_value(const char *assignment, unsigned long least, unsigned long most, const char *unit,
                         unsigned long kept) {
    struct line line;
    start(&line);
    put(&line, "bad value in ");
    put_bytes(&line, assignment, strnlen(assignment, LINE_MAX_LENGTH / 2));
    put(&line, ": expected a number from ");
    put_number(&line, least, 10);
    put(&line, " to ");
    put_number(&line, most, 10);
    if (config_has_words(unit)) {
        put(&line, ", or one of ");
        put(&line, unit);
    }
    put(&line, "; keeping ");
    put_number(&line, kept, 10);
    write_out(&line);
}

void report_figure(const char *name, unsigned long long figure) {
    struct line line;
    start(&line);
    put(&line, name);
    put(&line, " ");
    put_number(&line, figure, 10);
    write_out(&line);
}

void report_unchecked(const char *why) {
    struct line line;
    start(&line);
    put(&line, "FREEHOLD_GUARD is 0, but free cannot leave its checks out ");
    put(&line, why);
    put(&line, ": what is freed is checked as at level 1.");
    write_out(&line);
}

void report_notice(const char *text) {
    struct line line;
    start(&line);
    put(&line, text);
    write_out(&line);
}
