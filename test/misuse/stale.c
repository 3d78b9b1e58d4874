/* SPDX-License-Identifier: MIT
 *
 * Reads and writes blocks that have been freed, or not been written yet. */
#include <malloc.h>

#include "misuse/bug.h"

enum { KEPT = 3000 }; /* blocks that are made after the bug: more than any cache holds */

/* Until the memory is used again. */
static void reuse(size_t size) {
    static void *kept[KEPT];
    size_t count = size > 64 * KIB ? 8 : size > KIB ? KEPT / 10 : KEPT;
    for (size_t i = 0; i < count; i++) {
        kept[i] = make(size);
    }
    for (size_t i = 0; i < count; i++) {
        release(kept[i]);
    }
    carry_on(size);
}

static void write_word(size_t size, size_t offset) {
    void *neighbour = make(size);
    char *block = make(size);
    release(block);
    memset((char *)note(block) + offset, 'A', 8);
    release(neighbour);
    reuse(size);
}

static void write_byte(size_t size, size_t offset) {
    char *block = make(size);
    release(block);
    ((char *)note(block))[offset] ^= 1;
    reuse(size);
}

static void write_all(size_t size, size_t amount) {
    (void)amount;
    char *block = make(size);
    release(block);
    memset(note(block), 'A', size);
    reuse(size);
}

/* Many are free; the one that is written lies among them. */
static void write_among_others(size_t size, size_t amount) {
    void **blocks = (void **)(void *)make(amount * sizeof(void *));
    for (size_t i = 0; i < amount; i++) {
        blocks[i] = make(size);
    }
    for (size_t i = 0; i < amount; i++) {
        release(blocks[i]);
    }
    memset(note(blocks[amount / 2]), 'A', 8);
    reuse(size);
}

/* The list that it is in is not used for an allocation. */
static void write_and_leave(size_t size) {
    char *neighbour = make(size), *block = make(size);
    release(neighbour);
    release(block);
    memset(note(block), 'A', 8);
}

static void write_and_trim(size_t size, size_t amount) {
    (void)amount;
    write_and_leave(size);
    malloc_trim(0);
    carry_on(size);
}

static void *write_at_the_end(void *size) {
    write_and_leave(*(const size_t *)size);
    return NULL;
}

static void write_and_exit(size_t size, size_t amount) {
    (void)amount;
    run_in_thread(write_at_the_end, &size);
    carry_on(size);
}

/* Another thread has freed it. */
static void write_after_remote(size_t size, size_t offset) {
    char *block = make(size);
    void *neighbour = make(size);
    run_in_thread(free_in_thread, block);
    memset((char *)note(block) + offset, 'A', 8);
    release(neighbour);
    reuse(size);
}

/* A link of a list is made to point to what is no free block. */
static void link_to(void *forged, size_t size) {
    char *block = make(size);
    void *other = make(size);
    release(other);
    release(block);
    memcpy(note(block), &forged, sizeof(forged));
    reuse(size);
}

/* Into the program's own memory, as an attacker would do. */
static void forge_link(size_t size, size_t amount) {
    static char target[4096] __attribute__((aligned(4096)));
    link_to(target + amount, size);
}

static void forge_live_link(size_t size, size_t amount) {
    link_to((char *)make(size) + amount, size);
}

static void overflow_into_free(size_t size, size_t amount) {
    enum { BLOCKS = 16 };
    char *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = make(size);
    }
    for (size_t i = 0; i < BLOCKS; i += 2) {
        release(blocks[i]);
    }
    memset((char *)note(blocks[BLOCKS / 2 + 1]), 'A', size + amount);
    memset((char *)note(blocks[BLOCKS / 2 - 1]), 'A', size + amount);
    reuse(size);
    for (size_t i = 1; i < BLOCKS; i += 2) {
        release(blocks[i]);
    }
}

/* What a program that follows a pointer in freed memory does: a filled block stops it. */
static void read_pointer(size_t size, size_t offset) {
    static int target = 1;
    char *block = make(size);
    int *pointer = &target;
    memcpy(block + offset, &pointer, sizeof(pointer));
    release(block);
    memcpy(&pointer, (char *)note(block) + offset, sizeof(pointer));
    REQUIRE(*(volatile int *)pointer == 1);
    carry_on(size);
}

/* The same with a block that is new, and holds what the last owner left. */
static void read_uninitialised(size_t size, size_t offset) {
    static int target = 1;
    int *pointer = &target;
    char *block = make(size);
    memcpy(block + offset, &pointer, sizeof(pointer));
    release(block);
    char *again = malloc(size);
    memcpy(&pointer, (char *)note(again) + offset, sizeof(pointer));
    if (pointer == &target || pointer != NULL) {
        REQUIRE(*(volatile int *)pointer == 1);
    }
    release(again);
    carry_on(size);
}

static void read_behind(size_t size, size_t amount) {
    char *block = note(make(size));
    unsigned sum = 0;
    for (size_t i = 0; i < size + amount; i++) {
        sum += ((volatile char *)block)[i];
    }
    REQUIRE(sum != 0);
    release(block);
    carry_on(size);
}

