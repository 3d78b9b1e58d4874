/* SPDX-License-Identifier: MIT
 *
 * Sampled blocks: a stray access faults, and the message says where the block was allocated and freed.
 * `sample` runs every case in a process with FREEHOLD_SAMPLE=1; `sample CASE` is one. */
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "misuse/death.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static volatile char sink;

/* A thread's first block is never sampled, for it has no arena yet. */
static void first(void) {
    free(opaque_pointer(malloc(8000)));
}

static void overflow(void) {
    char *block = opaque_pointer(malloc(32));
    block[32] = 1;
}

static void overflow_calloc(void) {
    char *block = opaque_pointer(calloc(3, 16));
    block[48] = 1;
}

static void overflow_small(void) {
    char *block = opaque_pointer(malloc(20));
    block[20] = 1;
    free(block);
}

static void overflow_aligned(void) {
    char *block = opaque_pointer(memalign(1024, 1024));
    REQUIRE((uintptr_t)block % 1024 == 0);
    block[1024] = 1;
}

static void overflow_zero(void) {
    char *block = opaque_pointer(malloc(opaque_size(0)));
    block[0] = 1;
}

static void underrun(void) {
    char *block = opaque_pointer(malloc(4096));
    sink = block[-1];
}

static void underrun_small(void) {
    char *block = opaque_pointer(malloc(32));
    block[-1] = 1;
    free(block);
}

static void stale(void) {
    char *block = opaque_pointer(malloc(100));
    char *freed = opaque_pointer(block);
    free(block);
    sink = freed[8];
}

static void stale_later(void) {
    char *block = opaque_pointer(malloc(100));
    char *freed = opaque_pointer(block);
    free(block);
    for (int i = 0; i < 1000; i++)
        free(opaque_pointer(malloc(100)));
    sink = freed[8];
}

static void stale_realloc(void) {
    char *block = opaque_pointer(malloc(100));
    char *old = opaque_pointer(block);
    memset(block, 'x', 100);
    char *longer = opaque_pointer(realloc(block, 1000));
    REQUIRE(longer != old && longer[0] == 'x' && longer[99] == 'x');
    REQUIRE(malloc_usable_size(longer) >= 1000);
    char *same = opaque_pointer(realloc(longer, 900));
    REQUIRE(same[99] == 'x');
    char *shorter = opaque_pointer(realloc(same, 10));
    REQUIRE(shorter[9] == 'x');
    char *large = opaque_pointer(realloc(shorter, 10 * MIB));
    REQUIRE(large[9] == 'x');
    free(large);
    sink = old[8];
}

static void twice(void) {
    char *block = opaque_pointer(malloc(100));
    char *freed = opaque_pointer(block);
    free(block);
    free(freed);
}

static void inside(void) {
    char *block = opaque_pointer(malloc(100));
    free(opaque_pointer(block + 16));
}

static void sent(void) {
    free(opaque_pointer(malloc(100)));
    raise(SIGSEGV);
}

static void *thread_allocates(void *unused) {
    (void)unused;
    first();
    return malloc(64);
}

static void *thread_frees(void *block) {
    free(block);
    return NULL;
}

static void threads(void) {
    pthread_t thread;
    void *block = NULL;
    REQUIRE(pthread_create(&thread, NULL, thread_allocates, NULL) == 0);
    pthread_join(thread, &block);
    char *freed = opaque_pointer(block);
    REQUIRE(pthread_create(&thread, NULL, thread_frees, block) == 0);
    pthread_join(thread, NULL);
    sink = freed[1];
}

static volatile bool is_over;

static void *thread_works(void *unused) {
    (void)unused;
    while (!is_over)
        free(opaque_pointer(malloc(48)));
    return NULL;
}

/* A child finds no lock taken. */
static void forks(void) {
    pthread_t workers[3];
    for (size_t i = 0; i < COUNT(workers); i++)
        REQUIRE(pthread_create(&workers[i], NULL, thread_works, NULL) == 0);
    char *block = opaque_pointer(malloc(100));
    for (int i = 0; i < 200; i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(10);
            for (int j = 0; j < 10; j++)
                free(opaque_pointer(calloc(1, 48)));
            free(block);
            _exit(0);
        }
        int status = 0;
        REQUIRE(waitpid(child, &status, 0) == child && status == 0);
    }
    is_over = true;
    for (size_t i = 0; i < COUNT(workers); i++)
        pthread_join(workers[i], NULL);
    free(block);
    stale();
}

/* More than may live at a time, twice, with what is written kept. */
static void many(void) {
    static unsigned char *blocks[3000];
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < COUNT(blocks); i++) {
            blocks[i] = opaque_pointer(calloc(1, i + 1));
            REQUIRE(blocks[i][0] == 0 && blocks[i][i] == 0);
            memset(blocks[i], (int)i, i + 1);
        }
        for (size_t i = 0; i < COUNT(blocks); i++) {
            REQUIRE(blocks[i][0] == (unsigned char)i && blocks[i][i] == (unsigned char)i);
            free(blocks[i]);
        }
    }
    stale();
}

