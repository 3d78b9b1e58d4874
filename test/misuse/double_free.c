/* SPDX-License-Identifier: MIT
 *
 * Frees a block that has been freed. */
#include <signal.h>
#include <sys/wait.h>

#include "misuse/bug.h"

static void at_once(size_t size, size_t amount) {
    (void)amount;
    void *block = note(make(size));
    release(block);
    release(block);
    carry_on(size);
}

/* So many others of the size are freed in between. */
static void later(size_t size, size_t amount) {
    void **others = (void **)(void *)make(amount * sizeof(void *));
    void *block = note(make(size));
    for (size_t i = 0; i < amount; i++) {
        others[i] = make(size);
    }
    release(block);
    for (size_t i = 0; i < amount; i++) {
        release(others[i]);
    }
    release(block);
    carry_on(size);
}

/* So many others of the size were freed before. */
static void after_others(size_t size, size_t amount) {
    void **others = (void **)(void *)make(amount * sizeof(void *));
    for (size_t i = 0; i < amount; i++) {
        others[i] = make(size);
    }
    void *block = note(make(size));
    for (size_t i = 0; i < amount; i++) {
        release(others[i]);
    }
    release(block);
    release(block);
    carry_on(size);
}

static void interleaved(size_t size, size_t amount) {
    void *block = note(make(size));
    release(block);
    for (size_t i = 0; i < amount; i++) {
        void *other = make(3 * size + 16 * (i % 32));
        release(other);
    }
    release(block);
    carry_on(size);
}

/* The first owner frees again when the block is somebody else's, who then frees it as well. */
static void reused(size_t size, size_t amount) {
    void *block = note(make(size));
    release(block);
    void *other = NULL;
    for (size_t i = 0; i < amount && other != block; i++) {
        other = make(size);
    }
    release(block);
    release(other);
    carry_on(size);
}

static void *free_twice(void *block) {
    release(block);
    release(block);
    return NULL;
}

static void by_another(size_t size, size_t amount) {
    (void)amount;
    void *block = note(make(size));
    release(block);
    run_in_thread(free_in_thread, block);
    carry_on(size);
}

static void by_owner(size_t size, size_t amount) {
    (void)amount;
    void *block = note(make(size));
    run_in_thread(free_in_thread, block);
    release(block);
    carry_on(size);
}

static void twice_by_another(size_t size, size_t amount) {
    (void)amount;
    run_in_thread(free_twice, note(make(size)));
    carry_on(size);
}

static void by_two_others(size_t size, size_t amount) {
    (void)amount;
    void *block = note(make(size));
    run_in_thread(free_in_thread, block);
    run_in_thread(free_in_thread, block);
    carry_on(size);
}

static pthread_barrier_t barrier;

static void *free_and_wait(void *block) {
    void *own = make(SMALL);
    release(block);
    pthread_barrier_wait(&barrier);
    release(own);
    return NULL;
}

/* Both are alive, so that neither has sent the block home. */
static void by_two_at_a_time(size_t size, size_t amount) {
    (void)amount;
    void *block = note(make(size));
    pthread_t threads[2];
    pthread_barrier_init(&barrier, NULL, 2);
    for (size_t i = 0; i < 2; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, free_and_wait, block) == 0);
    }
    for (size_t i = 0; i < 2; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    }
    carry_on(size);
}

static void *make_in_thread(void *size) {
    static void *neighbour;
    neighbour = make((size_t)(uintptr_t)size);
    REQUIRE(neighbour != NULL);
    return make((size_t)(uintptr_t)size);
}

/* The thread that allocated it has exited. */
static void of_the_dead(size_t size, size_t amount) {
    (void)amount;
    pthread_t thread;
    void *block = NULL;
    REQUIRE(pthread_create(&thread, NULL, make_in_thread, (void *)(uintptr_t)size) == 0);
    REQUIRE(pthread_join(thread, &block) == 0);
    note(block);
    release(block);
    release(block);
    carry_on(size);
}

static void after_trim(size_t size, size_t amount) {
    (void)amount;
    void *block = note(make(size));
    release(block);
    malloc_trim(0);
    release(block);
    carry_on(size);
}

/* All that the block's memory was used for has gone back to the kernel. */
static void given_back(size_t size, size_t amount) {
    void **blocks = (void **)(void *)make(amount * sizeof(void *));
    for (size_t i = 0; i < amount; i++) {
        blocks[i] = make(size);
    }
    void *block = note(blocks[amount / 2]);
    for (size_t i = 0; i < amount; i++) {
        release(blocks[i]);
    }
    malloc_trim(0);
    release(block);
    carry_on(size);
}

