/* SPDX-License-Identifier: MIT */
#include "stress.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct stress stress;

static struct worker workers[THREADS_MAX];
static worker_function *work_of_workers;
static atomic_bool stopped;
static pthread_barrier_t start_line;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t worker_ended;
static uint64_t unfinished; /* workers, under the lock */
static double began;
static _Thread_local unsigned thread_number;

/* Options */

static const char *verify_text = "cheap";

static const struct option common_options[] = {
    {"seconds", OPTION_SECONDS, &stress.seconds, 0, 1000000, "seconds to run"},
    {"threads", OPTION_NUMBER, &stress.threads, 1, THREADS_MAX, "threads"},
    {"seed", OPTION_NUMBER, &stress.seed, 0, UINT64_MAX, "seed of the random numbers"},
    {"operations", OPTION_NUMBER, &stress.operations, 0, UINT64_MAX, "operations in all, in place of a time"},
    {"verify", OPTION_TEXT, &verify_text, 0, 0, "none, cheap (both ends of each block) or full"},
    {0},
};

void stress_usage(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", stress.program->name);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "; see --help\n");
    va_end(arguments);
    exit(2);
}

uint64_t stress_number(const char *text, const char *name, uint64_t min, uint64_t max) {
    char *end;
    errno = 0;
    uint64_t number = strtoull(text, &end, 10);
    unsigned shift = *end == 'k' ? 10 : *end == 'm' ? 20 : *end == 'g' ? 30 : 0;
    bool overflow = errno != 0 || number > UINT64_MAX >> shift;
    if (text[0] < '0' || text[0] > '9' || end[shift != 0] != '\0') {
        stress_usage("%s: '%s' is no number", name, text);
    }
    number <<= shift;
    if (overflow || number < min || number > max) {
        stress_usage("%s: %s is not in %" PRIu64 "..%" PRIu64, name, text, min, max);
    }
    return number;
}

static void option_set(const struct option *option, const char *text) {
    char *end;
    switch (option->kind) {
    case OPTION_NUMBER:
        *(uint64_t *)option->value = stress_number(text, option->name, option->min, option->max);
        break;
    case OPTION_SECONDS: {
        double seconds = strtod(text, &end);
        if (end == text || *end != '\0' || !(seconds >= 0 && seconds <= (double)option->max)) {
            stress_usage("%s: '%s' is not in 0..%" PRIu64, option->name, text, option->max);
        }
        *(double *)option->value = seconds;
        break;
    }
    case OPTION_TEXT:
        *(const char **)option->value = text;
        break;
    }
}

static void option_help(const struct option *option) {
    printf("  --%-12s %s", option->name, option->help);
    switch (option->kind) {
    case OPTION_NUMBER:
        printf(" (default %" PRIu64 ")\n", *(uint64_t *)option->value);
        break;
    case OPTION_SECONDS:
        printf(" (default %g)\n", *(double *)option->value);
        break;
    case OPTION_TEXT:
        printf(" (default %s)\n", *(const char **)option->value ? *(const char **)option->value : "none");
        break;
    }
}

__attribute__((noreturn)) static void help(void) {
    const struct program *program = stress.program;
    printf("%s [--OPTION VALUE]... %s\n%s\n\n", program->name, program->positional ? program->positional : "",
           program->summary);
    for (const struct option *option = common_options; option->name != NULL; option++) {
        option_help(option);
    }
    for (const struct option *option = program->options; option != NULL && option->name != NULL; option++) {
        option_help(option);
    }
    printf("\nNumbers may end in k, m or g. Exit status: 0, 1 when a block is wrong, 2 for a usage error.\n");
    exit(0);
}

static const struct option *option_named(const struct option *options, const char *name, size_t length) {
    for (; options != NULL && options->name != NULL; options++) {
        if (strlen(options->name) == length && memcmp(options->name, name, length) == 0) {
            return options;
        }
    }
    return NULL;
}

/* Sets the option at arguments[0], with its value behind '=' or in arguments[1]; returns what it used up. */
static int option_read(char **arguments) {
    const char *name = arguments[0] + 2;
    size_t length = strcspn(name, "=");
    const struct option *option = option_named(common_options, name, length);
    if (option == NULL) {
        option = option_named(stress.program->options, name, length);
    }
    if (option == NULL) {
        stress_usage("unknown option %s", arguments[0]);
    }
    if (name[length] == '=') {
        option_set(option, name + length + 1);
        return 1;
    }
    if (arguments[1] == NULL) {
        stress_usage("%s needs a value", arguments[0]);
    }
    option_set(option, arguments[1]);
    return 2;
}

static enum verify verify_read(const char *text) {
    static const char *const names[] = {"none", "cheap", "full"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) == 0) {
            return (enum verify)i;
        }
    }
    stress_usage("verify: '%s' is not none, cheap or full", text);
}

