/* SPDX-License-Identifier: MIT
 *
 * Uses the bytes that a block of size 0 has not got. */
#include "misuse/bug.h"

/* A block of size 0 is written as a block of the size. */
static void use(char *block, size_t size) {
    REQUIRE(block != NULL);
    memset(note(block), 'A', size);
    release(block);
    carry_on(SMALL);
}

static void of_malloc(size_t size, size_t amount) {
    (void)amount;
    use(malloc(opaque_size(0)), size);
}

static void of_calloc(size_t size, size_t amount) {
    use(calloc(opaque_size(0), amount), size);
}

static void of_aligned(size_t size, size_t amount) {
    void *block = NULL;
    REQUIRE(posix_memalign(&block, amount, opaque_size(0)) == 0);
    use(block, size);
}

static void of_memalign(size_t size, size_t amount) {
    use(memalign(amount, opaque_size(0)), size);
}

static void of_realloc(size_t size, size_t amount) {
    (void)amount;
    use(realloc(opaque_pointer(NULL), opaque_size(0)), size);
}

static void read_of_malloc(size_t size, size_t amount) {
    (void)amount;
    char *block = note(malloc(opaque_size(0)));
    for (size_t i = 0; i < size; i++) {
        (void)((volatile char *)block)[i];
    }
    release(block);
}

/* The size was computed, and came out as 0. */
static void of_count(size_t size, size_t amount) {
    unsigned short count = (unsigned short)(amount / 2);
    count = (unsigned short)(count + opaque_size(amount - amount / 2));
    use(malloc((unsigned short)(count - amount)), size);
}

static void free_twice(size_t size, size_t amount) {
    (void)amount;
    void *block = note(malloc(opaque_size(0)));
    release(block);
    release(block);
    carry_on(size);
}

static const struct bug bugs[] = {
    {"write-1", "writes the first byte of malloc(0)", of_malloc, 1, 0, "unseen unseen beyond"},
    {"write-8", "writes 8 bytes of malloc(0)", of_malloc, 8, 0, "unseen unseen beyond"},
    {"write-16", "writes 16 bytes of malloc(0)", of_malloc, 16, 0, "unseen unseen beyond"},
    {"write-64", "writes 64 bytes of malloc(0)", of_malloc, 64, 0, "unseen unseen beyond"},
    {"write-calloc", "writes the first byte of calloc(0, 8)", of_calloc, 1, 8, "unseen unseen beyond"},
    {"write-aligned", "writes the first byte of 0 bytes aligned to 16", of_aligned, 1, 16,
     "unseen unseen beyond"},
    {"write-aligned-64", "writes the first byte of 0 bytes aligned to 64", of_aligned, 1, 64,
     "unseen unseen beyond"},
    {"write-memalign", "writes the first byte of memalign(4096, 0)", of_memalign, 1, 4096,
     "unseen unseen beyond"},
    {"write-realloc", "writes the first byte of realloc(NULL, 0)", of_realloc, 1, 0, "unseen unseen beyond"},
    {"write-count", "writes a block whose size was computed, and came out as 0", of_count, 8, 65535,
     "unseen unseen beyond"},
    {"read-1", "reads the first byte of malloc(0)", read_of_malloc, 1, 0, "unseen unseen unseen"},
    {"free-twice", "frees malloc(0) twice", free_twice, 1, 0, "any freed freed"},
};

int main(int argc, char **argv) {
    return bug_main(bugs, COUNT(bugs), argc, argv);
}
