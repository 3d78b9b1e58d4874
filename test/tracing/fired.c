/* SPDX-License-Identifier: MIT
 *
 * Whoever is refused memory passes the probe no_memory, whatever it is that cannot be had: also a size that
 * does not fit its type. As a tracer does, the test puts a breakpoint on each place that the library's notes
 * name. */
#include "conformance/unit.h"

#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define BREAKPOINT 0xcc
#define NOP        0x90

/* The compiler is not to know. */
static const volatile size_t too_much = PTRDIFF_MAX, most = SIZE_MAX, half = SIZE_MAX / 2,
                             quarter = (size_t)1 << 62;
static volatile sig_atomic_t fired;

static void count(int number) {
    (void)number;
    fired = fired + 1;
}

/* A note of a probe, in the form that systemtap has for it. */
struct place {
    uint64_t address, base, semaphore;
    char provider_and_name[];
};

static bool is_of_no_memory(const struct place *place) {
    return strcmp(place->provider_and_name, "freehold") == 0 &&
           strcmp(place->provider_and_name + sizeof "freehold", "no_memory") == 0;
}

static bool set_breakpoint(unsigned char *at) {
    char *page = (char *)((uintptr_t)at & ~(uintptr_t)4095);
    if (*at != NOP || mprotect(page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
        return false;
    *at = BREAKPOINT;
    return true;
}

/* How many of a section of notes got one. */
static unsigned set_breakpoints(const char *notes, size_t length, char *library) {
    unsigned found = 0;
    for (size_t at = 0; at + sizeof(Elf64_Nhdr) < length;) {
        const Elf64_Nhdr *note = (const Elf64_Nhdr *)(notes + at);
        size_t name = (note->n_namesz + 3ul) & ~3ul, text = (note->n_descsz + 3ul) & ~3ul;
        const struct place *place = (const struct place *)(notes + at + sizeof *note + name);
        if (is_of_no_memory(place))
            found += set_breakpoint((unsigned char *)library + place->address);
        at += sizeof *note + name + text;
    }
    return found;
}

static unsigned find_in(const char *file, char *library) {
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)file;
    const Elf64_Shdr *sections = (const Elf64_Shdr *)(file + header->e_shoff);
    const char *names = file + sections[header->e_shstrndx].sh_offset;
    for (unsigned i = 0; i < header->e_shnum; i++)
        if (strcmp(names + sections[i].sh_name, ".note.stapsdt") == 0)
            return set_breakpoints(file + sections[i].sh_offset, sections[i].sh_size, library);
    return 0;
}

static unsigned prepare(void) {
    Dl_info info = {0};
    struct stat status = {0};
    if (dladdr(dlsym(RTLD_DEFAULT, "fh_malloc"), &info) == 0)
        return 0;
    int descriptor = open(info.dli_fname, O_RDONLY);
    assert_true(descriptor >= 0 && fstat(descriptor, &status) == 0);
    char *file = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    assert_true(file != MAP_FAILED);
    close(descriptor);
    assert_true(signal(SIGTRAP, count) != SIG_ERR);
    return find_in(file, info.dli_fbase);
}

/* Whether the probe was passed for what failed. */
static void is_refused(const void *block) {
    if (block != NULL || errno != ENOMEM || fired == 0) {
        print_error("%p, errno %d, fired %d times\n", block, errno, (int)fired);
        abort();
    }
    fired = 0;
}

static void whoever_is_refused_passes_the_probe(void **state) {
    (void)state;
    void *volatile block = malloc(100);
    void *aligned = NULL;
    fired = 0;
    is_refused(malloc(too_much));
    is_refused(malloc(most));
    is_refused(calloc(1, too_much));
    is_refused(calloc(half, 3));
    is_refused(realloc(block, too_much));
    is_refused(reallocarray(block, half, 3));
    is_refused(reallocarray(NULL, half, 3));
    is_refused(memalign(64, too_much));
    is_refused(memalign(quarter, quarter));
    is_refused(aligned_alloc(4096, too_much));
    is_refused(valloc(too_much));
    is_refused(pvalloc(most - 10));
    assert_int_equal(posix_memalign(&aligned, 64, too_much), ENOMEM);
    is_refused(aligned);
    free(block);
}

static void nobody_else_does(void **state) {
    (void)state;
    for (size_t size = 1; size < 10 * MIB; size *= 3) {
        void *block = calloc(1, size);
        assert_non_null(block);
        free(block);
    }
    assert_int_equal(fired, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_is_refused_passes_the_probe),
        cmocka_unit_test(nobody_else_does),
    };
#if defined __x86_64__
    if (prepare() != 0)
        return cmocka_run_group_tests(tests, NULL, NULL);
#endif
    (void)tests;
    print_message("fired: no probes, or no breakpoints are known here\n");
    return 77;
}
