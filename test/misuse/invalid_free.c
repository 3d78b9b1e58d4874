/* SPDX-License-Identifier: MIT
 *
 * Frees, or hands to another call, what malloc has not returned. */
#include <sys/mman.h>

#include "misuse/bug.h"

static void of_stack(size_t size, size_t amount) {
    char variable[256] __attribute__((aligned(64)));
    memset(variable, (int)amount, sizeof(variable));
    release(note(variable));
    carry_on(size);
}

static void of_static(size_t size, size_t amount) {
    static char variable[256] __attribute__((aligned(64)));
    memset(variable, (int)amount, sizeof(variable));
    release(note(variable));
    carry_on(size);
}

static void of_function(size_t size, size_t amount) {
    (void)amount;
    release(note((void *)(uintptr_t)carry_on));
    carry_on(size);
}

static void of_environment(size_t size, size_t amount) {
    release(note(environ[amount]));
    carry_on(size);
}

static void of_mapping(size_t size, size_t amount) {
    char *mapping = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(mapping != MAP_FAILED);
    release(note(mapping + amount));
    carry_on(size);
}

static void of_unmapped(size_t size, size_t amount) {
    char *mapping = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(mapping != MAP_FAILED);
    munmap(mapping, 8 * MIB);
    release(note(mapping + amount));
    carry_on(size);
}

static void of_number(size_t size, size_t amount) {
    release(note((void *)(uintptr_t)amount));
    carry_on(size);
}

static void of_inside(size_t size, size_t amount) {
    char *block = make(size);
    release(note(block + amount));
    release(block);
    carry_on(size);
}

/* As by a program that keeps something in the upper bits of a pointer, and forgets to mask it. */
static void *tagged(size_t size, size_t bit) {
    return note((void *)((uintptr_t)make(size) | (uintptr_t)1 << bit));
}

static void of_tagged(size_t size, size_t amount) {
    release(tagged(size, amount));
    carry_on(size);
}

static void of_tagged_by_another(size_t size, size_t amount) {
    run_in_thread(free_in_thread, tagged(size, amount));
    carry_on(size);
}

/* As from a pointer that has been moved along the block. */
static void of_inside_another_thread(size_t size, size_t amount) {
    char *block = make(size);
    run_in_thread(free_in_thread, note(block + amount));
    release(block);
    carry_on(size);
}

static void of_before(size_t size, size_t amount) {
    void *neighbour = make(size);
    char *block = make(size);
    release(note(block - amount));
    release(block);
    release(neighbour);
    carry_on(size);
}

static void of_behind(size_t size, size_t amount) {
    char *block = make(size);
    release(note(block + size + amount));
    release(block);
    carry_on(size);
}

/* Where blocks of the size begin, but none has been handed out. */
static void of_never_allocated(size_t size, size_t amount) {
    char *block = make(size);
    release(note(block + malloc_usable_size(block) * amount));
    release(block);
    carry_on(size);
}

/* All bits that tell blocks of the size apart from what is inside of them. */
static void of_aligned_inside(size_t size, size_t amount) {
    void *block = NULL;
    REQUIRE(posix_memalign(&block, size, 4 * size) == 0);
    release(note((char *)block + amount));
    release(block);
    carry_on(size);
}

static void realloc_of_stack(size_t size, size_t amount) {
    char variable[256] __attribute__((aligned(64)));
    memset(variable, 1, sizeof(variable));
    release(realloc(note(variable), amount));
    carry_on(size);
}

static void realloc_of_inside(size_t size, size_t amount) {
    char *block = make(size);
    release(realloc(note(block + amount), 2 * size));
    release(block);
    carry_on(size);
}

static void realloc_of_number(size_t size, size_t amount) {
    release(realloc(note((void *)(uintptr_t)amount), size));
    carry_on(size);
}

