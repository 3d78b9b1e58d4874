// SPDX-License-Identifier: MIT
//
// Destructors of thread_local and static objects allocate and free, to the very end of the process.
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "conformance/probe.h"

namespace {

std::atomic<int> thread_locals_destroyed;
int statics_destroyed;

constexpr int statics = 3;
constexpr int threads = 200;

// Each object's life is in memory of its own, and its end takes some more.
class Tenant {
  public:
    explicit Tenant(size_t seed) : seed_(seed), contents_(1000 + seed * 37) {
        block_fill(contents_.data(), contents_.size(), seed_);
    }
    Tenant(const Tenant &) = delete;
    Tenant &operator=(const Tenant &) = delete;
    ~Tenant() {
        REQUIRE(block_holds(contents_.data(), contents_.size(), seed_));
        std::vector<std::unique_ptr<std::string>> last;
        for (size_t i = 0; i < 200; i++) {
            last.push_back(std::make_unique<std::string>(i, 'x'));
        }
        for (size_t i = 0; i < last.size(); i++) {
            REQUIRE(last[i]->size() == i);
        }
    }

  private:
    size_t seed_;
    std::vector<unsigned char> contents_;
};

// Constructed first, so destroyed last. main fails, so only this end of the process is a success.
struct Last {
    ~Last() {
        _exit(statics_destroyed == statics ? 0 : 1);
    }
};

struct Static : Tenant {
    explicit Static(size_t seed) : Tenant(seed) {
    }
    ~Static() {
        statics_destroyed++;
    }
};

struct ThreadLocal : Tenant {
    explicit ThreadLocal(size_t seed) : Tenant(seed) {
    }
    ~ThreadLocal() {
        thread_locals_destroyed++;
    }
};

void run(size_t seed) {
    thread_local ThreadLocal small(seed);
    thread_local ThreadLocal large(seed + 2000);
    // Lives in memory of this thread, dies in main.
    thread_local auto shared = std::make_shared<Tenant>(seed);
    REQUIRE(shared.use_count() == 1);
}

} // namespace

int main() {
    static Last last;
    static Static first(1);
    static Static second(70000);
    static Static third(3);
    for (int round = 0; round < threads / 4; round++) {
        std::vector<std::thread> running;
        for (size_t i = 0; i < 4; i++) {
            running.emplace_back(run, i);
        }
        for (auto &thread : running) {
            thread.join();
        }
    }
    REQUIRE(thread_locals_destroyed == 2 * threads);
    run(7);
    return 1;
}
