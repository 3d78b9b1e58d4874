/* SPDX-License-Identifier: MIT
 *
 * FREEHOLD_CRASH_REPORT: whoever dies of a fault has said what the allocator knows of the address, and dies
 * as without; a handler of the program's is called as without. `crash` runs all cases in a process each;
 * `crash CASE` is one: it prints the address, and faults there. */
#include <pthread.h>
#include <sys/mman.h>

#include "misuse/death.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { OWN_STATUS = 7, PAGE = 4096 };

static const size_t alone = 600 * MIB; /* of a block that has a mapping of its own */
static struct sigaction former;

static void touch(char *address) {
    char line[32];
    int length = snprintf(line, sizeof(line), "%p", (void *)address);
    REQUIRE(write(STDOUT_FILENO, line, (size_t)length) == length);
    *(volatile char *)address = 1;
}

static void *page_of(void *address) {
    return (void *)((uintptr_t)address & ~(uintptr_t)(PAGE - 1));
}

static void protect(void *address, int protection) {
    REQUIRE(mprotect(page_of(address), PAGE, protection) == 0);
}

static void null(void) {
    touch(opaque_pointer((void *)24));
}

static void far_away(void) {
    char *page = mmap(NULL, 64 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    REQUIRE(page != MAP_FAILED);
    touch(page + 32 * MIB);
}

static void wild(void) {
    *(volatile char *)opaque_pointer((void *)0x4142434445464748) = 1;
}

/* A block that ends where nothing is mapped, were it because the block above has been freed. */
static void behind_huge(void) {
    char *above = NULL;
    for (int tries = 0; tries < 8; tries++) {
        char *block = opaque_pointer(malloc(alone));
        REQUIRE(block != NULL);
        char *end = block + malloc_usable_size(block);
        if (end == above) {
            free(above);
        }
        /* Refused where something is mapped. */
        void *hole = mmap(end, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (hole == end) {
            touch(end + 100);
        }
        above = block;
    }
}

/* Behind the end of a block, in the granule that it shares with nobody. */
static void behind_short(void) {
    char *block = opaque_pointer(malloc(9 * MIB));
    char *end = block + malloc_usable_size(block);
    protect(end, PROT_NONE);
    touch(end + 8);
}

static void in_huge(void) {
    char *block = opaque_pointer(malloc(9 * MIB));
    protect(block + 5 * MIB, PROT_NONE);
    touch(block + 5 * MIB);
}

static void in_unmapped(void) {
    char *block = opaque_pointer(malloc(alone));
    char *address = opaque_pointer(block + 5000);
    REQUIRE(block != NULL);
    free(block);
    touch(address);
}

static void in_freed_huge(void) {
    char *block = opaque_pointer(malloc(9 * MIB));
    char *address = opaque_pointer(block + 6 * MIB);
    free(block);
    protect(address, PROT_NONE);
    touch(address);
}

/* The region was the block's alone, and is unmapped. */
static void in_trimmed(void) {
    char *block = opaque_pointer(malloc(9 * MIB));
    char *address = opaque_pointer(block + 6 * MIB);
    free(block);
    malloc_trim(0);
    touch(address);
}

static void in_large(void) {
    char *block = opaque_pointer(malloc(100 * KIB));
    protect(block + 70 * KIB, PROT_READ);
    touch(block + 70 * KIB);
}

static void in_small(void) {
    char *block = opaque_pointer(malloc(1000));
    protect(block + 40, PROT_READ);
    touch(block + 40);
}

static void in_freed_small(void) {
    char *block = opaque_pointer(malloc(1000));
    char *address = opaque_pointer(block);
    free(block);
    protect(address, PROT_READ);
    touch(address);
}

static void in_hidden_small(void) {
    char *block = opaque_pointer(malloc(1000));
    protect(block, PROT_NONE);
    touch(block);
}

static void run_block(void) {
    char *block = opaque_pointer(malloc(1000));
    void (*function)(void) = (void (*)(void))block;
    function();
}

static void beyond_file(void) {
    int file = memfd_create("crash", MFD_CLOEXEC);
    char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    REQUIRE(page != MAP_FAILED);
    touch(page);
}

static void stop(void) {
    abort();
}

static void misuse(void) {
    char *block = opaque_pointer(malloc(100));
    char *again = opaque_pointer(block);
    free(block);
    free(again);
}

static void sent(void) {
    kill(getpid(), SIGSEGV);
    sleep(1);
}

static void *run_null(void *unused) {
    null();
    return unused;
}

static void in_thread(void) {
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, run_null, NULL) == 0);
    pthread_join(thread, NULL);
}

/* NOLINTNEXTLINE(misc-no-recursion) */
static size_t overflow(size_t depth) {
    volatile char room[PAGE];
    room[0] = (char)depth;
    return depth == SIZE_MAX ? 0 : overflow(depth + 1) + (size_t)room[0];
}

static void stack(void) {
    (void)overflow(0);
}

static void handle_own(int number, siginfo_t *info, void *context) {
    _exit(number == SIGSEGV && info->si_addr == (void *)24 && context != NULL ? OWN_STATUS : 1);
}

static void handle_simply(int number) {
    _exit(number == SIGSEGV ? OWN_STATUS : 1);
}

static void handle_and_go_on(int number, siginfo_t *info, void *context) {
    former.sa_sigaction(number, info, context);
}

static void install(void (*handler)(int, siginfo_t *, void *)) {
    struct sigaction action = {.sa_flags = SA_SIGINFO};
    action.sa_sigaction = handler;
    REQUIRE(sigaction(SIGSEGV, &action, &former) == 0);
}

