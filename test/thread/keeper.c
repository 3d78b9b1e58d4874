/* SPDX-License-Identifier: MIT
 *
 * The housekeeper as a program sees it. usage: keeper back|slices|alone|apart|modest|last|child|idle|
 * identity|early|bare. back: memory comes back while all threads sleep. slices: in one thread, by its slow
 * paths. alone: by its frees, as it makes no further call; in a child of a fork as well. apart: it has its
 * name, all signals blocked, and is in no process without threads, nor where the option says no. modest: it
 * has no real-time priority, though its maker has. last: a process whose main thread has ended ends with its
 * last thread. child: a fork's child has none until it makes a thread. idle: it uses no time when nothing
 * decays. identity: threads change the user while it is there. early: the only thread was made before any
 * constructor. bare: all descriptors are closed and other files have their numbers. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "conformance/child.h"

#define WATCHDOG 150 /* seconds */
#define THREADS  8
#define BYTES    (256 * MIB) /* of all threads together */
#define HELD     (40 * MIB)  /* that sleeping threads may hold together */
#define BLOCK    2000u
#define SLICE_MS 20

static void sleep_ms(long milliseconds) {
    struct timespec span = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    while (nanosleep(&span, &span) != 0) {
    }
}

/* Looks for the thread of that name; what its status says under a key is copied, if there is one. */
static bool find_thread(const char *name, const char *key, char *value, size_t size) {
    DIR *tasks = opendir("/proc/self/task");
    bool found = false;
    REQUIRE(tasks != NULL);
    for (struct dirent *entry; !found && (entry = readdir(tasks)) != NULL;) {
        char path[300];
        char line[200];
        char comm[32] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        FILE *status = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
        while (status != NULL && fgets(line, sizeof line, status) != NULL) {
            if (sscanf(line, "Name: %31s", comm) == 1) {
                found = strcmp(comm, name) == 0;
            }
            if (found && key != NULL && strncmp(line, key, strlen(key)) == 0) {
                snprintf(value, size, "%s", line + strlen(key));
            }
        }
        if (status != NULL) {
            fclose(status);
        }
    }
    closedir(tasks);
    return found;
}

static bool has_keeper(void) {
    return find_thread("freehold", NULL, NULL, 0);
}

/* It names itself when it has begun. */
static bool keeper_comes(void) {
    for (int i = 0; i < 10000 && !has_keeper(); i++) {
        sleep_ms(2);
    }
    return has_keeper();
}

static void *nothing(void *unused) {
    return unused;
}

static void make_thread(void) {
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, nothing, NULL) == 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
}

/* As a library's constructor may, before the one that reads the options. */
static void make_thread_early(int argc, char **argv, char **environment) {
    (void)environment;
    if (argc >= 2 && strcmp(argv[1], "early") == 0) {
        make_thread();
    }
}

__attribute__((section(".preinit_array"), used)) static void (*const before_all)(int, char **,
                                                                                 char **) = make_thread_early;

static pthread_barrier_t barrier;

static void *fill_and_sleep(void *unused) {
    size_t count = BYTES / THREADS / BLOCK;
    char **blocks = malloc(count * sizeof *blocks);
    for (size_t i = 0; i < count; i++) {
        blocks[i] = malloc(BLOCK);
        memset(blocks[i], 1, BLOCK);
    }
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    for (size_t i = 0; i < count; i++) {
        free(blocks[i]);
    }
    free(blocks);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return unused;
}

static void come_back(void) {
    pthread_t threads[THREADS];
    REQUIRE(pthread_barrier_init(&barrier, NULL, THREADS + 1) == 0);
    size_t start = resident_bytes();
    for (int i = 0; i < THREADS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, fill_and_sleep, NULL) == 0);
    }
    pthread_barrier_wait(&barrier);
    REQUIRE(resident_bytes() > start + BYTES);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    size_t least = resident_bytes();
    for (int i = 0; i < 100 && least >= start + HELD + 16 * MIB; i++) {
        sleep_ms(100);
        least = resident_bytes();
    }
    probe_write(STDERR_FILENO, "back: start %zu, then %zu KiB\n", start / KIB, least / KIB);
    REQUIRE(least < start + HELD + 16 * MIB);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < THREADS; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    }
}

