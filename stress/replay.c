/* SPDX-License-Identifier: MIT
 *
 * Plays a recorded trace: each recorded thread is a thread here, started and joined at the same place of the
 * trace, and makes its calls in its order. A call on a block that another thread makes waits for that. All
 * that a step waits for is earlier in the trace, so the threads cannot wait for each other in a circle.
 */
#include "block.h"
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum step_kind { STEP_MALLOC, STEP_CALLOC, STEP_ALIGNED, STEP_REALLOC, STEP_FREE, STEP_START, STEP_JOIN };

struct step {
    uint32_t target;  /* a block, or the player to start or join */
    uint32_t version; /* of the block, before the step */
    uint64_t size : 48, alignment_log : 8, kind : 8;
};

struct held {
    struct block block;
    _Atomic uint32_t version; /* 0: not made yet; counts the steps on it */
};

struct player {
    struct worker worker; /* for random numbers and ids of blocks */
    pthread_t thread;
    atomic_bool started;
    const struct step *step, *end;
};

/* What the trace becomes. */
static struct step *steps;
static uint64_t step_count, call_count, unknown_count;
static struct player *players;
static unsigned player_count, last_player;
static struct held *held;
static uint32_t held_count;
static uint64_t rounds;

static const char *record_path = NULL;

static const struct option options[] = {
    {"record", OPTION_TEXT, &record_path, 0, 0, "write the trace of PROGRAM to this file"},
    {0},
};

static const struct program program = {
    .name = "replay",
    .summary =
        "Plays the trace over and over for --seconds, once at least, with the threads that were recorded; "
        "--threads has no effect.\nWith --record FILE, runs PROGRAM and writes its trace. An operation is "
        "one recorded call.",
    .positional = "TRACE | --record FILE -- PROGRAM [ARGUMENT]...",
    .options = options,
    .threads = 1,
};

/* Record */

__attribute__((noreturn)) static void record_program(void) {
    static char recorder[PATH_MAX + 32];
    static char trace[PATH_MAX];
    if (stress.argument_count == 0) {
        stress_usage("--record needs a program");
    }
    ssize_t length = readlink("/proc/self/exe", recorder, PATH_MAX);
    char *folder_end = length < 0 ? NULL : strrchr(recorder, '/');
    if (folder_end == NULL) {
        stress_usage("/proc/self/exe cannot be read");
    }
    memcpy(folder_end, "/recorder.so", sizeof "/recorder.so");
    if (access(recorder, R_OK) != 0) {
        stress_usage("%s: %s", recorder, strerror(errno));
    }
    int file = open(record_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0 || realpath(record_path, trace) == NULL || unlink(trace) != 0) {
        stress_usage("%s: %s", record_path, strerror(errno));
    }
    setenv("LD_PRELOAD", recorder, 1);
    setenv(TRACE_ENVIRONMENT, trace, 1);
    execvp(stress.arguments[0], stress.arguments);
    stress_usage("%s: %s", stress.arguments[0], strerror(errno));
}

/* Load: turns addresses into blocks, and the one order of the trace into an order of each thread. */

struct reader {
    const uint64_t *words;
    size_t used, count;
};

static bool read_record(struct reader *reader, struct trace_record *record) {
    if (reader->used >= reader->count || reader->words[reader->used] == TRACE_END) {
        return false;
    }
    const uint64_t *word = reader->words + reader->used;
    uint64_t pair[2] = {word[0], reader->used + 1 < reader->count ? word[1] : 0};
    reader->used += trace_decode(pair, record);
    return true;
}

static struct reader open_trace(const char *path) {
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) != 0) {
        stress_usage("%s: %s", path, strerror(errno));
    }
    size_t bytes = (size_t)status.st_size / 8 * 8;
    uint64_t *words = stress_map(bytes + 8);
    for (size_t done = 0; done < bytes;) {
        ssize_t got = read(file, (char *)words + done, bytes - done);
        if (got <= 0) {
            stress_usage("%s: %s", path, strerror(errno));
        }
        done += (size_t)got;
    }
    close(file);
    if (bytes < 8 || words[0] != TRACE_MAGIC) {
        stress_usage("%s is no trace", path);
    }
    return (struct reader){words, TRACE_HEADER_WORDS, bytes / 8};
}

/* Address -> what is live there: open addressing; entries stay, since addresses come back. */
struct entry {
    uint64_t address;
    uint32_t target, version;
    bool live;
};

