/* SPDX-License-Identifier: MIT
 *
 * libFuzzer's target: the input is a history of calls, with misuse in between. Legal calls succeed, and no
 * block changes; an illegal call, made by a child process, ends that with a message and SIGABRT; nothing else
 * ever happens. See run. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conformance/probe.h"

enum { SLOTS = 32, OPERATIONS = 400, MISUSES = 3, WATCHDOG = 20 };

struct slot {
    char *block;
    size_t size;
    size_t seed;
};

static struct slot slots[SLOTS];
static char *stale[SLOTS]; /* what each slot held before */

/* The rest of the input. */
static const uint8_t *input;
static size_t input_length;

static size_t next_byte(void) {
    if (input_length == 0) {
        return 0;
    }
    input_length--;
    return *input++;
}

/* Of any magnitude, up to 12 MiB. */
static size_t next_size(void) {
    size_t bits = next_byte() % 24;
    size_t number = next_byte() | next_byte() << 8 | next_byte() << 16;
    size_t size = number & (((size_t)2 << bits) - 1);
    return size < 12 * MIB ? size : size / 2;
}

static struct slot *next_slot(void) {
    return &slots[next_byte() % SLOTS];
}

/* Both ends of it, for most of a large block would cost time only. */
static size_t told(size_t size) {
    return size < 256 ? size : 256;
}

static void fill(struct slot *slot) {
    slot->seed++;
    block_fill(slot->block, told(slot->size), slot->seed);
    if (slot->size > 256) {
        slot->block[slot->size - 1] = (char)slot->seed;
    }
}

static void check(const struct slot *slot) {
    REQUIRE(block_holds(slot->block, told(slot->size), slot->seed));
    REQUIRE(slot->size <= 256 || slot->block[slot->size - 1] == (char)slot->seed);
}

static void give(struct slot *slot) {
    if (slot->block) {
        check(slot);
        stale[slot - slots] = slot->block;
        errno = 77;
        fh_free(slot->block);
        REQUIRE(errno == 77);
        slot->block = NULL;
    }
}

static void hold(struct slot *slot, char *block, size_t size) {
    REQUIRE(block != NULL && fh_malloc_usable_size(block) >= size);
    slot->block = block;
    slot->size = size;
    fill(slot);
}

static void take(struct slot *slot) {
    size_t size = next_size();
    give(slot);
    char *block = fh_malloc(size);
    REQUIRE(is_aligned(block, 16));
    hold(slot, block, size);
}

static void take_zeroed(struct slot *slot) {
    size_t size = next_size();
    give(slot);
    char *block = fh_calloc(size, 1);
    REQUIRE(block != NULL && block_is_all(block, size, 0));
    hold(slot, block, size);
}

static void take_aligned(struct slot *slot) {
    size_t alignment = (size_t)16 << next_byte() % 14;
    size_t size = next_size();
    give(slot);
    char *block = fh_memalign(alignment, size);
    REQUIRE(is_aligned(block, alignment));
    hold(slot, block, size);
}

static void resize(struct slot *slot) {
    size_t size = next_size();
    if (!slot->block || size == 0) {
        return;
    }
    check(slot);
    size_t kept = told(size < slot->size ? size : slot->size);
    char *old = slot->block;
    char *moved = fh_realloc(old, size);
    REQUIRE(moved != NULL && block_holds(moved, kept, slot->seed));
    if (moved != old) {
        stale[slot - slots] = old;
    }
    hold(slot, moved, size);
}

static void *give_in_thread(void *slot) {
    void *own = fh_malloc(40);
    give(slot);
    fh_free(own);
    return NULL;
}

static void *take_in_thread(void *slot) {
    take(slot);
    return NULL;
}

static void run_in_thread(void *(*function)(void *), struct slot *slot) {
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, function, slot) == 0 && pthread_join(thread, NULL) == 0);
}

static bool is_live(const char *address) {
    for (size_t i = 0; i < SLOTS; i++) {
        if (slots[i].block && address >= slots[i].block &&
            address <= slots[i].block + fh_malloc_usable_size(slots[i].block)) {
            return true;
        }
    }
    return false;
}

/* What no call may be given, or NULL if the input names nothing of the kind. */
static char *next_illegal(void) {
    static char variable[64];
    size_t kind = next_byte() % 4;
    struct slot *slot = next_slot();
    if (kind == 0) {
        return is_live(stale[slot - slots]) ? NULL : stale[slot - slots];
    }
    if (kind == 1) {
        return opaque_pointer(variable + next_byte() % 64);
    }
    size_t offset = next_size() + 1;
    return slot->block && offset < fh_malloc_usable_size(slot->block) ? slot->block + offset : NULL;
}

static void misuse_and_end(char *address, size_t call) {
    if (call == 0) {
        (void)!fh_realloc(address, 100);
    } else {
        fh_free(address);
    }
    /* It was not seen at once: there may be a list that is looked at later. */
    for (size_t i = 0; i < SLOTS; i++) {
        fh_free(slots[i].block);
    }
    fh_malloc_trim(0);
    fh_check();
    _exit(0);
}

static void expect_death(char *address, size_t call) {
    int ends[2];
    char text[1024];
    REQUIRE(pipe(ends) == 0);
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        for (int number = 1; number < 32; number++) {
            signal(number, SIG_DFL); /* they are libFuzzer's */
        }
        alarm(WATCHDOG);
        misuse_and_end(address, call);
    }
    close(ends[1]);
    ssize_t length = read(ends[0], text, sizeof(text) - 1);
    close(ends[0]);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    text[length > 0 ? length : 0] = '\0';
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || strncmp(text, "freehold: ", 10) != 0) {
        probe_write(STDERR_FILENO, "%s(%p): status %#x, message: %s\n", call == 0 ? "realloc" : "free",
                    (void *)address, (unsigned)status, text);
        abort();
    }
}

static void misuse(int *left) {
    char *address = next_illegal();
    size_t call = next_byte() % 4;
    if (address && --*left >= 0) {
        expect_death(address, call);
    }
}

static void operate(int *misuses_left) {
    size_t operation = next_byte() % 16;
    if (operation == 15) {
        misuse(misuses_left);
        return;
    }
    struct slot *slot = next_slot();
    if (operation < 5) {
        take(slot);
    } else if (operation < 9) {
        give(slot);
    } else if (operation < 11) {
        resize(slot);
    } else if (operation == 11) {
        take_zeroed(slot);
    } else if (operation == 12) {
        take_aligned(slot);
    } else if (operation == 13) {
        run_in_thread(slot->block ? give_in_thread : take_in_thread, slot);
    } else {
        fh_malloc_trim(0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int misuses_left = MISUSES;
    input = data;
    input_length = size;
    for (int i = 0; i < OPERATIONS && input_length != 0; i++) {
        operate(&misuses_left);
    }
    for (size_t i = 0; i < SLOTS; i++) {
        give(&slots[i]);
        stale[i] = NULL;
    }
    fh_check();
    return 0;
}
