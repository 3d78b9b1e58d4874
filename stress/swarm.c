/* SPDX-License-Identifier: MIT
 *
 * Thousands of threads, alive at one time, of which each uses a few blocks of many sizes and frees them: what
 * does a thread cost that has nothing, and what stays when all have exited? The same threads without a call
 * of malloc come first, and what they leave resident (stacks, the C library's own) is taken off.
 */
#include "block.h"

#include <inttypes.h>

static uint64_t members = 5000, classes = 15, blocks = 4;
static pthread_barrier_t all_members; /* and the worker */

enum { CLASSES_MAX = 20, STACK_BYTES = 64 * 1024, STACK_USED = 16 * 1024 };

static struct member {
    struct worker worker; /* for what blocks are checked by */
    pthread_t thread;
    struct block *held;
    uint64_t count; /* blocks to make */
} * swarm;

struct rss {
    uint64_t alive_kib, exited_kib;
};
static struct rss idle, busy; /* without a call of malloc, and of the last time with */

static const struct option options[] = {
    {"members", OPTION_NUMBER, &members, 1, 1 << 16, "threads that are alive at one time"},
    {"classes", OPTION_NUMBER, &classes, 1, CLASSES_MAX,
     "sizes that each uses: 32, 48, 64, 96 bytes and so on"},
    {"blocks", OPTION_NUMBER, &blocks, 1, 1 << 16, "of each size"},
    {0},
};

static const struct program program = {
    .name = "swarm",
    .summary = "Many threads live at one time, each of few blocks. An operation is one block made and freed.",
    .options = options,
    .threads = 1,
};

static size_t class_size(uint64_t class) {
    return (size_t)(class % 2 == 0 ? 32 : 48) << class / 2;
}

/* So that the deepest call of malloc is on pages which count for idle members too. */
__attribute__((noinline)) static void use_stack(void) {
    volatile char deep[STACK_USED];
    for (size_t i = 0; i < sizeof deep; i += 1024) {
        deep[i] = 1;
    }
}

/* One of each size in turn, so that a member has all its sizes at one time. */
static void use_blocks(struct worker *member, struct block *held, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        block_take(&held[i], member, class_size(i % classes));
    }
    for (uint64_t i = 0; i < count; i++) {
        block_free(&held[i]);
    }
}

static void *live(void *argument) {
    struct member *member = argument;
    worker_name_thread(&member->worker);
    use_stack();
    use_blocks(&member->worker, member->held, member->count);
    pthread_barrier_wait(&all_members); /* everyone is done */
    pthread_barrier_wait(&all_members); /* and has been measured */
    return NULL;
}

/* Starts all members, which make `budget` blocks together, and waits until they are gone. */
static struct rss run_members(struct worker *worker, uint64_t budget) {
    struct rss rss;
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK_BYTES);
    for (uint64_t i = 0; i < members; i++) {
        struct member *member = &swarm[i];
        member->worker = (struct worker){.number = (unsigned)i + 1, .next_id = worker->next_id};
        member->count = budget * (i + 1) / members - budget * i / members;
        worker->next_id += member->count;
        int error = pthread_create(&member->thread, &small, live, member);
        if (error != 0) {
            stress_fail("thread %" PRIu64 ": %s", i + 1, strerror(error));
        }
    }
    pthread_attr_destroy(&small);
    pthread_barrier_wait(&all_members);
    rss.alive_kib = stress_rss_kib();
    pthread_barrier_wait(&all_members);
    for (uint64_t i = 0; i < members; i++) {
        pthread_join(swarm[i].thread, NULL);
    }
    rss.exited_kib = stress_rss_kib();
    return rss;
}

static bool work(struct worker *worker) {
    idle = run_members(worker, 0);
    for (uint64_t budget; (budget = worker_budget(worker, members * classes * blocks)) > 0;) {
        busy = run_members(worker, budget);
        worker_count(worker, budget);
    }
    return false;
}

static uint64_t over(uint64_t kib, uint64_t base_kib) {
    return kib > base_kib ? kib - base_kib : 0;
}

int main(int argc, char **argv) {
    stress_start(&program, argc, argv);
    if (stress.threads > 1) {
        stress_usage("--threads must be 1: there are --members");
    }
    pthread_barrier_init(&all_members, NULL, (unsigned)members + 1);
    swarm = stress_map_resident(members * sizeof *swarm);
    struct block *held = stress_map_resident(members * classes * blocks * sizeof *held);
    for (uint64_t i = 0; i < members; i++) {
        swarm[i].held = held + i * classes * blocks;
    }
    stress_run(work, NULL);
    stress_result(" members=%" PRIu64 " classes=%" PRIu64 " blocks=%" PRIu64 " rss_alive_kib=%" PRIu64
                  " rss_exited_kib=%" PRIu64,
                  members, classes, blocks, over(busy.alive_kib, idle.alive_kib),
                  over(busy.exited_kib, idle.exited_kib));
}
