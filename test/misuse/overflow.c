/* SPDX-License-Identifier: MIT
 *
 * Writes behind and before a block. */
#include <sys/resource.h>

#include "misuse/bug.h"

/* The block is between two others that live, as in a program that runs. */
static void write_at(size_t size, size_t amount, bool behind) {
    char *before = make(size);
    char *block = make(size);
    char *after = make(size);
    memset((char *)note(block) + (behind ? (ptrdiff_t)size : -(ptrdiff_t)amount), 'A', amount);
    release(block);
    release(after);
    release(before);
    carry_on(size);
}

static void overflow(size_t size, size_t amount) {
    write_at(size, amount, true);
}

static void under_run(size_t size, size_t amount) {
    write_at(size, amount, false);
}

/* The string that fits but for its end. */
static void overflow_string(size_t size, size_t amount) {
    char *block = note(make(size));
    for (size_t i = 0; i < size + amount; i++) {
        block[i] = 0;
    }
    release(block);
    carry_on(size);
}

/* Kept until the process ends. */
static void *volatile last_taken;

static bool is_taken(size_t size) {
    last_taken = malloc(size);
    return last_taken != NULL;
}

/* Leaves no memory for a block of size bytes or more, and none behind one that is there. */
static void use_up(size_t size) {
    struct rlimit limit = {256 * MIB, 256 * MIB};
    REQUIRE(setrlimit(RLIMIT_AS, &limit) == 0);
    for (size_t length = 16 * MIB; length >= size; length /= 2) {
        while (is_taken(length)) {
        }
    }
    while (is_taken(size)) {
    }
}

/* There is nowhere to move it to. */
static void overflow_shrunk_in_place(size_t size, size_t amount) {
    char *block = note(make(size));
    use_up(16);
    char *same = realloc(block, size / 2);
    REQUIRE(same != NULL);
    memset(same, 'A', size / 2 + amount);
    release(same);
}

/* As many as fitted before the block was made smaller. */
static void overflow_shrunk(size_t size, size_t amount) {
    char *block = realloc(make(size), size - amount);
    REQUIRE(block != NULL);
    memset(note(block), 'A', size);
    release(block);
    carry_on(size);
}

static void overflow_grown(size_t size, size_t amount) {
    char *block = realloc(make(size), size * 2);
    REQUIRE(block != NULL);
    memset(note(block), 'A', size * 2 + amount);
    block = realloc(opaque_pointer(block), size * 8);
    release(block);
    carry_on(size);
}

/* It stays where it is. */
static void overflow_grown_a_little(size_t size, size_t amount) {
    char *block = realloc(make(size), size + 2);
    REQUIRE(block != NULL);
    memset(note(block), 'A', size + 2 + amount);
    release(block);
    carry_on(size);
}

static void overflow_and_grow_a_little(size_t size, size_t amount) {
    char *block = note(make(size));
    memset(block, 'A', size + amount);
    block = realloc(opaque_pointer(block), size + 2);
    release(block);
    carry_on(size);
}

static void overflow_zeroed(size_t size, size_t amount) {
    char *block = opaque_pointer(calloc(size, 1));
    REQUIRE(block != NULL);
    memset(note(block), 'A', size + amount);
    release(block);
    carry_on(size);
}

static void overflow_aligned(size_t size, size_t amount) {
    void *block = NULL;
    REQUIRE(posix_memalign(&block, 64, size) == 0);
    memset(note(block), 'A', size + amount);
    release(block);
    carry_on(size);
}

/* The block is never freed, but its neighbours are. */
static void overflow_kept(size_t size, size_t amount) {
    char *block = make(size);
    char *after = make(size);
    memset((char *)note(block) + size, 'A', amount);
    release(after);
    carry_on(size);
}

/* Nothing is freed that could be looked at. */
static void overflow_leaked(size_t size, size_t amount) {
    char *block = make(size);
    memset((char *)note(block) + size, 'A', amount);
}

static void overflow_freed_by_another(size_t size, size_t amount) {
    char *block = make(size);
    memset((char *)note(block) + size, 'A', amount);
    run_in_thread(free_in_thread, block);
    carry_on(size);
}

