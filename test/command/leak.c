/* SPDX-License-Identifier: MIT
 *
 * leak [wait [wait]]: loses blocks in lose_them(), keeps others in a table, and frees more than both. Each
 * `wait` says "ready", and waits for a line; the second time it has lost more. In the end it says for each
 * function what it allocated and what of that lives: FUNCTION ALL_BYTES LIVE_BYTES. It is built with frame
 * pointers and without. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NOT_INLINE __attribute__((noinline))

enum { REQUESTS = 3000, ROWS = 2000, PASSING = 10, TOGETHER = 8 };

static size_t lost_bytes, kept_bytes, passing_bytes;
static void *volatile lost;
static void *table[ROWS];

static void fill(void *block, size_t size) {
    if (block == NULL) {
        perror("leak");
        exit(1);
    }
    memset(block, 1, size);
}

NOT_INLINE static void lose_them(size_t size) {
    lost = malloc(size);
    fill(lost, size);
    lost_bytes += size;
}

NOT_INLINE static void keep_row(unsigned number) {
    size_t size = 500 + number % 1000;
    table[number] = malloc(size);
    fill(table[number], size);
    kept_bytes += size;
}

NOT_INLINE static void answer(void) {
    void *blocks[PASSING];
    for (unsigned i = 0; i < PASSING; i++) {
        size_t size = 40 + 37 * i;
        blocks[i] = malloc(size);
        fill(blocks[i], size);
        passing_bytes += size;
    }
    for (unsigned i = 0; i < PASSING; i++)
        free(blocks[i]);
}

NOT_INLINE static void handle(unsigned number) {
    answer();
    lose_them(2000 + number % 7 * 1000);
    answer();
}

static long processor_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1000000000 + now.tv_nsec;
}

/* What else a program does than allocate: samples may cost a share of its processor time only. */
static void compute(void) {
    long end = processor_ns() + 1000000;
    while (processor_ns() < end) {
    }
}

NOT_INLINE static void serve(void) {
    for (unsigned i = 0; i < REQUESTS; i++) {
        handle(i);
        if (i % TOGETHER == 0)
            compute();
    }
}

NOT_INLINE static void load(void) {
    for (unsigned i = 0; i < ROWS; i++)
        keep_row(i);
}

static void wait_for_line(void) {
    puts("ready");
    fflush(stdout);
    int letter;
    while ((letter = getchar()) != EOF && letter != '\n')
        ;
}

/* A process that has made a thread has a housekeeper. */
static void *idle(void *unused) {
    pause();
    return unused;
}

int main(int count, char **words) {
    pthread_t thread;
    (void)words;
    if (count > 1 && pthread_create(&thread, NULL, idle, NULL) != 0)
        return 1;
    load();
    serve();
    for (int i = 1; i < count; i++) {
        wait_for_line();
        if (i == 1)
            serve();
    }
    printf("lose_them %zu %zu\nkeep_row %zu %zu\nanswer %zu 0\n", lost_bytes, lost_bytes, kept_bytes,
           kept_bytes, passing_bytes);
    return 0;
}
