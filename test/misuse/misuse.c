/* SPDX-License-Identifier: MIT
 *
 * Every misuse that can be seen dies by SIGABRT, with one line that says what the address is. `misuse` runs
 * all cases in a process each; `misuse ADDRESS CALL` is one case: it prints the address and makes the call.
 */
#include <malloc.h>
#include <pthread.h>
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

static void *freed_before_others_address(void) {
    void *other = malloc(100);
    void *address = freed(100);
    free(other);
    return address;
}

static void *free_block(void *block) {
    free(block);
    return NULL;
}

static void *freed_elsewhere_address(void) {
    void *block = malloc(100);
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, free_block, block) == 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
    return block;
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

#define FOREIGN   "no block of ours. "
#define UNALIGNED "not the start of a block. "
#define INSIDE    "inside a block. "
#define FREED     "already free. "

static const struct address {
    const char *name;
    void *(*make)(void);
    const char *what;  /* how the message goes on after "freehold: CALL(ADDRESS): " */
    const char *guard; /* the level that sees it */
} addresses[] = {
    {"stack", stack_address, FOREIGN, "0"},
    {"static", static_address, FOREIGN, "0"},
    {"mapping", mapping_address, FOREIGN, "0"},
    {"unmapped", unmapped_address, FOREIGN, "0"},
    {"wild", wild_address, FOREIGN, "0"},
    {"wild-aligned", wild_aligned_address, FOREIGN, "0"},
    {"highest", highest_address, FOREIGN, "0"},
    {"one", one_address, FOREIGN, "0"},
    {"sixteen", sixteen_address, FOREIGN, "0"},
    {"page", page_address, FOREIGN, "0"},
    {"odd", odd_address, UNALIGNED, "0"},
    {"half-aligned", half_aligned_address, UNALIGNED, "0"},
    {"odd-large", odd_large_address, UNALIGNED, "0"},
    {"inside-small", inside_small_address, INSIDE, "1"},
    {"inside-large", inside_large_address, INSIDE, "0"},
    {"next-unit-of-large", next_unit_of_large_address, INSIDE, "0"},
    {"inside-huge", inside_huge_address, INSIDE, "0"},
    {"next-granule-of-huge", next_granule_of_huge_address, INSIDE, "0"},
    {"freed-small", freed_small_address, FREED, "0"},
    {"freed-before-others", freed_before_others_address, FREED, "1"},
    {"freed-elsewhere", freed_elsewhere_address, FREED, "1"},
    {"freed-small-trimmed", freed_small_trimmed_address, FREED, "0"},
    {"freed-large", freed_large_address, FREED, "0"},
    {"freed-huge", freed_huge_address, FREED, "0"},
    {"freed-huge-trimmed", freed_huge_trimmed_address, FREED, "0"},
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
    void (*make)(void *);
} calls[] = {{"free", call_free}, {"realloc", call_realloc}, {"malloc_usable_size", call_usable_size}};

static int run_case(const char *address_name, const char *call_name) {
    for (size_t a = 0; a < COUNT(addresses); a++) {
        for (size_t c = 0; c < COUNT(calls); c++) {
            if (strcmp(addresses[a].name, address_name) == 0 && strcmp(calls[c].name, call_name) == 0) {
                void *address = addresses[a].make();
                dprintf(STDOUT_FILENO, "%p", address);
                calls[c].make(address);
                return 0;
            }
        }
    }
    dprintf(STDERR_FILENO, "misuse: no case %s %s\n", address_name, call_name);
    return 2;
}

/* Returns false, and says why, if the case did not die with exactly the right line. */
static bool check_case(const struct address *address, const struct call *call) {
    char self[] = "/proc/self/exe";
    char *const arguments[] = {self, (char *)address->name, (char *)call->name, NULL};
    struct death death;
    setenv("FREEHOLD_GUARD", address->guard, 1);
    death_watch(&death, arguments);
    char start[256];
    snprintf(start, sizeof(start), "freehold: %s(%s): %s", call->name, death.output, address->what);
    const char *end = strchr(death.errors, '\n');
    bool right =
        death_was_abort(&death) && strncmp(death.errors, start, strlen(start)) == 0 && end && !end[1];
    printf("%-4s %s of %s, guard %s\n", right ? "ok" : "FAIL", call->name, address->name, address->guard);
    if (!right) {
        printf("     expected SIGABRT and one line: %s...\n     got status %#x and: %s\n", start,
               (unsigned)death.status, death.errors);
    }
    return right;
}

int main(int argc, char **argv) {
    if (argc == 3) {
        return run_case(argv[1], argv[2]);
    }
    int failed = 0;
    for (size_t a = 0; a < COUNT(addresses); a++) {
        for (size_t c = 0; c < COUNT(calls); c++) {
            failed += !check_case(&addresses[a], &calls[c]);
        }
    }
    /* NULL is no misuse. */
    free(opaque_pointer(NULL));
    REQUIRE(malloc_usable_size(opaque_pointer(NULL)) == 0);
    printf("%d failed\n", failed);
    return failed != 0;
}