/* What was resident at first is there again after some seconds of small slow paths. */
static void come_back_alone(size_t size, size_t slack) {
    size_t count = BYTES / size;
    char **blocks = malloc(count * sizeof *blocks);
    REQUIRE(blocks != NULL);
    size_t start = resident_bytes();
    for (size_t i = 0; i < count; i++) {
        blocks[i] = malloc(size);
        memset(blocks[i], 1, size);
    }
    for (size_t i = 0; i < count; i++) {
        free(blocks[i]);
    }
    size_t least = resident_bytes();
    for (int i = 0; i < 3000 && least >= start + slack; i++) {
        sleep_ms(SLICE_MS / 10);
        for (int j = 0; j < 600; j++) {
            free(opaque_pointer(malloc(100000 + (size_t)j)));
        }
        least = resident_bytes();
    }
    free(blocks);
    probe_write(STDERR_FILENO, "slices of %zu: start %zu, then %zu KiB\n", size, start / KIB, least / KIB);
    REQUIRE(least < start + slack);
}

/* Nothing is called but free, and what was resident goes with it. Whoever frees gives back what he has freed,
 * so the clock has no say, but where another program keeps the processor. */
static void free_alone(size_t size, size_t slack) {
    size_t count = BYTES / size;
    char **blocks = malloc(count * sizeof *blocks);
    REQUIRE(blocks != NULL);
    memset(blocks, 1, count * sizeof *blocks);
    size_t start = resident_bytes();
    for (size_t i = 0; i < count; i++) {
        blocks[i] = malloc(size);
        memset(blocks[i], 1, size);
    }
    size_t peak = resident_bytes();
    for (size_t i = 0; i < count; i++) {
        free(blocks[i]);
    }
    size_t end = resident_bytes();
    probe_write(STDERR_FILENO, "alone, %zu: start %zu, peak %zu, then %zu KiB\n", size, start / KIB,
                peak / KIB, end / KIB);
    REQUIRE(peak > start + BYTES / 2);
    REQUIRE(end < start + slack);
    free(blocks);
}

/* Only who may has a real-time priority. */
static int be_modest(void) {
    char id[100] = "";
    const struct sched_param least = {.sched_priority = 1}, none = {.sched_priority = 0};
    if (sched_setscheduler(0, SCHED_RR, &least) != 0) {
        probe_write(STDERR_FILENO, "no real-time priority is to be had\n");
        return 77;
    }
    make_thread();
    REQUIRE(sched_setscheduler(0, SCHED_OTHER, &none) == 0);
    REQUIRE(keeper_comes());
    REQUIRE(find_thread("freehold", "Pid:", id, sizeof id));
    pid_t keeper = (pid_t)strtol(id, NULL, 10);
    for (int i = 0; i < 5000 && sched_getscheduler(keeper) != SCHED_OTHER; i++) {
        sleep_ms(2);
    }
    REQUIRE(sched_getscheduler(keeper) == SCHED_OTHER);
    return 0;
}

static void be_apart(bool is_wanted) {
    char blocked[100] = "";
    REQUIRE(!has_keeper());
    make_thread();
    if (!is_wanted) {
        sleep_ms(50);
        REQUIRE(!has_keeper());
        return;
    }
    REQUIRE(keeper_comes());
    REQUIRE(find_thread("freehold", "SigBlk:", blocked, sizeof blocked));
    unsigned long long mask = strtoull(blocked, NULL, 16);
    for (int signal = 1; signal < NSIG; signal++) {
        /* The C library's own signals are never blocked, and the kernel's two cannot be. */
        bool is_open = signal == SIGKILL || signal == SIGSTOP || (signal >= 32 && signal < SIGRTMIN);
        REQUIRE(is_open || (mask >> (signal - 1) & 1) != 0);
    }
}

static void *end_last(void *unused) {
    sleep_ms(50);
    free(malloc(100));
    return unused;
}

/* No thread calls exit: the C library does, when the last one has ended. */
static void end_main(void) {
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, end_last, NULL) == 0);
    REQUIRE(pthread_detach(thread) == 0);
    REQUIRE(keeper_comes());
    pthread_exit(NULL);
}