static void after(void) {
    install(handle_own);
    null();
}

static void around(void) {
    install(handle_and_go_on);
    null();
}

/* Before any library's constructors. */
static void install_early(int argc, char **argv, char **environment) {
    (void)environment;
    if (argc == 2 && strcmp(argv[1], "before") == 0) {
        install(handle_own);
    } else if (argc == 2 && strcmp(argv[1], "before-simple") == 0) {
        signal(SIGSEGV, handle_simply);
    }
}

__attribute__((section(".preinit_array"), used)) static void (*early)(int, char **, char **) = install_early;

/* What is said holds the address where "@" is; the rest of the line may be anything. NULL: nothing is said.
 */
static const struct {
    const char *name;
    void (*run)(void);
    int signal; /* 0: it exits with OWN_STATUS */
    const char *said[3];
} cases[] = {
    {"null", null, SIGSEGV, {"freehold: SIGSEGV at @ in thread ", "a null pointer, or a member of nothing."}},
    {"far", far_away, SIGSEGV, {"SIGSEGV at @ in thread ", "not of this allocator, nor near a block of it."}},
    {"wild", wild, SIGSEGV, {"SIGSEGV in thread ", "that the kernel does not tell"}},
    {"behind-huge",
     behind_huge,
     SIGSEGV,
     {"SIGSEGV at @ in", " of 629145600 bytes, live, @ is 100 bytes behind its end;"}},
    {"behind-short", behind_short, SIGSEGV, {" of 9437184 bytes, live, @ is 8 bytes behind its end;"}},
    {"in-huge", in_huge, SIGSEGV, {" of 9437184 bytes, live, @ is 5242880 bytes into it;"}},
    {"in-unmapped", in_unmapped, SIGSEGV, {"in memory of this allocator that was freed and unmapped."}},
    {"in-freed-huge", in_freed_huge, SIGSEGV, {"in memory of this allocator that is in no live block."}},
    {"in-trimmed", in_trimmed, SIGSEGV, {"in memory of this allocator that was freed and unmapped."}},
    {"in-large", in_large, SIGSEGV, {" of 131072 bytes, live, @ is 71680 bytes into it; before it: "}},
    {"in-small",
     in_small,
     SIGSEGV,
     {" of 1024 bytes, live, @ is 40 bytes into it;", "of a slab of 1024-byte blocks, owner thread "}},
    {"in-freed-small",
     in_freed_small,
     SIGSEGV,
     {" of 1024 bytes, free, @ is 0 bytes into it;", "after it was freed"}},
    {"in-hidden-small", in_hidden_small, SIGSEGV, {" of 1024 bytes, unreadable, @ is 0 bytes into it;"}},
    {"run", run_block, SIGSEGV, {" of 1024 bytes, live, ", "but not run"}},
    {"bus", beyond_file, SIGBUS, {"SIGBUS at @ in thread ", "not of this allocator"}},
    {"abort", stop, SIGABRT, {"freehold: SIGABRT in thread "}},
    {"misuse", misuse, SIGABRT, {"already freed", "freehold: SIGABRT in thread "}},
    {"sent", sent, SIGSEGV, {"freehold: SIGSEGV in thread ", "sent by a process"}},
    {"thread", in_thread, SIGSEGV, {"SIGSEGV at @ in thread ", "a null pointer"}},
    {"stack", stack, SIGSEGV, {"SIGSEGV at 0x", "not of this allocator"}},
    {"before", null, 0, {"SIGSEGV at @ in thread ", "a null pointer"}},
    {"before-simple", null, 0, {"SIGSEGV at @ in thread ", "a null pointer"}},
    {"after", after, 0, {NULL}},
    {"around", around, SIGSEGV, {"SIGSEGV at @ in thread ", "a null pointer"}},
};

/* Whether the text holds what was wanted, with the address in place of "@". */
static bool holds(const char *text, const char *wanted, const char *address) {
    char exact[256];
    const char *at = strchr(wanted, '@');
    if (!at) {
        return strstr(text, wanted) != NULL;
    }
    snprintf(exact, sizeof(exact), "%.*s%s%s", (int)(at - wanted), wanted, address, at + 1);
    return strstr(text, exact) != NULL;
}

static void check(char *program, size_t i) {
    static struct death death;
    char *arguments[] = {program, (char *)cases[i].name, NULL};
    death_watch(&death, arguments);
    bool right = cases[i].signal != 0 ? WIFSIGNALED(death.status) && WTERMSIG(death.status) == cases[i].signal
                                      : WIFEXITED(death.status) && WEXITSTATUS(death.status) == OWN_STATUS;
    for (size_t j = 0; j < COUNT(cases[i].said) && cases[i].said[j]; j++) {
        right = right && holds(death.errors, cases[i].said[j], death.output);
    }
    if (!cases[i].said[0]) {
        right = right && death.errors[0] == '\0';
    }
    if (!right) {
        probe_write(STDERR_FILENO, "%s: status %d at %s: %s\n", cases[i].name, death.status, death.output,
                    death.errors);
        exit(1);
    }
}

int main(int argc, char **argv) {
    struct fh_counts counters;
    if (!read_counters(&counters)) {
        return 77; /* another malloc has no such option */
    }
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (argc == 1) {
            check(argv[0], i);
        } else if (strcmp(argv[1], cases[i].name) == 0) {
            cases[i].run();
        }
    }
    return 0;
}
