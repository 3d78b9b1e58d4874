/* SPDX-License-Identifier: MIT
 *
 * What Freehold costs a program before it does anything: `footprint LIBRARY` compares /bin/cat, which reads
 * its own figures, with and without the preload. The budget is 16 MiB of address space and 200 KiB of memory
 * that no other process shares; how many pages of the library's file are mapped beside them is the kernel's
 * choice, and they are in memory once.
 */
#include <limits.h>

#include "misuse/death.h"

#define RUNS              15
#define ADDRESS_SPACE_KIB 16384L
#define OWN_KIB           200L

/* The figure of that name in what `cat file` prints of itself, in KiB. */
static long figure(const char *file, const char *name) {
    char *const arguments[] = {"/bin/cat", (char *)file, NULL};
    struct death death;
    death_watch(&death, arguments);
    REQUIRE(death.status == 0);
    const char *found = strstr(death.output, name);
    REQUIRE(found != NULL);
    return strtol(found + strlen(name), NULL, 10);
}

/* The least of several runs: what lies above it is chance. */
static long own_memory(void) {
    long least = LONG_MAX;
    for (int i = 0; i < RUNS; i++) {
        long own = figure("/proc/self/smaps_rollup", "\nAnonymous:");
        least = own < least ? own : least;
    }
    return least;
}

int main(int argc, char **argv) {
    if (access("/proc/self/smaps_rollup", R_OK) != 0) {
        fprintf(stderr, "the kernel has no /proc/self/smaps_rollup\n");
        return 77;
    }
    REQUIRE(argc == 2 && access(argv[1], R_OK) == 0);
    unsetenv("LD_PRELOAD");
    long own = own_memory();
    long address_space = figure("/proc/self/status", "\nVmPeak:");
    setenv("LD_PRELOAD", argv[1], 1);
    own = own_memory() - own;
    address_space = figure("/proc/self/status", "\nVmPeak:") - address_space;
    printf(
        "over the C library's malloc: %ld KiB of address space (at most %ld), %ld KiB of its own memory (at "
        "most %ld)\n",
        address_space, ADDRESS_SPACE_KIB, own, OWN_KIB);
    /* Not a byte more would mean that the library was not there. */
    return address_space <= 0 || address_space > ADDRESS_SPACE_KIB || own <= 0 || own > OWN_KIB;
}