static void usable_size_of_static(size_t size, size_t amount) {
    static char variable[256] __attribute__((aligned(64)));
    memset(variable, (int)amount, sizeof(variable));
    (void)!malloc_usable_size(note(variable));
    carry_on(size);
}

static void usable_size_of_inside(size_t size, size_t amount) {
    char *block = make(size);
    (void)!malloc_usable_size(note(block + amount));
    release(block);
    carry_on(size);
}

static const struct bug bugs[] = {
    {"of-stack", "frees a variable of the stack", of_stack, SMALL, 0, "foreign foreign foreign"},
    {"of-static", "frees a static variable", of_static, SMALL, 0, "foreign foreign foreign"},
    {"of-function", "frees a function", of_function, SMALL, 0, "foreign foreign foreign"},
    {"of-environment", "frees a string of the environment", of_environment, SMALL, 0,
     "foreign foreign foreign"},
    {"of-mapping", "frees what mmap has returned", of_mapping, SMALL, 0, "foreign foreign foreign"},
    {"of-mapping-inside", "frees an address in a mapping", of_mapping, SMALL, 4096 + 16,
     "foreign foreign foreign"},
    {"of-mapping-granule", "frees an address in a mapping, 4 MiB on", of_mapping, SMALL, 4 * MIB,
     "foreign foreign foreign"},
    {"of-unmapped", "frees what has been unmapped", of_unmapped, SMALL, 64, "foreign foreign foreign"},
    {"of-1", "frees address 1", of_number, SMALL, 1, "foreign foreign foreign"},
    {"of-16", "frees address 16", of_number, SMALL, 16, "foreign foreign foreign"},
    {"of-page", "frees address 4096", of_number, SMALL, 4096, "foreign foreign foreign"},
    {"of-wild", "frees an address that no process has", of_number, SMALL, 0xdeadbeefdeadbeef,
     "foreign foreign foreign"},
    {"of-wild-aligned", "frees an aligned address that no process has", of_number, SMALL, 0xdeadbeefdead0000,
     "foreign foreign foreign"},
    {"of-far", "frees an address of the highest that a process has", of_number, SMALL, 0x7fffffffe000,
     "foreign foreign foreign"},
    {"of-last", "frees the last address", of_number, SMALL, (size_t)-16, "foreign foreign foreign"},
    {"of-inside-1", "frees a small block from its second byte on", of_inside, 100, 1, "any inside inside"},
    {"of-inside-8", "frees a small block from its second word on", of_inside, 100, 8, "any inside inside"},
    {"of-inside-16", "frees a small block from its 16th byte on", of_inside, 100, 16, "any inside inside"},
    {"of-inside-half", "frees the second half of a small block", of_inside, 64, 32, "any inside inside"},
    {"of-inside-medium", "frees a medium block from its 16th byte on", of_inside, MEDIUM, 16,
     "any inside inside"},
    {"of-inside-medium-odd", "frees a medium block from an odd address on", of_inside, MEDIUM, 1001,
     "any inside inside"},
    {"of-inside-32-kib", "frees the second half of 32 KiB", of_inside, 32 * KIB, 16 * KIB,
     "any inside inside|inside-run"},
    {"of-inside-large", "frees a large block from its 16th byte on", of_inside, LARGE, 16,
     "inside-run inside-run inside-run"},
    {"of-inside-large-page", "frees a large block from its second page on", of_inside, LARGE, 4096,
     "inside-run inside-run inside-run"},
    {"of-inside-large-unit", "frees a large block 64 KiB on", of_inside, 3 * LARGE, 64 * KIB,
     "inside-run inside-run inside-run"},
    {"of-inside-huge", "frees a huge block from its 16th byte on", of_inside, HUGE, 16,
     "inside-run inside-run inside-run"},
    {"of-inside-huge-page", "frees a huge block from its second page on", of_inside, HUGE, 4096,
     "inside-run inside-run inside-run"},
    {"of-inside-huge-granule", "frees a huge block 4 MiB on", of_inside, HUGE, 4 * MIB,
     "inside-run inside-run inside-run"},
    {"of-inside-aligned", "frees a block aligned to 256 64 bytes on", of_aligned_inside, 256, 64,
     "any inside inside"},
    {"of-inside-by-another", "another thread frees a small block from its 16th byte on",
     of_inside_another_thread, 100, 16, "inside inside inside"},
    {"of-inside-by-another-odd", "another thread frees a small block from its second byte on",
     of_inside_another_thread, 100, 1, "inside inside inside"},
    {"of-inside-by-another-large", "another thread frees a large block from its second page on",
     of_inside_another_thread, LARGE, 4096, "inside-run inside-run inside-run"},
    {"of-tagged", "frees a small block by a pointer with a bit set that no address has", of_tagged, 100, 56,
     "any foreign foreign"},
    {"of-tagged-large", "frees a large block by a pointer with a bit set that no address has", of_tagged,
     LARGE, 56, "foreign foreign foreign"},
    {"of-tagged-by-another", "another thread frees a block by a pointer with a bit set that no address has",
     of_tagged_by_another, 100, 56, "foreign foreign foreign"},
    {"of-before-16", "frees 16 bytes before a small block", of_before, 100, 16,
     "any inside inside|inside-free|between"},
    {"of-before-1", "frees 1 byte before a medium block", of_before, MEDIUM, 1,
     "any inside inside|inside-free|between"},
    {"of-before-huge", "frees a page before a huge block", of_before, HUGE, 4096, "foreign foreign foreign"},
    {"of-behind", "frees the end of a small block", of_behind, SMALL, 0, "any inside inside"},
    {"of-behind-medium", "frees the end of a medium block", of_behind, MEDIUM, 0, "any inside inside"},
    {"of-never-allocated", "frees where a small block might be, but none has been made", of_never_allocated,
     100, 200, "any never never|inside-never"},
    {"of-never-allocated-medium", "frees where a medium block might be, but none has been made",
     of_never_allocated, MEDIUM, 20, "any never never|inside-never"},
    {"realloc-of-stack", "reallocs a variable of the stack", realloc_of_stack, SMALL, 100,
     "realloc:foreign realloc:foreign realloc:foreign"},
    {"realloc-of-inside-8", "reallocs a small block from its second word on", realloc_of_inside, SMALL, 8,
     "realloc:inside realloc:inside realloc:inside"},
    {"realloc-of-inside-16", "reallocs a small block from its 16th byte on", realloc_of_inside, SMALL, 16,
     "realloc:inside realloc:inside realloc:inside"},
    {"realloc-of-inside-large", "reallocs a large block from its second page on", realloc_of_inside, LARGE,
     4096, "realloc:inside-run realloc:inside-run realloc:inside-run"},
    {"realloc-of-inside-huge", "reallocs a huge block 4 MiB on", realloc_of_inside, HUGE, 4 * MIB,
     "realloc:inside-run realloc:inside-run realloc:inside-run"},
    {"realloc-of-16", "reallocs address 16", realloc_of_number, SMALL, 16,
     "realloc:foreign realloc:foreign realloc:foreign"},
    {"realloc-of-wild", "reallocs an address that no process has", realloc_of_number, SMALL,
     0xdeadbeefdeadbeef, "realloc:foreign realloc:foreign realloc:foreign"},
    {"usable-size-of-static", "asks for the size of a static variable", usable_size_of_static, SMALL, 0,
     "malloc_usable_size:foreign malloc_usable_size:foreign malloc_usable_size:foreign"},
    {"usable-size-of-inside", "asks for the size of a small block from its 16th byte on",
     usable_size_of_inside, SMALL, 16,
     "malloc_usable_size:inside malloc_usable_size:inside malloc_usable_size:inside"},
};

int main(int argc, char **argv) {
    return bug_main(bugs, COUNT(bugs), argc, argv);
}