static const struct bug bugs[] = {
    {"write-first-word-least", "writes the first word of the smallest block after free", write_word, 16, 0,
     "unseen missed written"},
    {"write-second-word-least", "writes the second word of the smallest block after free", write_word, 16, 8,
     "unseen unseen written"},
    {"write-first-word-small", "writes the first word of a small block after free", write_word, SMALL, 0,
     "unseen missed written"},
    {"write-second-word-small", "writes the second word of a small block after free", write_word, SMALL, 8,
     "unseen unseen written"},
    {"write-third-word-small", "writes the third word of a small block after free", write_word, SMALL, 16,
     "unseen unseen written"},
    {"write-last-byte-small", "writes the last byte of a small block after free", write_byte, SMALL,
     SMALL - 1, "unseen unseen written"},
    {"write-all-small", "writes all of a small block after free", write_all, SMALL, 0,
     "unseen missed written"},
    {"write-first-word-medium", "writes the first word of a medium block after free", write_word, MEDIUM, 0,
     "unseen missed written"},
    {"write-middle-medium", "writes the middle of a medium block after free", write_word, MEDIUM, 1000,
     "unseen unseen written"},
    {"write-last-byte-medium", "writes the last byte of a medium block after free", write_byte, MEDIUM,
     MEDIUM - 1, "unseen unseen written"},
    {"write-all-medium", "writes all of a medium block after free", write_all, MEDIUM, 0,
     "unseen missed written"},
    {"write-first-word-large", "writes the first word of a large block after free", write_word, LARGE, 0,
     "unseen unseen written-run"},
    {"write-middle-large", "writes the middle of a large block after free", write_word, LARGE, LARGE / 2,
     "unseen unseen written-run"},
    {"write-first-word-huge", "writes the first word of a huge block after free", write_word, HUGE, 0,
     "unseen unseen fault-freed"},
    {"write-middle-huge", "writes the middle of a huge block after free", write_word, HUGE, HUGE / 2,
     "unseen unseen fault-freed"},
    {"write-among-others-small", "writes a small block after free, among 500 that are free",
     write_among_others, SMALL, 500, "unseen missed written"},
    {"write-among-others-medium", "writes a medium block after free, among 100 that are free",
     write_among_others, MEDIUM, 100, "unseen missed written"},
    {"write-and-trim-small", "writes the first word of a small block after free, and trims", write_and_trim,
     SMALL, 0, "link link written"},
    {"write-and-trim-medium", "writes the first word of a medium block after free, and trims", write_and_trim,
     MEDIUM, 0, "link link written"},
    {"write-and-exit-small", "a thread writes the first word of a small block after free, and ends",
     write_and_exit, SMALL, 0, "link link written"},
    {"write-and-exit-medium", "a thread writes the first word of a medium block after free, and ends",
     write_and_exit, MEDIUM, 0, "link link written"},
    {"write-after-remote-first", "writes the first word of a small block that another thread has freed",
     write_after_remote, SMALL, 0, "any batch-link|list batch-link|written|malloc:written|list"},
    {"write-after-remote-third", "writes the third word of a small block that another thread has freed",
     write_after_remote, SMALL, 16, "any any batch|written|malloc:written|list"},
    {"forge-link-small", "makes the first word of a free small block point to a variable", forge_link, SMALL,
     64, "any missed written"},
    {"forge-link-medium", "makes the first word of a free medium block point to a variable", forge_link,
     MEDIUM, 64, "any missed written"},
    {"forge-link-live", "makes the first word of a free small block point to a live one", forge_live_link,
     SMALL, 0, "unseen missed written"},
    {"overflow-into-free-16", "writes 16 bytes behind a small block, into one that is free",
     overflow_into_free, 64, 16, "unseen missed beyond|before-next|list|written-other"},
    {"overflow-into-free-1", "writes 1 byte behind a small block, into one that is free", overflow_into_free,
     64, 1, "unseen missed beyond|before-next|list|written-other"},
    {"read-first-word-small", "follows the first word of a small block after free", read_pointer, SMALL, 0,
     "unseen unseen crashed"},
    {"read-middle-small", "follows a pointer in a small block after free", read_pointer, SMALL, 24,
     "unseen unseen crashed"},
    {"read-middle-medium", "follows a pointer in a medium block after free", read_pointer, MEDIUM, 1000,
     "unseen unseen crashed"},
    {"read-middle-huge", "follows a pointer in a huge block after free", read_pointer, HUGE, MIB,
     "unseen unseen fault-freed"},
    {"uninitialised-small", "follows a pointer in a new small block", read_uninitialised, SMALL, 24,
     "unseen unseen crashed"},
    {"uninitialised-medium", "follows a pointer in a new medium block", read_uninitialised, MEDIUM, 1000,
     "unseen unseen crashed"},
    {"read-behind-small", "reads 8 bytes behind a small block", read_behind, SMALL, 8,
     "unseen unseen unseen"},
    {"read-behind-mib", "reads 1 MiB behind a huge block", read_behind, HUGE, MIB, "unseen unseen unseen"},
};

int main(int argc, char **argv) {
    return bug_main(bugs, COUNT(bugs), argc, argv);
}
