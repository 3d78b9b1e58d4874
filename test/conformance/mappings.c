/* SPDX-License-Identifier: MIT
 *
 * The kernel's mappings: few for any number of blocks, and when there are no more, small blocks go on.
 * Address space does not leak where mremap is denied, and what nobody writes to does not become resident. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "conformance/child.h"

#define BLOCKS        200000
#define MAPPINGS_MOST 1000
#define REALLOCS      10000
#define SECONDS       8 /* of work, in which there are no more of them on a slow machine */
#define LIVE          8
#define SPARSE        8000u
#define SPARSE_MOST   100 /* MiB */
#define WATCHDOG      100 /* seconds */
#define BARE          20000u
#define BARE_MOST     24 /* MiB */

static size_t mappings(void) {
    FILE *maps = fopen("/proc/self/maps", "r");
    size_t count = 0;
    REQUIRE(maps != NULL);
    for (int c; (c = getc(maps)) != EOF;)
        count += c == '\n';
    fclose(maps);
    return count;
}

struct pages {
    unsigned long all, resident;
};

static struct pages pages(void) {
    FILE *status = fopen("/proc/self/statm", "r");
    struct pages pages;
    REQUIRE(status != NULL && fscanf(status, "%lu %lu", &pages.all, &pages.resident) == 2);
    fclose(status);
    return pages;
}

/* The process's address space, MiB. */
static size_t address_space(void) {
    return pages().all * (size_t)sysconf(_SC_PAGESIZE) / MIB;
}

static void many_blocks(void) {
    static void *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(5 * MIB / 2);
        REQUIRE(blocks[i] != NULL);
    }
    REQUIRE(mappings() < MAPPINGS_MOST);
    for (size_t i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    REQUIRE(malloc_trim(0) == 0 || mappings() < MAPPINGS_MOST);
    REQUIRE(address_space() < 4096);
}

static size_t resident(void) {
    return pages().resident * (size_t)sysconf(_SC_PAGESIZE) / MIB;
}

/* None is written to: what is resident is what the allocator knows of them. */
static void bare_blocks(void) {
    static void *blocks[BARE];
    memset(blocks, 1, sizeof(blocks));
    size_t before = resident();
    for (size_t i = 0; i < BARE; i++) {
        blocks[i] = malloc(3 * MIB / 2);
        REQUIRE(blocks[i] != NULL);
    }
    size_t more = resident() - before;
    probe_write(1, "%zu MiB resident for %u bare blocks\n", more, BARE);
    REQUIRE(more < BARE_MOST);
    for (size_t i = 0; i < BARE; i++)
        free(blocks[i]);
}

/* A page of each is written to. */
static void sparse_blocks(void) {
    static char *blocks[SPARSE];
    for (size_t i = 0; i < SPARSE; i++) {
        blocks[i] = malloc(MIB);
        REQUIRE(blocks[i] != NULL);
        blocks[i][0] = 1;
    }
    size_t now = resident();
    probe_write(1, "%zu MiB resident for %u pages\n", now, SPARSE);
    REQUIRE(now < SPARSE_MOST);
    for (size_t i = 0; i < SPARSE; i++)
        free(blocks[i]);
}

/* Takes every mapping that the kernel still gives. */
static void take_all_mappings(void) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *base = mmap(NULL, GIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    REQUIRE(base != MAP_FAILED);
    for (size_t i = 1; i < GIB / page; i += 2)
        if (mprotect(base + i * page, page, PROT_READ) != 0)
            return;
}

/* Whether there is a block more; it stays. */
static bool take(size_t size) {
    static void **held;
    void **block = malloc(size + sizeof(*block));
    if (block == NULL)
        return false;
    *block = held;
    held = block;
    return true;
}

static void small_blocks_without_mappings(void) {
    static void *blocks[64];
    for (size_t i = 0; i < 64; i++) {
        blocks[i] = malloc(i < 48 ? 3 * MIB : 100);
        REQUIRE(blocks[i] != NULL);
    }
    take_all_mappings();
    /* Huge blocks end, at once or after some, and leave room for small ones. */
    size_t huge = 0;
    while (huge < 100000 && take(3 * MIB))
        huge++;
    REQUIRE(huge < 100000);
    for (size_t i = 0; i < 1000; i++)
        REQUIRE(take(1 + i * 4));
    for (size_t i = 0; i < 64; i++)
        free(blocks[i]);
    for (size_t i = 0; i < 40; i++)
        REQUIRE(take(3 * MIB));
}

/* Nor is there more memory, as where the kernel does not promise more than it has. */
static void small_blocks_without_mappings_or_memory(void) {
    const struct rlimit little = {GIB / 4, GIB / 4};
    REQUIRE(setrlimit(RLIMIT_DATA, &little) == 0);
    small_blocks_without_mappings();
}

static void deny_mremap(int error) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mremap, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
    REQUIRE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    REQUIRE(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static bool has_time(void) {
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec < SECONDS;
}

/* Blocks of 1 to 64 MiB, resized; address space follows what lives. */
static void reallocs(void) {
    unsigned char *blocks[LIVE] = {NULL};
    size_t sizes[LIVE] = {0}, live = 0, most = 0, before = address_space();
    unsigned random = 1;
    size_t step = 0;
    for (; step < REALLOCS && has_time(); step++) {
        random = random * 1103515245 + 12345;
        size_t i = random >> 16 & (LIVE - 1), size = MIB + (random >> 4) % (63 * MIB);
        blocks[i] = realloc(blocks[i], size);
        REQUIRE(blocks[i] != NULL);
        REQUIRE(sizes[i] == 0 || blocks[i][0] == i + 1);
        blocks[i][0] = (unsigned char)(i + 1);
        live += size - sizes[i];
        sizes[i] = size;
        most = live > most ? live : most;
    }
    probe_write(1, "%zu reallocs: address space %zu MiB, live %zu MiB\n", step, address_space() - before,
                most / MIB);
    REQUIRE(address_space() - before < 2 * most / MIB);
    for (size_t i = 0; i < LIVE; i++)
        free(blocks[i]);
}

static void reallocs_denied_once(void) {
    deny_mremap(EPERM);
    reallocs();
}

static void reallocs_without_the_call(void) {
    deny_mremap(ENOSYS);
    reallocs();
}

/* In a child each, for what one has taken or denied stays so. */
static void run(void (*test)(void)) {
    child_run(test, WATCHDOG);
}

int main(void) {
    run(many_blocks);
    run(bare_blocks);
    run(sparse_blocks);
    run(small_blocks_without_mappings);
    run(small_blocks_without_mappings_or_memory);
    run(reallocs);
    run(reallocs_denied_once);
    run(reallocs_without_the_call);
    return 0;
}
