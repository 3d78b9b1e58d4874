/* SPDX-License-Identifier: MIT
 *
 * Memory that was only read has none: calloc's blocks whose pages the kernel has mapped to its one page of
 * zeros are in no cause of the account, as little as in the process's resident bytes; also in the child of a
 * fork, and while there is one. */
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "conformance/unit.h"

#define HUGE_BYTES (64 * MIB)
#define LARGE      64u
#define LARGE_SIZE (600 * KIB)
#define SLACK      (2 * MIB)

static int (*stats)(struct fh_account *);

static uint64_t resident(void) {
    struct fh_account account;
    assert_int_equal(stats(&account), 0);
    return account.resident;
}

static bool is_near(uint64_t now, uint64_t before) {
    return now <= before + SLACK && before <= now + SLACK;
}

static uint64_t read_all(const volatile char *block, size_t size) {
    uint64_t sum = 0;
    for (size_t i = 0; i < size; i += 4 * KIB)
        sum += (unsigned char)block[i];
    return sum;
}

static char *huge, *large[LARGE];

static void calloc_all(void **state) {
    (void)state;
    uint64_t sum = 0, before = resident();
    huge = calloc(1, HUGE_BYTES);
    assert_non_null(huge);
    sum += read_all(huge, HUGE_BYTES);
    for (unsigned i = 0; i < LARGE; i++) {
        large[i] = calloc(1, LARGE_SIZE);
        assert_non_null(large[i]);
        sum += read_all(large[i], LARGE_SIZE);
    }
    assert_int_equal(sum, 0);
    assert_true(is_near(resident(), before));
}

/* Half of each is written to. */
static void write_half(void **state) {
    (void)state;
    uint64_t before = resident(), half = HUGE_BYTES / 2 + LARGE * (LARGE_SIZE / 2);
    memset(huge, 1, HUGE_BYTES / 2);
    for (unsigned i = 0; i < LARGE; i++)
        memset(large[i] + LARGE_SIZE / 2, 1, LARGE_SIZE / 2);
    assert_true(is_near(resident(), before + half));
}

/* What parent and child share is resident in both. */
static void share_all(void **state) {
    (void)state;
    int pipes[2], status;
    char said;
    uint64_t before = resident();
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        uint64_t now = resident();
        close(pipes[1]);
        (void)!read(pipes[0], &said, 1); /* until the parent has looked */
        _exit(is_near(now, before) ? 0 : 1);
    }
    close(pipes[0]);
    assert_true(is_near(resident(), before));
    close(pipes[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    free(huge);
    for (unsigned i = 0; i < LARGE; i++)
        free(large[i]);
}

/* A container may refuse to say; and with a filter nobody asks. */
static int find(void **state) {
    (void)state;
    char page[4 * KIB] = {0};
    void *pages[] = {page};
    int node;
    stats = (int (*)(struct fh_account *))dlsym(RTLD_DEFAULT, "fh_stats");
    return stats == NULL || syscall(SYS_prctl, PR_GET_SECCOMP, 0, 0, 0, 0) > 0 ||
           syscall(SYS_move_pages, 0, 1ul, pages, NULL, &node, 0) != 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calloc_all),
        cmocka_unit_test(write_half),
        cmocka_unit_test(share_all),
    };
    if (find(NULL) != 0) {
        print_message("zeros: the kernel does not say where pages are\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
