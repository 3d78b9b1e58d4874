/* SPDX-License-Identifier: MIT
 *
 * So much and no more (run it under `ulimit -v` or `ulimit -d`, 64 MiB or more, or FREEHOLD_LIMIT): ordinary
 * work fits; when memory ends malloc returns NULL with ENOMEM, and works again after the frees. */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "conformance/probe.h"

static size_t limit; /* bytes */

struct link {
    struct link *next;
};

static void free_links(struct link *head) {
    while (head) {
        struct link *next = head->next;
        free(head);
        head = next;
    }
}

/* Allocates up to total bytes in blocks of the size; returns how many it got. */
static size_t allocate_links(struct link **head, size_t size, size_t total) {
    size_t got = 0;
    while (got < total) {
        struct link *block = malloc(size);
        if (!block) {
            break;
        }
        memset(block, 1, size);
        block->next = *head;
        *head = block;
        got += size;
    }
    return got;
}

static void *work(void *unused) {
    (void)unused;
    for (int round = 0; round < 5; round++) {
        struct link *head = NULL;
        REQUIRE(allocate_links(&head, 100, 5 * MIB) >= 5 * MIB);
        free_links(head);
    }
    return NULL;
}

static void run_two_threads(void) {
    pthread_t threads[2];
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 * KIB);
    for (int i = 0; i < 2; i++) {
        REQUIRE(pthread_create(&threads[i], &attributes, work, NULL) == 0);
    }
    for (int i = 0; i < 2; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    }
    pthread_attr_destroy(&attributes);
}

static void exhaust(size_t size) {
    struct link *head = NULL;
    errno = 0;
    size_t got = allocate_links(&head, size, 2 * limit);
    REQUIRE(got < limit);
    REQUIRE(errno == ENOMEM);
    probe_write(1, "%zu of %zu MiB in blocks of %zu bytes\n", got / MIB, limit / MIB, size);
    REQUIRE(got > limit / 2);
    errno = 0;
    void *moved = realloc(head, opaque_size(2 * limit));
    REQUIRE(moved == NULL && errno == ENOMEM);
    free_links(head);
    head = NULL;
    REQUIRE(allocate_links(&head, size, 10 * MIB) >= 10 * MIB);
    free_links(head);
}

int main(void) {
    const char *option = getenv("FREEHOLD_LIMIT");
    struct rlimit space;
    struct rlimit data;
    REQUIRE(getrlimit(RLIMIT_AS, &space) == 0 && getrlimit(RLIMIT_DATA, &data) == 0);
    limit = option != NULL                   ? strtoul(option, NULL, 10) * MIB
            : space.rlim_cur < data.rlim_cur ? space.rlim_cur
                                             : data.rlim_cur;
    REQUIRE(limit >= 64 * MIB && limit <= 4 * GIB);
    run_two_threads();
    static const size_t sizes[] = {100, 20000, 300 * KIB, 3 * MIB, 3 * MIB / 2, 40};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        exhaust(sizes[i]);
    }
    run_two_threads();
    return 0;
}
