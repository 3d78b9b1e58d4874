/* SPDX-License-Identifier: MIT
 *
 * Guard level 0: free leaves out its checks where code may be written to before there are threads; where not,
 * that is said, and nothing is left out. `unchecked` runs itself as `unchecked FREES`, the library preloaded,
 * or loaded when there is a thread already. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "misuse/death.h"

#define SIZE   ((size_t)100)
#define NOTICE "freehold: FREEHOLD_GUARD is 0, but the checks of free cannot be left out here"

/* The allocator calls this one, which can be a hardened system's. */
int mprotect(void *address, size_t length, int protection) {
    if ((protection & PROT_EXEC) != 0 && getenv("UNCHECKED_DENY") != NULL) {
        errno = EACCES;
        return -1;
    }
    return (int)syscall(SYS_mprotect, address, length, protection);
}

static void *sleep_for_ever(void *unused) {
    for (;;) {
        pause();
    }
    return unused;
}

/* Frees a block twice, and one that is none; ends before anybody allocates again. */
static void misuse(void *(*allocate)(size_t size), void (*give)(void *block)) {
    char *block = (char *)opaque_pointer(allocate(SIZE));
    REQUIRE(block != NULL);
    give(block);
    give(opaque_pointer(block));
    give(opaque_pointer(block + 8));
    _exit(0);
}

static void misuse_late(const char *name) {
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, sleep_for_ever, NULL) == 0);
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    REQUIRE(library != NULL);
    misuse((void *(*)(size_t))dlsym(library, "fh_malloc"), (void (*)(void *))dlsym(library, "fh_free"));
}

/* All is left out, or nothing. */
static void expect(char *const *arguments, bool is_left_out) {
    struct death death;
    death_watch(&death, arguments);
    if (is_left_out) {
        REQUIRE(death.status == 0 && death.errors[0] == '\0');
        return;
    }
    REQUIRE(death_was_abort(&death));
    REQUIRE(strncmp(death.errors, NOTICE, strlen(NOTICE)) == 0);
    REQUIRE(strstr(death.errors, "already freed") != NULL);
}

int main(int argc, char **argv) {
    const char *library = getenv("LD_PRELOAD");
    if (argc == 2) {
        misuse(malloc, free);
    }
    if (argc == 3) {
        misuse_late(argv[2]);
    }
    REQUIRE(library != NULL);
    char *const preloaded[] = {argv[0], "frees", NULL};
    char *const late[] = {argv[0], "late", strdup(library), NULL};
    setenv("FREEHOLD_GUARD", "0", 1);
    expect(preloaded, true);
    setenv("UNCHECKED_DENY", "1", 1);
    expect(preloaded, false);
    unsetenv("UNCHECKED_DENY");
    unsetenv("LD_PRELOAD");
    setenv("GLIBC_TUNABLES", "glibc.rtld.optional_static_tls=2048", 1);
    expect(late, false);
    return 0;
}