static void of_calloc(size_t size, size_t amount) {
    void *block = note(calloc(size, amount));
    release(block);
    release(block);
    carry_on(size);
}

static void of_aligned(size_t size, size_t amount) {
    void *block = NULL;
    REQUIRE(posix_memalign(&block, amount, size) == 0);
    note(block);
    release(block);
    release(block);
    carry_on(size);
}

/* The block has moved; whoever still has the old address frees it. */
static void of_moved(size_t size, size_t amount) {
    void *block = make(size);
    void *after = make(size);
    void *moved = realloc(opaque_pointer(block), amount);
    REQUIRE(moved != NULL && moved != block);
    note(block);
    release(block);
    release(moved);
    release(after);
    carry_on(size);
}

static void by_realloc(size_t size, size_t amount) {
    void *block = note(make(size));
    release(block);
    release(realloc(opaque_pointer(block), amount));
    carry_on(size);
}

static void after_realloc_to_zero(size_t size, size_t amount) {
    (void)amount;
    void *block = note(make(size));
    void *none = realloc(opaque_pointer(block), opaque_size(0));
    if (none == NULL) {
        release(block);
    }
    carry_on(size);
}

/* A child frees what its parent had freed before the fork; the parent ends as the child did. */
static void by_child(size_t size, size_t amount) {
    (void)amount;
    void *block = note(make(size));
    release(block);
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        release(block);
        carry_on(size);
        _exit(0);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status)) {
        signal(WTERMSIG(status), SIG_DFL);
        raise(WTERMSIG(status));
    }
}

static void *exit_block;

static void free_at_exit(void) {
    release(exit_block);
}

static void at_exit(size_t size, size_t amount) {
    (void)amount;
    exit_block = note(make(size));
    REQUIRE(atexit(free_at_exit) == 0);
    release(exit_block);
}

static pthread_key_t key;

static void *free_own(void *block) {
    void *own = make(SMALL);
    REQUIRE(pthread_setspecific(key, block) == 0);
    release(block);
    release(own);
    return NULL;
}

static void in_destructor(size_t size, size_t amount) {
    (void)amount;
    REQUIRE(pthread_key_create(&key, release) == 0);
    run_in_thread(free_own, note(make(size)));
    carry_on(size);
}