static void be_child(void) {
    sleep_ms(20);
    REQUIRE(!has_keeper());
    for (int i = 0; i < 100; i++) {
        free(opaque_pointer(malloc(3 * MIB)));
    }
    make_thread();
    REQUIRE(keeper_comes());
}

static size_t size_alone;

static void free_all_alone(void) {
    free_alone(size_alone, 40 * MIB);
}

/* Each size in a process of its own: none pays for what the one before has widened. */
static void all_alone(void) {
    static const size_t sizes[] = {2000, 30000, 60000, 300000, 1000000, 3000000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_alone = sizes[i];
        child_run(free_all_alone, WATCHDOG);
    }
    size_alone = 300000;
    free_all_alone();
}

static void use_and_be_idle(void) {
    char before[200] = "";
    char after[200] = "";
    make_thread();
    REQUIRE(keeper_comes());
    char *block = malloc(30 * MIB);
    memset(block, 1, 30 * MIB);
    free(block);
    /* Between two steps it may sleep for as long as the decay: a second without one is no rest yet. */
    int rest = 0;
    for (int i = 0; i < 400 && rest < 50; i++) {
        sleep_ms(100);
        REQUIRE(find_thread("freehold", "voluntary_ctxt_switches:", after, sizeof after));
        rest = strcmp(before, after) == 0 ? rest + 1 : 0;
        memcpy(before, after, sizeof before);
    }
    REQUIRE(rest == 50);
}

static void *change_user(void *user) {
    uid_t number = (uid_t)(uintptr_t)user;
    REQUIRE(setuid(number) == 0 && getuid() == number);
    return NULL;
}

/* The C library lets every thread change its own, and waits for all of them. */
static void change_identity(void) {
    char users[100] = "";
    make_thread();
    REQUIRE(keeper_comes());
    uid_t other = getuid() == 0 ? 12345 : getuid();
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, change_user, (void *)(uintptr_t)other) == 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
    REQUIRE(getuid() == other);
    REQUIRE(find_thread("freehold", "Uid:", users, sizeof users));
    REQUIRE(strtoul(users, NULL, 10) == other);
}

static void close_all(void) {
    int ends[2];
    make_thread();
    REQUIRE(keeper_comes());
    for (int file = 3; file < 100; file++) {
        close(file);
    }
    REQUIRE(pipe(ends) == 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    for (int i = 0; i < 20; i++) {
        free(opaque_pointer(memset(malloc(20 * MIB), 1, 20 * MIB)));
        sleep_ms(100);
    }
    char byte = 0;
    REQUIRE(read(ends[0], &byte, 1) == -1); /* nobody has written there */
    REQUIRE(has_keeper());
}

int main(int argc, char **argv) {
    const char *name = argc >= 2 ? argv[1] : "";
    alarm(WATCHDOG);
    if (strcmp(name, "back") == 0) {
        come_back();
    } else if (strcmp(name, "slices") == 0) {
        come_back_alone(2000, 16 * MIB);
        come_back_alone(60000, 16 * MIB);
        come_back_alone(5 * MIB, 16 * MIB);
    } else if (strcmp(name, "alone") == 0) {
        all_alone();
    } else if (strcmp(name, "apart") == 0) {
        const char *option = getenv("FREEHOLD_HOUSEKEEPER");
        be_apart(option == NULL || strcmp(option, "0") != 0);
    } else if (strcmp(name, "modest") == 0) {
        return be_modest();
    } else if (strcmp(name, "last") == 0) {
        end_main();
    } else if (strcmp(name, "child") == 0) {
        child_run(be_child, WATCHDOG); /* of a single thread */
        make_thread();
        REQUIRE(keeper_comes());
        child_run(be_child, WATCHDOG);
    } else if (strcmp(name, "idle") == 0) {
        use_and_be_idle();
    } else if (strcmp(name, "identity") == 0) {
        change_identity();
    } else if (strcmp(name, "early") == 0) {
        REQUIRE(keeper_comes());
    } else if (strcmp(name, "bare") == 0) {
        close_all();
    } else {
        return 2;
    }
    return 0;
}