static const struct bug bugs[] = {
    {"overflow-1-small", "writes 1 byte behind a small block", overflow, SMALL, 1, "unseen unseen beyond"},
    {"overflow-8-small", "writes 8 bytes behind a small block", overflow, SMALL, 8, "unseen unseen beyond"},
    {"overflow-32-small", "writes 32 bytes behind a small block", overflow, SMALL, 32,
     "unseen unseen beyond"},
    {"overflow-4096-small", "writes 4096 bytes behind a small block", overflow, SMALL, 4096,
     "any any beyond"},
    {"overflow-mib-small", "writes 1 MiB behind a small block", overflow, SMALL, MIB, "any any beyond"},
    {"overflow-1-medium", "writes 1 byte behind a medium block", overflow, MEDIUM, 1, "unseen unseen beyond"},
    {"overflow-8-medium", "writes 8 bytes behind a medium block", overflow, MEDIUM, 8,
     "unseen unseen beyond"},
    {"overflow-32-medium", "writes 32 bytes behind a medium block", overflow, MEDIUM, 32,
     "unseen unseen beyond"},
    {"overflow-4096-medium", "writes 4096 bytes behind a medium block", overflow, MEDIUM, 4096,
     "any any beyond"},
    {"overflow-mib-medium", "writes 1 MiB behind a medium block", overflow, MEDIUM, MIB, "any any beyond"},
    {"overflow-1-large", "writes 1 byte behind a large block", overflow, LARGE, 1,
     "unseen unseen beyond-run"},
    {"overflow-8-large", "writes 8 bytes behind a large block", overflow, LARGE, 8,
     "unseen unseen beyond-run"},
    {"overflow-32-large", "writes 32 bytes behind a large block", overflow, LARGE, 32,
     "unseen unseen beyond-run"},
    {"overflow-4096-large", "writes 4096 bytes behind a large block", overflow, LARGE, 4096,
     "any any beyond-run"},
    {"overflow-mib-large", "writes 1 MiB behind a large block", overflow, LARGE, MIB, "any any any"},
    {"overflow-1-huge", "writes 1 byte behind a huge block", overflow, HUGE, 1, "unseen unseen beyond-run"},
    {"overflow-8-huge", "writes 8 bytes behind a huge block", overflow, HUGE, 8, "unseen unseen beyond-run"},
    {"overflow-32-huge", "writes 32 bytes behind a huge block", overflow, HUGE, 32,
     "unseen unseen beyond-run"},
    {"overflow-4096-huge", "writes 4096 bytes behind a huge block", overflow, HUGE, 4096,
     "any any beyond-run"},
    {"overflow-mib-huge", "writes 1 MiB behind a huge block", overflow, HUGE, MIB, "any any any"},
    {"under-run-1-small", "writes 1 byte before a small block", under_run, SMALL, 1, "unseen unseen before"},
    {"under-run-8-small", "writes 8 bytes before a small block", under_run, SMALL, 8, "unseen unseen before"},
    {"under-run-32-small", "writes 32 bytes before a small block", under_run, SMALL, 32,
     "unseen unseen before|fault-near"},
    {"under-run-4096-small", "writes 4096 bytes before a small block", under_run, SMALL, 4096,
     "any any before|fault-near"},
    {"under-run-mib-small", "writes 1 MiB before a small block", under_run, SMALL, MIB,
     "any any before|fault-near"},
    {"under-run-1-medium", "writes 1 byte before a medium block", under_run, MEDIUM, 1,
     "unseen unseen before"},
    {"under-run-8-medium", "writes 8 bytes before a medium block", under_run, MEDIUM, 8,
     "unseen unseen before"},
    {"under-run-32-medium", "writes 32 bytes before a medium block", under_run, MEDIUM, 32,
     "unseen unseen before"},
    {"under-run-4096-medium", "writes 4096 bytes before a medium block", under_run, MEDIUM, 4096,
     "any any before|fault-near"},
    {"under-run-mib-medium", "writes 1 MiB before a medium block", under_run, MEDIUM, MIB,
     "any any before|fault-near"},
    {"under-run-1-large", "writes 1 byte before a large block", under_run, LARGE, 1,
     "unseen unseen unseen|beyond-run-before"},
    {"under-run-8-large", "writes 8 bytes before a large block", under_run, LARGE, 8,
     "unseen unseen unseen|beyond-run-before"},
    {"under-run-32-large", "writes 32 bytes before a large block", under_run, LARGE, 32,
     "unseen unseen unseen|beyond-run-before"},
    {"under-run-4096-large", "writes 4096 bytes before a large block", under_run, LARGE, 4096, "any any any"},
    {"under-run-mib-large", "writes 1 MiB before a large block", under_run, LARGE, MIB, "any any any"},
    {"under-run-1-huge", "writes 1 byte before a huge block", under_run, HUGE, 1, "unseen unseen unseen"},
    {"under-run-8-huge", "writes 8 bytes before a huge block", under_run, HUGE, 8, "unseen unseen unseen"},
    {"under-run-32-huge", "writes 32 bytes before a huge block", under_run, HUGE, 32, "unseen unseen unseen"},
    {"under-run-4096-huge", "writes 4096 bytes before a huge block", under_run, HUGE, 4096, "any any any"},
    {"under-run-mib-huge", "writes 1 MiB before a huge block", under_run, HUGE, MIB, "any any any"},
    {"overflow-1-of-class", "writes 1 byte behind a block of 64 bytes", overflow, 64, 1,
     "unseen unseen beyond"},
    {"overflow-8-of-class", "writes 8 bytes behind a block of 1024 bytes", overflow, KIB, 8,
     "unseen unseen beyond"},
    {"under-run-1-of-class", "writes 1 byte before a block of 64 bytes", under_run, 64, 1,
     "unseen unseen before"},
    {"overflow-1-of-16", "writes 1 byte behind a block of 16 bytes", overflow, 16, 1, "unseen unseen beyond"},
    {"overflow-1-of-1", "writes 1 byte behind a block of 1 byte", overflow, 1, 1, "unseen unseen beyond"},
    {"overflow-1-of-32-kib", "writes 1 byte behind a block of 32 KiB", overflow, 32 * KIB, 1,
     "unseen unseen beyond-run"},
    {"overflow-end-of-string", "writes a string's zero behind a small block", overflow_string, SMALL, 1,
     "unseen unseen beyond"},
    {"overflow-shrunk-small", "writes what fitted before realloc made the block smaller", overflow_shrunk,
     SMALL, 8, "unseen unseen beyond"},
    {"overflow-shrunk-medium", "writes what fitted before realloc made the block smaller", overflow_shrunk,
     MEDIUM, 100, "unseen unseen beyond"},
    {"overflow-in-place-small",
     "writes what fitted before realloc made the block smaller where it is, for want of memory",
     overflow_shrunk_in_place, SMALL, 8, "unseen unseen beyond"},
    {"overflow-in-place-medium",
     "writes what fitted before realloc made the block smaller where it is, for want of memory",
     overflow_shrunk_in_place, MEDIUM, 100, "unseen unseen beyond"},
    {"overflow-in-place-large",
     "writes what fitted before realloc made the block smaller where it is, for want of memory",
     overflow_shrunk_in_place, 40 * KIB, 1, "unseen unseen beyond-run"},
    {"overflow-grown", "writes 1 byte behind a block that realloc grew, and grows it again", overflow_grown,
     SMALL, 1, "unseen unseen beyond"},
    {"overflow-grown-little-small", "writes 1 byte behind a block that realloc grew by 2",
     overflow_grown_a_little, 35, 1, "unseen unseen beyond"},
    {"overflow-grown-little-medium", "writes 1 byte behind a block that realloc grew by 2",
     overflow_grown_a_little, MEDIUM, 1, "unseen unseen beyond"},
    {"overflow-before-growth-small", "writes 1 byte behind a block and grows it by 2",
     overflow_and_grow_a_little, 35, 1, "unseen unseen beyond"},
    {"overflow-before-growth-medium", "writes 1 byte behind a block and grows it by 2",
     overflow_and_grow_a_little, MEDIUM, 1, "unseen unseen beyond"},
    {"overflow-zeroed", "writes 1 byte behind a block of calloc", overflow_zeroed, SMALL, 1,
     "unseen unseen beyond"},
    {"overflow-aligned", "writes 1 byte behind a block of posix_memalign", overflow_aligned, 100, 1,
     "unseen unseen beyond"},
    {"overflow-leaked-small", "writes 1 byte behind a small block, and frees nothing", overflow_leaked, SMALL,
     1, "unseen unseen check:beyond"},
    {"overflow-leaked-medium", "writes 1 byte behind a medium block, and frees nothing", overflow_leaked,
     MEDIUM, 1, "unseen unseen check:beyond"},
    {"overflow-freed-by-another", "writes 1 byte behind a block that another thread frees",
     overflow_freed_by_another, SMALL, 1, "unseen unseen beyond"},
    {"overflow-kept", "writes 32 bytes behind a block that is never freed", overflow_kept, SMALL, 32,
     "unseen unseen before-next|list"},
};

int main(int argc, char **argv) {
    return bug_main(bugs, COUNT(bugs), argc, argv);
}
