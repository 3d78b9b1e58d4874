/* SPDX-License-Identifier: MIT
 *
 * usage: deny mmap|munmap|mremap|madvise. The kernel denies the allocator the N-th of these calls, once or
 * from the N-th on, while a load runs, for every N that the load comes to; each run is a process of its own.
 * A malloc may return NULL while calls are denied, and only then; no block changes, zeroed ones are zero,
 * every free succeeds; and when the kernel is willing again there is memory, and nothing has been lost. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "conformance/probe.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { SLOTS = 100, STEPS = 600, NOT_REACHED = 3, WATCHDOG = 60 };

static const char *const names[] = {"mmap", "munmap", "mremap", "madvise"};
#define HUGE    (520 * MIB) /* has a mapping of its own */
#define TOUCHED (12 * MIB)  /* of it */

enum call { MMAP, MUNMAP, MREMAP, MADVISE, NONE };

static struct {
    enum call call;
    bool once;
    long number;        /* the call to be denied, from 1 on */
    atomic_long made;   /* how many were made */
    atomic_long denied; /* how many of them in vain */
    atomic_bool is_over;
} plan = {.call = NONE};

/* The first calls come before main, when there may be no environment yet: "deny CALL once|on N". */
static void read_plan(void) {
    char text[256] = "";
    long file = syscall(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY);
    long length = syscall(SYS_read, file, text, sizeof(text) - 1);
    syscall(SYS_close, file);
    const char *words[4] = {"", "", "", ""};
    size_t count = 0;
    for (const char *word = text; word < text + length && count < COUNT(words); word += strlen(word) + 1) {
        words[count++] = word;
    }
    if (count != COUNT(words)) {
        return;
    }
    for (size_t i = 0; i < COUNT(names); i++) {
        if (strcmp(words[1], names[i]) == 0) {
            plan.call = (enum call)i;
        }
    }
    plan.once = strcmp(words[2], "once") == 0;
    for (const char *digit = words[3]; *digit; digit++) {
        plan.number = plan.number * 10 + (*digit - '0');
    }
}

static bool is_denied(enum call call) {
    static bool is_read;
    if (!is_read) {
        is_read = true;
        read_plan();
    }
    if (call != plan.call || atomic_load(&plan.is_over)) {
        return false;
    }
    long made = atomic_fetch_add(&plan.made, 1) + 1;
    if (made < plan.number || (plan.once && made != plan.number)) {
        return false;
    }
    atomic_fetch_add(&plan.denied, 1);
    errno = ENOMEM;
    return true;
}

/* In place of the C library's, for the allocator: the C library itself does not come here. */
#define IN_PLACE_OF(name) __asm__(#name) __attribute__((used))

void *deny_mmap(void *, size_t, int, int, int, off_t) IN_PLACE_OF(mmap);
int deny_munmap(void *, size_t) IN_PLACE_OF(munmap);
void *deny_mremap(void *, size_t, size_t, int, void *) IN_PLACE_OF(mremap);
int deny_madvise(void *, size_t, int) IN_PLACE_OF(madvise);

void *deny_mmap(void *address, size_t length, int protection, int flags, int file, off_t offset) {
    return is_denied(MMAP) ? MAP_FAILED
                           : (void *)syscall(SYS_mmap, address, length, protection, flags, file, offset);
}

int deny_munmap(void *address, size_t length) {
    return is_denied(MUNMAP) ? -1 : (int)syscall(SYS_munmap, address, length);
}

void *deny_mremap(void *address, size_t old_length, size_t length, int flags, void *target) {
    return is_denied(MREMAP) ? MAP_FAILED
                             : (void *)syscall(SYS_mremap, address, old_length, length, flags, target);
}

int deny_madvise(void *address, size_t length, int advice) {
    return is_denied(MADVISE) ? -1 : (int)syscall(SYS_madvise, address, length, advice);
}

struct slot {
    char *block;
    size_t size;
    size_t seed;
    size_t stride;
};

static struct slot slots[SLOTS];

/* Contents are looked at in some places only: faults would cost more than all the rest. */
static size_t stride(size_t size) {
    return size / 32 + 512;
}

static void mark(struct slot *slot) {
    slot->stride = stride(slot->size);
    for (size_t i = 0; i < slot->size; i += slot->stride) {
        slot->block[i] = (char)block_byte(slot->seed, i);
    }
}

static bool is_marked(const struct slot *slot, size_t size) {
    for (size_t i = 0; i < size; i += slot->stride) {
        if (slot->block[i] != (char)block_byte(slot->seed, i)) {
            return false;
        }
    }
    return true;
}

static void require_excuse(void) {
    REQUIRE(errno == ENOMEM);
    REQUIRE(atomic_load(&plan.denied) > 0 && !atomic_load(&plan.is_over));
}

static size_t random_size(uint64_t *random) {
    size_t kind = random_next(random) % 16;
    size_t number = random_next(random);
    return kind < 9    ? number % 3000 + 1
           : kind < 12 ? number % (60 * KIB) + 1
           : kind < 14 ? number % (2 * MIB) + 1
                       : number % (12 * MIB) + 1;
}