static void on_fault(int signal, siginfo_t *info, void *context) {
    (void)context;
    static const char text[] = "the program's handler\n";
    bool is_right = signal == SIGSEGV && info->si_code > 0;
    _exit(is_right && write(STDERR_FILENO, text, sizeof text - 1) > 0 ? 42 : 1);
}

/* Comes before every library's constructor. */
static void handle_early(int count, char **arguments) {
    if (count == 2 && strcmp(arguments[1], "former") == 0) {
        struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
        sigaction(SIGSEGV, &action, NULL);
    }
}
typedef void (*early)(int count, char **arguments);
__attribute__((section(".preinit_array"), used)) static const early early_entry = handle_early;

#define STATUS(signal) (signal)
#define EXIT(code)     ((code) << 8)

/* What a case says, in this order. */
static const struct scene {
    const char *name;
    void (*play)(void);
    int status;
    const char *said[4];
} scenes[] = {
    {"overflow",
     overflow,
     SIGSEGV,
     {", 0 bytes beyond the end of the sampled block 0x", " of 32 bytes, which is live.",
      "allocated by thread ", "/sample+0x"}},
    {"overflow-calloc",
     overflow_calloc,
     SIGSEGV,
     {", 0 bytes beyond the end", " of 48 bytes, which is live.", "allocated", "/sample+0x"}},
    {"overflow-small",
     overflow_small,
     SIGABRT,
     {"free(0x", "written to beyond its end.", "allocated", "freed"}},
    {"overflow-aligned",
     overflow_aligned,
     SIGSEGV,
     {", 0 bytes beyond the end", " of 1024 bytes", "allocated", "/sample+0x"}},
    {"overflow-zero",
     overflow_zero,
     SIGSEGV,
     {", 0 bytes beyond the end", " of 0 bytes", "allocated", "/sample+0x"}},
    {"underrun",
     underrun,
     SIGSEGV,
     {", 1 bytes before the start", " of 4096 bytes, which is live.", "allocated", "/sample+0x"}},
    {"underrun-small",
     underrun_small,
     SIGABRT,
     {"written to before its start.", "allocated", "/sample+0x", "freed"}},
    {"stale",
     stale,
     SIGSEGV,
     {", 8 bytes from the start", " of 100 bytes, which has been freed.", "freed by thread ", "/sample+0x"}},
    {"stale-later",
     stale_later,
     SIGSEGV,
     {", 8 bytes from the start", "which has been freed.", "freed", "/sample+0x"}},
    {"stale-realloc",
     stale_realloc,
     SIGSEGV,
     {", 8 bytes from the start", " of 100 bytes, which has been freed.", "allocated", "freed"}},
    {"twice", twice, SIGABRT, {"free(0x", "already freed", "allocated", "freed by"}},
    {"inside", inside, SIGABRT, {"free(0x", "inside a sampled block", "allocated", "/sample+0x"}},
    {"sent", sent, SIGSEGV, {NULL}},
    {"threads",
     threads,
     SIGSEGV,
     {", 1 bytes from the start", " of 64 bytes, which has been freed.", "allocated by", "freed by"}},
    {"forks", forks, SIGSEGV, {", 8 bytes from the start", "allocated", "freed"}},
    {"many", many, SIGSEGV, {", 8 bytes from the start", "allocated", "freed"}},
    {"former", stale, EXIT(42), {", 8 bytes from the start", "allocated", "freed", "the program's handler"}},
};

static bool is_as_said(const struct scene *scene, const struct death *death) {
    const char *rest = death->errors;
    if (scene->said[0] == NULL)
        return death->errors[0] == '\0';
    for (size_t i = 0; i < COUNT(scene->said) && scene->said[i] != NULL; i++) {
        rest = strstr(rest, scene->said[i]);
        if (rest == NULL)
            return false;
    }
    return true;
}

static bool threads_differ(const char *errors) {
    const char *allocated = strstr(errors, "allocated by thread "),
               *freed = strstr(errors, "freed by thread ");
    return allocated != NULL && freed != NULL &&
           atoi(allocated + strlen("allocated by thread ")) != atoi(freed + strlen("freed by thread "));
}

static bool scene_fails(const struct scene *scene, char *program) {
    struct death death;
    char *const arguments[] = {program, (char *)scene->name, NULL};
    death_watch(&death, arguments);
    bool is_right = death.status == scene->status && is_as_said(scene, &death) &&
                    (scene->play != threads || threads_differ(death.errors));
    if (!is_right)
        fprintf(stderr, "%s: status %x, said:\n%s%s\n", scene->name, (unsigned)death.status, death.output,
                death.errors);
    return !is_right;
}

int main(int count, char **arguments) {
    int failed = 0;
    if (count == 1)
        setenv("FREEHOLD_SAMPLE", "1", 1);
    first();
    for (size_t i = 0; i < COUNT(scenes); i++) {
        if (count == 1)
            failed += scene_fails(&scenes[i], arguments[0]);
        else if (strcmp(scenes[i].name, arguments[1]) == 0)
            scenes[i].play();
    }
    return failed != 0;
}
