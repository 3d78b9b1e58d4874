/* SPDX-License-Identifier: MIT
 *
 * Every misuse that can be seen dies by SIGABRT, with one line that says what the address is. `misuse` runs
 * all cases in a process each; `misuse ADDRESS CALL` is one case: it prints the address and makes the call.
 */
#include <malloc.h>
#include <sys/mman.h>

#include "misuse/death.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void *stack_address(void) {
    return (char *)__builtin_frame_address(0) - 64;
}

static void *static_address(void) {
    static char variable[64] __attribute__((aligned(64)));
    return variable;
}

static void *mapping_address(void) {
    return mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void *unmapped_address(void) {
    void *mapping = mapping_address();
    void *address = opaque_pointer(mapping);
    munmap(mapping, 8 * MIB);
    return address;
}

/* An address in a live block of the size. */
static void *inside(size_t size, size_t offset) {
    char *block = malloc(size);
    return block + offset;
}

static void *odd_address(void) {
    return inside(100, 1);
}

static void *half_aligned_address(void) {
    return inside(100, 8);
}

static void *odd_large_address(void) {
    return inside(100 * KIB, 1);
}

static void *inside_small_address(void) {
    return inside(100, 16);
}

static void *inside_large_address(void) {
    return inside(100 * KIB, 4 * KIB);
}

static void *next_unit_of_large_address(void) {
    return inside(300 * KIB, 64 * KIB);
}

static void *inside_huge_address(void) {
    return inside(9 * MIB, 4 * KIB);
}

static void *next_granule_of_huge_address(void) {
    return inside(9 * MIB, 4 * MIB);
}

/* The address of a block of the size that has been freed. */
static void *freed(size_t size) {
    void *block = malloc(size);
    void *address = opaque_pointer(block);
    memset(block, 1, size);
    free(block);
    return address;
}

static void *freed_small_address(void) {
    return freed(100);
}

/* Neither the first of its free list, nor the last live block of its slab. */
static void *freed_before_others_address(void) {
    static void *live;
    void *other = malloc(100);
    live = malloc(100);
    REQUIRE(live != NULL);
    void *address = freed(100);
    free(other);
    return address;
}

static void *freed_large_address(void) {
    return freed(100 * KIB);
}

static void *freed_huge_address(void) {
    return freed(3 * MIB);
}

static void *freed_huge_trimmed_address(void) {
    void *address = freed(3 * MIB);
    malloc_trim(0);
    return address;
}

/* In the middle of what was full of small blocks, and has gone back to the kernel. */
static void *freed_small_trimmed_address(void) {
    static void *blocks[200000];
    for (size_t i = 0; i < COUNT(blocks); i++) {
        blocks[i] = malloc(400);
    }
    void *address = opaque_pointer(blocks[COUNT(blocks) / 2]);
    for (size_t i = 0; i < COUNT(blocks); i++) {
        free(blocks[i]);
    }
    malloc_trim(0);
    return address;
}

static void *wild_address(void) {
    return (void *)(uintptr_t)0xdeadbeefdeadbeef;
}

static void *wild_aligned_address(void) {
    return (void *)(uintptr_t)0xdeadbeefdead0000;
}

static void *highest_address(void) {
    return (void *)(uintptr_t)-16;
}

static void *one_address(void) {
    return (void *)(uintptr_t)1;
}

static void *sixteen_address(void) {
    return (void *)(uintptr_t)16;
}

static void *page_address(void) {
    return (void *)(uintptr_t)4096;
}

#define FOREIGN                                                                                              \
    "not a block of this allocator: it is of the stack, static, mapped, of another allocator, or was freed " \
    "long ago. "                                                                                             \
    "Use what malloc returned."
#define FREED "already freed, or never allocated. Look for two owners of the block."
/* The block and its slab are known, and named in the rest of the line. */
#define INSIDE      "inside a block, not its start. Block 0x"
#define FREED_SMALL "already freed. Block 0x"

enum { FREE = 1, REALLOC = 2, USABLE_SIZE = 4, SIZED = REALLOC | USABLE_SIZE, ALL = FREE | SIZED };

/* What is made of an address by some calls, and the guard level from which on it is seen. */
static const struct misuse {
    const char *name;
    void *(*address)(void);
    unsigned calls;
    const char *guard;
    const char *what; /* how the message goes on after "freehold: CALL(ADDRESS): " */
} misuses[] = {
    {"stack", stack_address, ALL, "0", FOREIGN},
    {"static", static_address, ALL, "0", FOREIGN},
    {"mapping", mapping_address, ALL, "0", FOREIGN},
    {"unmapped", unmapped_address, ALL, "0", FOREIGN},
    {"wild", wild_address, ALL, "0", FOREIGN},
    {"wild-aligned", wild_aligned_address, ALL, "0", FOREIGN},
    {"highest", highest_address, ALL, "0", FOREIGN},
    {"one", one_address, ALL, "0", FOREIGN},
    {"sixteen", sixteen_address, ALL, "0", FOREIGN},
    {"page", page_address, ALL, "0", FOREIGN},
    {"odd", odd_address, ALL, "1", INSIDE},
    {"half-aligned", half_aligned_address, ALL, "1", INSIDE},
    {"inside-small", inside_small_address, ALL, "1", INSIDE},
    {"odd-large", odd_large_address, ALL, "0", INSIDE},
    {"inside-large", inside_large_address, ALL, "0", INSIDE},
    {"next-unit-of-large", next_unit_of_large_address, ALL, "0", INSIDE},
    {"inside-huge", inside_huge_address, ALL, "0", INSIDE},
    {"next-granule-of-huge", next_granule_of_huge_address, ALL, "0", INSIDE},
    {"freed-small", freed_small_address, ALL, "1", FREED_SMALL},
    {"freed-before-others", freed_before_others_address, ALL, "1", FREED_SMALL},
    {"freed-small-trimmed", freed_small_trimmed_address, ALL, "0", FOREIGN},
    {"freed-large", freed_large_address, ALL, "0", FREED},
    {"freed-huge", freed_huge_address, ALL, "0", FREED},
    {"freed-huge-trimmed", freed_huge_trimmed_address, ALL, "0", FOREIGN},
};

static void call_free(void *address) {
    free(address);
}

static void call_realloc(void *address) {
    free(realloc(address, 200));
}

static void call_usable_size(void *address) {
    (void)!malloc_usable_size(address);
}

static const struct call {
    const char *name;
    unsigned bit;
    void (*make)(void *);
} calls[] = {
    {"free", FREE, call_free},
    {"realloc", REALLOC, call_realloc},
    {"malloc_usable_size", USABLE_SIZE, call_usable_size},
};

static int run_case(const char *name, const char *call_name) {
    for (size_t m = 0; m < COUNT(misuses); m++) {
        for (size_t c = 0; c < COUNT(calls); c++) {
            if (strcmp(misuses[m].name, name) == 0 && strcmp(calls[c].name, call_name) == 0) {
                void *address = misuses[m].address();
                probe_write(STDOUT_FILENO, "%p", address);
                calls[c].make(address);
                return 0;
            }
        }
    }
    probe_write(STDERR_FILENO, "misuse: no case %s %s\n", name, call_name);
    return 2;
}

/* True if errors is the one line that starts so. */
static bool is_message(const char *errors, const char *start) {
    const char *end = strchr(errors, '\n');
    return strncmp(errors, start, strlen(start)) == 0 && end && !end[1];
}

/* Returns false, and says why, if the case did not die with exactly the right line. */
static bool check_case(const struct misuse *misuse, const struct call *call) {
    char self[] = "/proc/self/exe";
    char *const arguments[] = {self, (char *)misuse->name, (char *)call->name, NULL};
    struct death death;
    char start[512];
    setenv("FREEHOLD_GUARD", misuse->guard, 1);
    death_watch(&death, arguments);
    snprintf(start, sizeof(start), "freehold: %s(%s): %s", call->name, death.output, misuse->what);
    bool right = death_was_abort(&death) && is_message(death.errors, start);
    if (!right) {
        printf("%s of %s, guard %s\n  expected SIGABRT and: %s\n  got status %#x and: %s\n", call->name,
               misuse->name, misuse->guard, start, (unsigned)death.status, death.errors);
    }
    return right;
}

int main(int argc, char **argv) {
    if (argc == 3) {
        return run_case(argv[1], argv[2]);
    }
    int run = 0;
    int failed = 0;
    for (size_t m = 0; m < COUNT(misuses); m++) {
        for (size_t c = 0; c < COUNT(calls); c++) {
            if (misuses[m].calls & calls[c].bit) {
                run++;
                failed += !check_case(&misuses[m], &calls[c]);
            }
        }
    }
    /* NULL is no misuse. */
    free(opaque_pointer(NULL));
    REQUIRE(malloc_usable_size(opaque_pointer(NULL)) == 0);
    printf("%d of %d cases failed\n", failed, run);
    return failed != 0;
}
