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
#define NOTICE "freehold: FREEHOLD_GUARD is 0, but free cannot leave its checks out "

/* In place of the C library's, for the allocator: a hardened system's, if that is asked for. */
int deny_mprotect(void *, size_t, int) __asm__("mprotect") __attribute__((used));

int deny_mprotect(void *address, size_t length, int protection) {
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

typedef void *allocate_function(size_t size);
typedef void free_function(void *block);

/* Frees a block twice, and one that is none; ends before anybody allocates again. */
static void misuse(allocate_function *allocate, free_function *give) {
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
    misuse((allocate_function *)dlsym(library, "fh_malloc"), (free_function *)dlsym(library, "fh_free"));
}

static bool can_write_text(void) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *text = (char *)((uintptr_t)misuse & ~(page - 1));
    return mprotect(text, page, PROT_READ | PROT_WRITE | PROT_EXEC) == 0 &&
           mprotect(text, page, PROT_READ | PROT_EXEC) == 0;
}

static void expect_left_out(char *const *arguments) {
    struct death death;
    death_watch(&death, arguments);
    if (strstr(death.errors, NOTICE "by this build") != NULL || !can_write_text()) {
        fprintf(stderr, "%sguard level 0 cannot be had here\n", death.errors);
        exit(77);
    }
    REQUIRE(death.status == 0 && death.errors[0] == '\0');
}

static void expect_checked(char *const *arguments, const char *why) {
    struct death death;
    death_watch(&death, arguments);
    REQUIRE(death_was_abort(&death));
    REQUIRE(strncmp(death.errors, NOTICE, strlen(NOTICE)) == 0);
    REQUIRE(strncmp(death.errors + strlen(NOTICE), why, strlen(why)) == 0);
    REQUIRE(strstr(death.errors, "already freed") != NULL);
}

int main(int argc, char **argv) {
    const char *library = getenv("LD_PRELOAD");
    if (argc == 2) {
        REQUIRE(errno == 0);
        misuse(malloc, (free_function *)dlsym(RTLD_DEFAULT, argv[1]));
    }
    if (argc == 3) {
        misuse_late(argv[2]);
    }
    REQUIRE(library != NULL);
    char *const frees[] = {argv[0], "free", NULL};
    char *const deletes[] = {argv[0], "_ZdlPv", NULL};
    char *const late[] = {argv[0], "late", strdup(library), NULL};
    setenv("FREEHOLD_GUARD", "0", 1);
    expect_left_out(frees);
    expect_left_out(deletes);
    setenv("UNCHECKED_DENY", "1", 1);
    expect_checked(frees, "where no code may be written to");
    expect_checked(deletes, "where no code may be written to");
    unsetenv("UNCHECKED_DENY");
    unsetenv("LD_PRELOAD");
    setenv("GLIBC_TUNABLES", "glibc.rtld.optional_static_tls=2048", 1);
    expect_checked(late, "when there is a thread already");
    return 0;
}