struct loader {
    struct entry *table;
    uint64_t mask;
    struct entry moving[TRACE_THREADS_MAX]; /* by thread: what it has given to realloc */
    uint64_t last_record[TRACE_THREADS_MAX];
    unsigned player[TRACE_THREADS_MAX]; /* number + 1; 0: not seen */
    uint32_t *player_of_step;
};

static struct loader loader;

static struct entry *entry_of(uint64_t address) {
    uint64_t i = (address * 0x9e3779b97f4a7c15ULL) >> 20;
    while (loader.table[i & loader.mask].address != 0 && loader.table[i & loader.mask].address != address) {
        i++;
    }
    return &loader.table[i & loader.mask];
}

static void add_step(unsigned player, struct step step) {
    loader.player_of_step[step_count] = player;
    steps[step_count++] = step;
}

static struct step make_step(enum step_kind kind, uint32_t target, uint32_t version,
                             const struct trace_record *record) {
    return (struct step){.target = target,
                         .version = version,
                         .size = record->size > 0 ? record->size : 1,
                         .alignment_log = (uint64_t)record->alignment_log & 255,
                         .kind = (uint64_t)kind & 255};
}

static void load_take(unsigned player, enum step_kind kind, const struct trace_record *record) {
    *entry_of(record->address) =
        (struct entry){.address = record->address, .target = held_count, .version = 1, .live = true};
    add_step(player, make_step(kind, held_count++, 0, record));
}

static void load_free(unsigned player, const struct trace_record *record) {
    struct entry *entry = entry_of(record->address);
    if (!entry->live) {
        unknown_count++; /* made before the recording began */
        return;
    }
    entry->live = false;
    add_step(player, make_step(STEP_FREE, entry->target, entry->version, record));
}

static void load_realloc_to(unsigned player, const struct trace_record *record) {
    struct entry moved = loader.moving[record->thread];
    loader.moving[record->thread].live = false;
    if (record->address == 0) {
        if (moved.live) {
            *entry_of(moved.address) = moved;
        }
    } else if (moved.live) {
        add_step(player, make_step(STEP_REALLOC, moved.target, moved.version, record));
        moved.address = record->address;
        moved.version++;
        *entry_of(record->address) = moved;
    } else {
        load_take(player, STEP_MALLOC, record);
    }
}

static void load_record(unsigned player, const struct trace_record *record) {
    struct entry *entry;
    switch (record->kind) {
    case TRACE_MALLOC:
        load_take(player, STEP_MALLOC, record);
        break;
    case TRACE_CALLOC:
        load_take(player, STEP_CALLOC, record);
        break;
    case TRACE_ALIGNED:
        load_take(player, STEP_ALIGNED, record);
        break;
    case TRACE_FREE:
        load_free(player, record);
        break;
    case TRACE_REALLOC_FROM:
        entry = entry_of(record->address);
        loader.moving[record->thread] = *entry;
        entry->live = false;
        break;
    case TRACE_REALLOC_TO:
        load_realloc_to(player, record);
        break;
    default:
        stress_usage("the trace has a record of kind %d", (int)record->kind);
    }
}

/* Whoever makes the call before a thread's first starts the thread; whoever makes the call behind its last
 * joins it. The first player is the worker itself and is neither. */
static void load_records(struct reader reader) {
    struct trace_record record;
    unsigned previous = 0;
    unsigned previous_thread = 0;
    for (uint64_t number = 0; read_record(&reader, &record); number++) {
        if (loader.player[record.thread] == 0) {
            loader.player[record.thread] = ++player_count;
            if (number > 0) {
                add_step(previous, (struct step){.target = player_count - 1, .kind = STEP_START});
            }
        }
        unsigned player = loader.player[record.thread] - 1;
        if (number > 0 && previous != 0 && loader.last_record[previous_thread] == number - 1) {
            add_step(player, (struct step){.target = previous, .kind = STEP_JOIN});
        }
        load_record(player, &record);
        previous = player;
        previous_thread = record.thread;
    }
    last_player = previous;
}

static void count_records(struct reader reader) {
    struct trace_record record;
    for (; read_record(&reader, &record); call_count++) {
        loader.last_record[record.thread] = call_count;
    }
}

