/* SPDX-License-Identifier: MIT
 *
 * What Freehold costs a program before it does anything: `footprint LIBRARY` compares /bin/true and /bin/cat
 * with and without the preload. The budget is 16 MiB of address space and 340 KiB of resident memory at most,
 * of which all but 200 are pages of the library that processes share.
 */
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "conformance/probe.h"

#define RUNS              15
#define ADDRESS_SPACE_KIB 16384L
#define RESIDENT_KIB      340L

/* Runs a program to its end with its output in `output`, and returns its peak of resident memory in KiB. */
static long run(char *const *arguments, int output) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    pid_t child = 0;
    REQUIRE(posix_spawn(&child, arguments[0], &actions, NULL, arguments, environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    int status = 0;
    struct rusage usage;
    REQUIRE(wait4(child, &status, 0, &usage) == child);
    REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return usage.ru_maxrss;
}

/* The least peak of several runs of /bin/true: what lies above it is chance. */
static long resident_of_true(void) {
    char *const arguments[] = {"/bin/true", NULL};
    long least = LONG_MAX;
    for (int i = 0; i < RUNS; i++) {
        long resident = run(arguments, STDOUT_FILENO);
        least = resident < least ? resident : least;
    }
    return least;
}

/* The peak of the address space of a program that only reads its own figures. */
static long address_space_of_cat(void) {
    char *const arguments[] = {"/bin/cat", "/proc/self/status", NULL};
    char text[4096] = "";
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    run(arguments, ends[1]);
    REQUIRE(read(ends[0], text, sizeof(text) - 1) > 0);
    close(ends[0]);
    close(ends[1]);
    const char *peak = strstr(text, "VmPeak:");
    REQUIRE(peak != NULL);
    return strtol(peak + strlen("VmPeak:"), NULL, 10);
}

int main(int argc, char **argv) {
    REQUIRE(argc == 2 && access(argv[1], R_OK) == 0);
    unsetenv("LD_PRELOAD");
    long resident = resident_of_true();
    long address_space = address_space_of_cat();
    setenv("LD_PRELOAD", argv[1], 1);
    resident = resident_of_true() - resident;
    address_space = address_space_of_cat() - address_space;
    printf("over the C library's malloc: %ld KiB of address space (at most %ld), %ld KiB resident (at most "
           "%ld)\n",
           address_space, ADDRESS_SPACE_KIB, resident, RESIDENT_KIB);
    /* Not a byte more would mean that the library was not there. */
    return address_space <= 0 || address_space > ADDRESS_SPACE_KIB || resident <= 0 ||
           resident > RESIDENT_KIB;
}