void stress_start(const struct program *program, int argc, char **argv) {
    static char output[BUFSIZ];
    setvbuf(stdout, output, _IOLBF, sizeof output); /* else stdio allocates its buffer */
    stress.program = program;
    stress.seconds = 5;
    stress.threads = program->threads;
    stress.seed = 1;
    stress.arguments = argv;
    for (int i = 1; i < argc;) {
        if (strcmp(argv[i], "--help") == 0) {
            help();
        } else if (strcmp(argv[i], "--") == 0) {
            for (i++; i < argc; i++) {
                argv[stress.argument_count++] = argv[i];
            }
        } else if (strncmp(argv[i], "--", 2) == 0) {
            i += option_read(argv + i);
        } else {
            argv[stress.argument_count++] = argv[i++];
        }
    }
    argv[stress.argument_count] = NULL;
    if (stress.argument_count > 0 && program->positional == NULL) {
        stress_usage("unexpected argument '%s'", argv[0]);
    }
    stress.verify = verify_read(verify_text);
}

/* Clock and memory */

double stress_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The number behind `key` in /proc/self/status. Not ru_maxrss: that survives exec, so a small program would
 * report the size of whoever started it. */
static uint64_t status_kib(const char *key) {
    char text[4096];
    int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? 0 : read(file, text, sizeof text - 1);
    if (file >= 0) {
        close(file);
    }
    text[length > 0 ? length : 0] = '\0';
    const char *found = strstr(text, key);
    return found == NULL ? 0 : strtoull(found + strlen(key), NULL, 10);
}

/* The kernel notes its peak only now and then; what was seen here may be higher. */
static _Atomic uint64_t rss_seen_kib;

uint64_t stress_rss_kib(void) {
    uint64_t now = status_kib("VmRSS:");
    uint64_t seen = atomic_load_explicit(&rss_seen_kib, memory_order_relaxed);
    while (now > seen && !atomic_compare_exchange_weak_explicit(&rss_seen_kib, &seen, now,
                                                                memory_order_relaxed, memory_order_relaxed)) {
    }
    return now;
}

static uint64_t peak_rss_kib(void) {
    uint64_t peak = status_kib("VmHWM:");
    uint64_t seen = atomic_load_explicit(&rss_seen_kib, memory_order_relaxed);
    return peak > seen ? peak : seen;
}

uint64_t stress_mappings(void) {
    char text[4096];
    uint64_t lines = 0;
    int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    for (ssize_t length; file >= 0 && (length = read(file, text, sizeof text)) > 0;) {
        for (ssize_t i = 0; i < length; i++) {
            lines += text[i] == '\n';
        }
    }
    if (file >= 0) {
        close(file);
    }
    return lines;
}

static void *map(size_t bytes, int flags) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    if (memory == MAP_FAILED) {
        stress_fail("no memory for %zu bytes of tables", bytes);
    }
    return memory;
}

void *stress_map(size_t bytes) {
    return map(bytes, MAP_NORESERVE);
}

void *stress_map_resident(size_t bytes) {
    return map(bytes, MAP_POPULATE);
}

/* Workers */

bool stress_stopped(void) {
    return atomic_load_explicit(&stopped, memory_order_relaxed);
}

void worker_name_thread(const struct worker *worker) {
    thread_number = worker->number;
}

void worker_join_previous(struct worker *worker) {
    if (worker->previous_unjoined) {
        pthread_join(worker->previous, NULL);
        worker->previous_unjoined = false;
    }
}

uint64_t worker_budget(struct worker *worker, uint64_t wanted) {
    uint64_t done = atomic_load_explicit(&worker->operations, memory_order_relaxed);
    uint64_t left = done < worker->limit ? worker->limit - done : 0;
    return stress_stopped() ? 0 : left < wanted ? left : wanted;
}

static void *worker_live(void *argument);

static void worker_spawn(struct worker *worker) {
    pthread_t thread;
    int error = pthread_create(&thread, NULL, worker_live, worker);
    if (error != 0) {
        stress_fail("no new thread: %s", strerror(error));
    }
}

static void worker_end(struct worker *worker) {
    worker->previous = pthread_self();
    worker->previous_unjoined = true;
    worker->ended = stress_clock();
    pthread_mutex_lock(&lock);
    unfinished--;
    pthread_cond_signal(&worker_ended);
    pthread_mutex_unlock(&lock);
}

/* A thread joins its predecessor only when it ends itself, so the exit of the one and the first calls of the
 * other overlap, and still no thread outlives the run. */
static void *worker_live(void *argument) {
    struct worker *worker = argument;
    worker_name_thread(worker);
    if (worker->lives++ == 0) {
        pthread_barrier_wait(&start_line);
    }
    bool successor = work_of_workers(worker);
    worker_join_previous(worker);
    if (successor) {
        worker->previous = pthread_self();
        worker->previous_unjoined = true;
        worker_spawn(worker);
    } else {
        worker_end(worker);
    }
    return NULL;
}

