/* SPDX-License-Identifier: MIT
 *
 * All threads allocate, swap batches and fork. A child finds blocks of threads that do not exist in it, made
 * and freed up to the middle of a call; it must be able to check and free what it holds, and to allocate.
 */
#include "batch.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t room = 200, max = 2000, swaps = 20, patience = 60;

static const struct option options[] = {
    {"batch", OPTION_NUMBER, &room, 1, 1 << 20, "blocks of a batch"},
    {"max", OPTION_NUMBER, &max, 1, 1 << 20, "largest block, bytes; smaller ones are more likely"},
    {"swaps", OPTION_NUMBER, &swaps, 1, 1 << 20, "batches made and freed between two forks"},
    {"patience", OPTION_NUMBER, &patience, 1, 1000, "seconds after which a child counts as hung"},
    {0},
};

static const struct program program = {
    .name = "forkstorm",
    .summary = "Threads allocate, free and fork at once; each child frees blocks of its parent's threads. An "
               "operation is one fork.",
    .options = options,
    .threads = 4,
};

static void batch_fill(struct batch *batch, struct worker *worker) {
    while (batch->count < room) {
        batch_take(batch, worker, size_skewed(&worker->random, max));
    }
}

__attribute__((noreturn)) static void run_child(struct batch *batch, struct worker *worker) {
    alarm((unsigned)patience); /* a child that hangs is a failure, not a longer test */
    for (int i = 0; i < 3; i++) {
        batch_free(batch, worker, ORDER_RANDOM);
        batch_fill(batch, worker);
    }
    batch_free(batch, worker, ORDER_FIFO);
    _exit(0);
}

static void wait_for(pid_t child) {
    int status;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            stress_fail("waitpid: %s", strerror(errno));
        }
    }
    if (WIFSIGNALED(status)) {
        stress_fail("child %d ended by signal %d%s", child, WTERMSIG(status),
                    WTERMSIG(status) == SIGALRM ? ": it hung" : "");
    }
    if (WEXITSTATUS(status) != 0) {
        stress_fail("child %d exits with status %d", child, WEXITSTATUS(status));
    }
}

static bool work(struct worker *worker) {
    struct batch *batch = pool_hand_out(worker->number);
    while (worker_budget(worker, 1) > 0) {
        for (uint64_t i = 0; i < swaps; i++) {
            batch_free(batch, worker, ORDER_LIFO);
            batch_fill(batch, worker);
            batch = pool_swap(batch, &worker->random);
        }
        pid_t child = fork();
        if (child < 0) {
            stress_fail("fork: %s", strerror(errno));
        }
        if (child == 0) {
            run_child(batch, worker);
        }
        wait_for(child);
        worker_count(worker, 1);
    }
    return false;
}

int main(int argc, char **argv) {
    stress_start(&program, argc, argv);
    pool_set_up((unsigned)stress.threads, room);
    stress_run(work, NULL);
    pool_free();
    stress_result(" batch=%" PRIu64 " swaps=%" PRIu64, room, swaps);
}