static const struct bug bugs[] = {
    {"at-once-least", "frees the smallest block twice in a row", at_once, 1, 0, "any freed freed"},
    {"at-once-small", "frees a small block twice in a row", at_once, SMALL, 0, "any freed freed"},
    {"at-once-medium", "frees a medium block twice in a row", at_once, MEDIUM, 0, "any freed freed"},
    {"at-once-32-kib", "frees a block of 32 KiB twice in a row", at_once, 32 * KIB, 0,
     "any freed freed|freed-run"},
    {"at-once-large", "frees a large block twice in a row", at_once, LARGE, 0,
     "freed-run freed-run freed-run"},
    {"at-once-huge", "frees a huge block twice in a row", at_once, HUGE, 0,
     "freed-run|foreign freed-run|foreign freed-run|foreign"},
    {"later-small", "frees a small block again after another one", later, SMALL, 1, "any freed freed"},
    {"later-20-small", "frees a small block again after 20 others", later, SMALL, 20, "any freed freed"},
    {"later-1000-small", "frees a small block again after 1000 others", later, SMALL, 1000,
     "any freed freed"},
    {"later-30000-small", "frees a small block again after 30,000 others", later, SMALL, 30000,
     "any freed freed"},
    {"later-medium", "frees a medium block again after another one", later, MEDIUM, 1, "any freed freed"},
    {"later-300-medium", "frees a medium block again after 300 others", later, MEDIUM, 300,
     "any freed freed"},
    {"later-large", "frees a large block again after another one", later, LARGE, 1,
     "freed-run freed-run freed-run"},
    {"later-huge", "frees a huge block again after another one", later, HUGE, 1,
     "freed-run|foreign freed-run|foreign freed-run|foreign"},
    {"after-8-small", "frees a small block twice when 8 others are free", after_others, SMALL, 8,
     "any freed freed"},
    {"after-1000-small", "frees a small block twice when 1000 others are free", after_others, SMALL, 1000,
     "any freed freed"},
    {"after-300-medium", "frees a medium block twice when 300 others are free", after_others, MEDIUM, 300,
     "any freed freed"},
    {"interleaved-small", "frees a small block again after blocks of other sizes", interleaved, SMALL, 100,
     "any freed freed"},
    {"interleaved-medium", "frees a medium block again after blocks of other sizes", interleaved, MEDIUM, 100,
     "any freed freed"},
    {"reused-small", "frees a small block that is another's by now, who frees it as well", reused, SMALL,
     1000, "any freed freed"},
    {"reused-medium", "frees a medium block that is another's by now, who frees it as well", reused, MEDIUM,
     1000, "any freed freed"},
    {"by-another-small", "frees a small block, and so does another thread", by_another, SMALL, 0,
     "freed freed freed"},
    {"by-another-medium", "frees a medium block, and so does another thread", by_another, MEDIUM, 0,
     "freed freed freed"},
    {"by-another-large", "frees a large block, and so does another thread", by_another, LARGE, 0,
     "freed-run|between|inside|never freed-run|between|inside|never freed-run|between|inside|never"},
    {"by-owner-small", "frees a small block after another thread has", by_owner, SMALL, 0, "any freed freed"},
    {"by-owner-medium", "frees a medium block after another thread has", by_owner, MEDIUM, 0,
     "any freed freed"},
    {"twice-by-another-small", "another thread frees a small block twice", twice_by_another, SMALL, 0,
     "freed freed freed"},
    {"twice-by-another-medium", "another thread frees a medium block twice", twice_by_another, MEDIUM, 0,
     "freed freed freed"},
    {"by-two-others-small", "two other threads free a small block, one after the other", by_two_others, SMALL,
     0, "freed freed freed"},
    {"by-two-at-a-time-small", "two threads free another's small block", by_two_at_a_time, SMALL, 0,
     "freed freed freed"},
    {"by-two-at-a-time-medium", "two threads free another's medium block", by_two_at_a_time, MEDIUM, 0,
     "freed freed freed"},
    {"by-another-least", "frees the smallest block, and so does another thread", by_another, 16, 0,
     "freed freed freed"},
    {"by-owner-least", "frees the smallest block after another thread has", by_owner, 16, 0,
     "batch|freed batch|freed freed"},
    {"twice-by-another-least", "another thread frees the smallest block twice", twice_by_another, 16, 0,
     "freed freed freed"},
    {"by-two-others-least", "two other threads free the smallest block, one after the other", by_two_others,
     16, 0, "freed freed freed"},
    {"by-two-at-a-time-least", "two threads free another's smallest block", by_two_at_a_time, 16, 0,
     "freed freed freed"},
    {"of-the-dead-least", "frees the smallest block of a thread that has exited twice", of_the_dead, 16, 0,
     "freed freed freed"},
    {"of-the-dead-small", "frees a small block of a thread that has exited twice", of_the_dead, SMALL, 0,
     "freed freed freed"},
    {"of-the-dead-medium", "frees a medium block of a thread that has exited twice", of_the_dead, MEDIUM, 0,
     "freed freed freed"},
    {"after-trim-small", "frees a small block again after malloc_trim", after_trim, SMALL, 0,
     "foreign foreign foreign"},
    {"after-trim-huge", "frees a huge block again after malloc_trim", after_trim, HUGE, 0,
     "foreign foreign foreign"},
    {"given-back-small", "frees a small block again when its memory is the kernel's", given_back, 400, 100000,
     "foreign foreign foreign"},
    {"of-calloc", "frees a block of calloc twice", of_calloc, SMALL, 3, "any freed freed"},
    {"of-aligned-64", "frees a block aligned to 64 twice", of_aligned, 200, 64, "any freed freed"},
    {"of-aligned-4096", "frees a block aligned to 4096 twice", of_aligned, 200, 4096, "any freed freed"},
    {"of-moved-small", "frees a small block that realloc has moved", of_moved, SMALL, 4000,
     "any freed freed"},
    {"of-moved-medium", "frees a medium block that realloc has moved", of_moved, MEDIUM, 50 * KIB,
     "any freed freed"},
    {"by-realloc-small", "reallocs a small block that is free", by_realloc, SMALL, 400,
     "realloc:freed realloc:freed realloc:freed"},
    {"by-realloc-same", "reallocs a small block that is free to the size that it had", by_realloc, SMALL,
     SMALL, "realloc:freed realloc:freed realloc:freed"},
    {"by-realloc-large", "reallocs a large block that is free", by_realloc, LARGE, MIB,
     "realloc:freed-run realloc:freed-run realloc:freed-run"},
    {"after-realloc-to-zero", "frees a block that realloc to size 0 has freed", after_realloc_to_zero, SMALL,
     0, "any freed freed"},
    {"by-child", "a child frees what its parent has freed", by_child, SMALL, 0, "any freed freed"},
    {"at-exit", "a handler at exit frees what is free", at_exit, SMALL, 0, "any freed freed"},
    {"in-destructor", "a thread's destructor frees what the thread has freed", in_destructor, SMALL, 0,
     "freed freed freed"},
};

int main(int argc, char **argv) {
    return bug_main(bugs, COUNT(bugs), argc, argv);
}