/* Sorts the steps by player, the order of each kept. */
static void sort_steps(void) {
    struct step *sorted = stress_map((step_count + 1) * sizeof *sorted);
    uint64_t *next = stress_map((player_count + 1) * sizeof *next);
    players = stress_map((player_count + 1) * sizeof *players);
    for (uint64_t i = 0; i < step_count; i++) {
        next[loader.player_of_step[i] + 1]++;
    }
    for (unsigned i = 0; i < player_count; i++) {
        players[i].step = sorted + next[i];
        next[i + 1] += next[i];
        players[i].end = sorted + next[i + 1];
        players[i].worker = (struct worker){.number = i, .next_id = (uint64_t)(i + 1) << 40};
    }
    for (uint64_t i = 0; i < step_count; i++) {
        sorted[next[loader.player_of_step[i]]++] = steps[i];
    }
    steps = sorted;
}

static void load(const char *path) {
    struct reader reader = open_trace(path);
    count_records(reader);
    if (call_count == 0) {
        stress_usage("%s has no calls", path);
    }
    uint64_t slots = 16;
    while (slots < 2 * call_count) {
        slots *= 2;
    }
    loader.table = stress_map(slots * sizeof *loader.table);
    loader.mask = slots - 1;
    uint64_t steps_max = call_count + UINT64_C(2) * TRACE_THREADS_MAX;
    steps = stress_map(steps_max * sizeof *steps);
    loader.player_of_step = stress_map(steps_max * sizeof *loader.player_of_step);
    load_records(reader);
    sort_steps();
    held = stress_map((held_count + 1) * sizeof *held);
}

/* Play */

static void *play_thread(void *argument);

static void await(_Atomic uint32_t *version, uint32_t wanted) {
    for (int spins = 0; atomic_load_explicit(version, memory_order_acquire) != wanted; spins++) {
        if (spins > 100) {
            sched_yield();
        }
    }
}

static void start_player(struct player *player) {
    int error = pthread_create(&player->thread, NULL, play_thread, player);
    if (error != 0) {
        stress_fail("no new thread: %s", strerror(error));
    }
    atomic_store_explicit(&player->started, true, memory_order_release);
}

static void join_player(struct player *player) {
    while (!atomic_load_explicit(&player->started, memory_order_acquire)) {
        sched_yield();
    }
    pthread_join(player->thread, NULL);
}

static void play_call(struct player *player, const struct step *step) {
    struct held *target = &held[step->target];
    struct block *block = &target->block;
    size_t alignment = (size_t)1 << step->alignment_log;
    await(&target->version, step->version);
    switch ((enum step_kind)step->kind) {
    case STEP_CALLOC:
        block_take_zeroed(block, &player->worker, step->size);
        break;
    case STEP_ALIGNED:
        block_set(block, &player->worker, stress_memalign(alignment, step->size), step->size, alignment);
        break;
    case STEP_REALLOC:
        block_resize(block, &player->worker, step->size);
        break;
    case STEP_FREE:
        block_free(block);
        break;
    default:
        block_take(block, &player->worker, step->size);
        break;
    }
    atomic_store_explicit(&target->version, step->version + 1, memory_order_release);
}

static void play(struct player *player) {
    for (const struct step *step = player->step; step < player->end; step++) {
        if (step->kind == STEP_START) {
            start_player(&players[step->target]);
        } else if (step->kind == STEP_JOIN) {
            join_player(&players[step->target]);
        } else {
            play_call(player, step);
        }
    }
}

static void *play_thread(void *argument) {
    struct player *player = argument;
    worker_name_thread(&player->worker);
    play(player);
    return NULL;
}

/* What the program left to its exit is freed before the next round. */
static void end_round(void) {
    for (uint32_t i = 0; i < held_count; i++) {
        if (held[i].block.at != NULL) {
            block_free(&held[i].block);
        }
        atomic_store_explicit(&held[i].version, 0, memory_order_relaxed);
    }
    for (unsigned i = 0; i < player_count; i++) {
        atomic_store_explicit(&players[i].started, false, memory_order_relaxed);
    }
}

static bool play_rounds(struct worker *worker) {
    do {
        play(&players[0]);
        if (last_player != 0) {
            join_player(&players[last_player]);
        }
        end_round();
        rounds++;
        worker_count(worker, call_count);
    } while (worker_budget(worker, 1) > 0);
    return false;
}

int main(int argc, char **argv) {
    stress_start(&program, argc, argv);
    if (record_path != NULL) {
        record_program();
    }
    if (stress.argument_count != 1) {
        stress_usage("expected one trace");
    }
    load(stress.arguments[0]);
    stress.threads = 1;
    stress_run(play_rounds, NULL);
    stress.threads = player_count;
    stress_result(" rounds=%" PRIu64 " calls=%" PRIu64 " blocks=%" PRIu32 " unknown=%" PRIu64, rounds,
                  call_count, held_count, unknown_count);
}
