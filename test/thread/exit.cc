// SPDX-License-Identifier: MIT
//
// 100,000 short threads free each other's blocks, the last of them after their arenas should be gone: in
// thread_local destructors, and in key destructors of all four passes. Memory stays flat.
#include <atomic>
#include <cstdlib>
#include <pthread.h>

#include "conformance/probe.h"

namespace {

constexpr size_t all_threads = 100000;
constexpr size_t width = 8;
constexpr size_t mailboxes = 64;
// glibc runs key destructors again, up to four times, as long as a key has a value.
constexpr int passes = 4;

struct Parcel {
    size_t size;
    size_t seed;
};

// Parcels left for whichever thread comes by.
std::atomic<Parcel *> mailbox[mailboxes];
std::atomic<size_t> destructors_run;
std::atomic<size_t> key_passes_run;
pthread_key_t key;

Parcel *pack(size_t seed) {
    size_t size = sizeof(Parcel) + seed * 61 % (seed % 50 == 0 ? 100 * KIB : 3000);
    auto *parcel = static_cast<Parcel *>(malloc(size));
    REQUIRE(parcel != nullptr);
    parcel->size = size;
    parcel->seed = seed;
    block_fill(parcel + 1, size - sizeof(Parcel), seed);
    return parcel;
}

void unpack(Parcel *parcel) {
    if (parcel != nullptr) {
        REQUIRE(block_holds(parcel + 1, parcel->size - sizeof(Parcel), parcel->seed));
        free(parcel);
    }
}

// Leaves a parcel, and frees the one that was there: as a rule another thread's.
void trade(size_t seed) {
    unpack(mailbox[seed % mailboxes].exchange(pack(seed)));
}

class Tenant {
  public:
    Tenant() = default;
    Tenant(const Tenant &) = delete;
    Tenant &operator=(const Tenant &) = delete;
    ~Tenant() {
        unpack(parcel_);
        trade(seed_ + 1);
        destructors_run++;
    }
    void move_in(size_t seed) {
        seed_ = seed;
        parcel_ = pack(seed);
    }

  private:
    Parcel *parcel_ = nullptr;
    size_t seed_ = 0;
};

// No destructor of its own: the last pass frees what it points to.
__thread Parcel *pocket;

// What the key holds: a block that lives from pass to pass.
struct Pass {
    size_t seed;
    int number;
};

void run_pass(void *value) {
    auto *pass = static_cast<Pass *>(value);
    Pass next = {pass->seed, pass->number + 1};
    free(pass);
    trade(next.seed + static_cast<size_t>(next.number));
    key_passes_run++;
    if (next.number < passes) {
        auto *again = static_cast<Pass *>(malloc(sizeof(Pass)));
        *again = next;
        pthread_setspecific(key, again);
    } else {
        unpack(pocket);
    }
}

void *live(void *argument) {
    auto seed = reinterpret_cast<size_t>(argument);
    thread_local Tenant tenant;
    tenant.move_in(seed);
    pocket = pack(seed + 2);
    auto *pass = static_cast<Pass *>(malloc(sizeof(Pass)));
    *pass = {seed, 0};
    pthread_setspecific(key, pass);
    for (size_t i = 0; i < 4; i++) {
        trade(seed + i * 17);
    }
    return nullptr;
}

void run_threads(size_t first, size_t count) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 * KIB);
    for (size_t seed = first; seed < first + count; seed += width) {
        pthread_t threads[width];
        for (size_t i = 0; i < width; i++) {
            REQUIRE(pthread_create(&threads[i], &attributes, live, reinterpret_cast<void *>(seed + i)) == 0);
        }
        for (auto &thread : threads) {
            REQUIRE(pthread_join(thread, nullptr) == 0);
        }
    }
    pthread_attr_destroy(&attributes);
}

// Resident memory without what is only kept for reuse.
size_t trimmed_bytes() {
    malloc_trim(0);
    return resident_bytes();
}

} // namespace

int main() {
    REQUIRE(pthread_key_create(&key, run_pass) == 0);
    run_threads(0, all_threads / 10);
    size_t early = trimmed_bytes();
    run_threads(all_threads / 10, all_threads - all_threads / 10);
    size_t late = trimmed_bytes();
    probe_write(STDOUT_FILENO, "resident: %zu KiB after a tenth of the threads, %zu KiB after all\n",
                early / KIB, late / KIB);
    REQUIRE(destructors_run == all_threads);
    REQUIRE(key_passes_run == all_threads * passes);
    REQUIRE(late < early + 4 * MIB);

    struct fh_counts counters;
    if (read_counters(&counters)) {
        probe_write(STDOUT_FILENO, "arenas: %zu\n", static_cast<size_t>(counters.arenas_made));
        REQUIRE(counters.arenas_started >= all_threads);
        // As many as threads ever ran at once, and some for those that were on their way out.
        REQUIRE(counters.arenas_made <= 4 * width);
    }
    for (auto &box : mailbox) {
        unpack(box.exchange(nullptr));
    }
    check_invariants();
    return 0;
}