static void workers_set_up(void) {
    uint64_t counting = stress.counting > 0 ? stress.counting : stress.threads;
    uint64_t share = stress.operations / counting;
    uint64_t rest = stress.operations % counting;
    for (unsigned i = 0; i < stress.threads; i++) {
        struct worker *worker = &workers[i];
        *worker = (struct worker){.number = i, .next_id = (uint64_t)(i + 1) << 40};
        worker->limit = stress.operations == 0 || i >= counting ? UINT64_MAX : share + (i < rest);
        worker->random = (stress.seed + 1) * 0x9e3779b97f4a7c15ULL + i + 1;
        for (int warm_up = 0; warm_up < 8; warm_up++) {
            random_next(&worker->random);
        }
    }
}

static uint64_t operations_done(void) {
    uint64_t done = 0;
    for (unsigned i = 0; i < stress.threads; i++) {
        done += atomic_load_explicit(&workers[i].operations, memory_order_relaxed);
    }
    return done;
}

static void progress(double elapsed) {
    static double shown;
    if (elapsed - shown < 0.5 || !isatty(STDERR_FILENO)) {
        return;
    }
    shown = elapsed;
    fprintf(stderr, "\r%s: %.1f s, %" PRIu64 " operations, %" PRIu64 " MiB resident ", stress.program->name,
            elapsed, operations_done(), stress_rss_kib() / KIB);
}

/* Waits until the workers have ended, and tells them to when the time is over. */
static void watch(tick_function *tick) {
    double interval = stress.program->interval > 0 ? stress.program->interval : 0.1;
    bool deadline = stress.operations == 0 && !stress.program->ends_itself;
    pthread_mutex_lock(&lock);
    while (unfinished > 0) {
        double next = stress_clock() + interval;
        if (deadline && !stress_stopped() && next > began + stress.seconds) {
            next = began + stress.seconds;
        }
        struct timespec until = {.tv_sec = (time_t)next};
        until.tv_nsec = (long)((next - (double)until.tv_sec) * 1e9);
        pthread_cond_timedwait(&worker_ended, &lock, &until);
        double elapsed = stress_clock() - began;
        if (deadline && elapsed >= stress.seconds) {
            atomic_store_explicit(&stopped, true, memory_order_relaxed);
        }
        if (tick != NULL) {
            tick(elapsed);
        }
        progress(elapsed);
    }
    pthread_mutex_unlock(&lock);
}

void stress_run(worker_function *work, tick_function *tick) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&worker_ended, &monotonic);
    pthread_barrier_init(&start_line, NULL, (unsigned)stress.threads + 1);
    work_of_workers = work;
    unfinished = stress.threads;
    workers_set_up();
    for (unsigned i = 0; i < stress.threads; i++) {
        worker_spawn(&workers[i]);
    }
    began = stress_clock();
    pthread_barrier_wait(&start_line);
    watch(tick);
    double ended = began;
    for (unsigned i = 0; i < stress.threads; i++) {
        worker_join_previous(&workers[i]);
        ended = workers[i].ended > ended ? workers[i].ended : ended;
    }
    stress.elapsed = ended - began;
    stress.done = operations_done();
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r\033[K");
    }
}

/* Results */

void stress_result(const char *format, ...) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double rate = stress.elapsed > 0 ? (double)stress.done / stress.elapsed : 0;
    printf("result program=%s seconds=%.6f threads=%" PRIu64 " seed=%" PRIu64 " operations=%" PRIu64
           " operations_per_second=%.0f peak_rss_kib=%" PRIu64
           " major_faults=%ld minor_faults=%ld errors=0 verify=%s",
           stress.program->name, stress.elapsed, stress.threads, stress.seed, stress.done, rate,
           peak_rss_kib(), usage.ru_majflt, usage.ru_minflt, verify_text);
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    exit(fflush(stdout) == 0 ? 0 : 1);
}

/* By write and _exit: with a broken allocator, stdio and exit handlers cannot be relied on. */
void stress_fail(const char *format, ...) {
    static atomic_flag failed = ATOMIC_FLAG_INIT;
    while (atomic_flag_test_and_set(&failed)) {
        pause(); /* another thread prints its evidence and ends the process */
    }
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int prefix = snprintf(text, sizeof text, "%s: thread %u: ", stress.program->name, thread_number);
    int length = prefix + vsnprintf(text + prefix, sizeof text - (size_t)prefix - 1, format, arguments);
    va_end(arguments);
    length = length < (int)sizeof text - 2 ? length : (int)sizeof text - 2;
    text[length] = '\n';
    ssize_t written = write(STDERR_FILENO, text, (size_t)length + 1);
    _exit(written > 0 ? 1 : 3);
}