static void *allocate(size_t size, size_t way) {
    void *block = NULL;
    errno = 0;
    if (way == 0) {
        block = calloc(size, 1);
        for (size_t i = 0; block && i < size; i += stride(size)) {
            REQUIRE(((char *)block)[i] == 0);
        }
    } else if (way == 1) {
        errno = posix_memalign(&block, 4096, size);
    } else {
        block = malloc(size);
    }
    return block;
}

static void *free_elsewhere(void *block) {
    void *own = malloc(100);
    free(block);
    free(own);
    return NULL;
}

static void free_slot(struct slot *slot, bool elsewhere) {
    pthread_t thread;
    if (!slot->block) {
        return;
    }
    REQUIRE(is_marked(slot, slot->size));
    if (elsewhere && pthread_create(&thread, NULL, free_elsewhere, slot->block) == 0) {
        REQUIRE(pthread_join(thread, NULL) == 0);
    } else {
        free(slot->block);
    }
    slot->block = NULL;
}

static void fill_slot(struct slot *slot, size_t size, size_t way) {
    slot->block = allocate(size, way);
    slot->size = size;
    slot->seed++;
    if (slot->block) {
        if (size > HUGE && plan.call == MUNMAP) {
            memset(slot->block, 0, TOUCHED);
        }
        mark(slot);
    } else {
        require_excuse();
    }
}

static void resize_slot(struct slot *slot, size_t size) {
    errno = 0;
    char *moved = realloc(slot->block, size);
    if (!moved) {
        require_excuse();
        return;
    }
    slot->block = moved;
    size_t kept = size < slot->size ? size : slot->size;
    REQUIRE(is_marked(slot, kept));
    slot->size = size;
    mark(slot);
}

static void run_load(uint64_t seed) {
    uint64_t random = seed;
    for (int step = 0; step < STEPS; step++) {
        struct slot *slot = &slots[random_next(&random) % SLOTS];
        size_t size = random_next(&random) % 100 == 0 ? HUGE + 1 : random_size(&random);
        size_t way = random_next(&random) % 8;
        if (slot->block && way < 3) {
            resize_slot(slot, slot->size > 2 * MIB && way == 0 ? slot->size * 2 % (30 * MIB) + 1 : size);
        } else {
            free_slot(slot, way == 3);
            fill_slot(slot, size, way);
            if (size > HUGE) {
                free_slot(slot, false);
            }
        }
        if (step % 100 == 99) {
            free_slot(&slots[step % SLOTS], false);
            malloc_trim(0);
        }
    }
}

static void free_all(void) {
    for (size_t i = 0; i < SLOTS; i++) {
        free_slot(&slots[i], false);
    }
    malloc_trim(0);
}

static int be_denied(void) {
    struct fh_counts before;
    struct fh_counts after;
    alarm(WATCHDOG);
    run_load(88172645463325252ull);
    for (size_t i = 0; i < SLOTS; i += 2) {
        free_slot(&slots[i], false); /* while they are still denied */
    }
    atomic_store(&plan.is_over, true);
    free_all();
    check_invariants();
    REQUIRE(!read_counters(&before) || (before.huge_bytes == 0 && before.large_bytes == 0));
    size_t resident = resident_bytes();
    REQUIRE(resident < TOUCHED);
    run_load(1234567ull);
    free_all();
    check_invariants();
    REQUIRE(!read_counters(&after) || (after.huge_bytes == 0 && after.large_bytes == 0));
    REQUIRE(resident_bytes() < resident + 8 * MIB);
    return atomic_load(&plan.denied) == 0 ? NOT_REACHED : 0;
}

/* The status of a run, or 128 and more if it was killed. */
static int run_one(const char *name, const char *how, long number) {
    char self[] = "/proc/self/exe";
    char text[24];
    snprintf(text, sizeof(text), "%ld", number);
    char *const arguments[] = {self, (char *)name, (char *)how, text, NULL};
    pid_t child = 0;
    int status = 0;
    REQUIRE(posix_spawn(&child, self, NULL, NULL, arguments, environ) == 0);
    REQUIRE(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool run_all(const char *name, const char *how) {
    int failed = 0;
    int status = 0;
    long number = 0;
    while (status != NOT_REACHED) {
        status = run_one(name, how, ++number);
        if (status != 0 && status != NOT_REACHED) {
            printf("%s denied %s, call %ld: status %d\n", name, how, number, status);
            failed++;
        }
    }
    printf("%s denied %s: %ld runs, %d failed\n", name, how, number - 1, failed);
    return failed == 0 && number > 1;
}

int main(int argc, char **argv) {
    if (argc == 4) {
        return be_denied();
    }
    if (argc != 2) {
        return 2;
    }
    bool once = run_all(argv[1], "once");
    bool on = run_all(argv[1], "on");
    return !(once && on);
}
