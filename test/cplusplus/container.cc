// SPDX-License-Identifier: MIT
//
// Containers that threads build, hand over and take down, and exceptions that cross threads.
#include <exception>
#include <future>
#include <map>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "conformance/probe.h"

namespace {

using Table = std::map<size_t, std::vector<std::string>>;

constexpr size_t threads = 4;
constexpr size_t rounds = 60;

std::mutex shelf_mutex;
Table shelf[threads];

Table build(uint64_t seed) {
    Table table;
    uint64_t random = seed + 1;
    for (size_t i = 0; i < 500; i++) {
        size_t key = random_next(&random) % 300;
        table[key].emplace_back(1 + key, static_cast<char>('a' + key % 26));
    }
    return table;
}

void check(const Table &table) {
    for (const auto &[key, strings] : table) {
        for (const auto &string : strings) {
            REQUIRE(string == std::string(1 + key, static_cast<char>('a' + key % 26)));
        }
    }
}

// Swaps what it has built for what some thread built, so that most memory is freed elsewhere.
void trade(size_t self) {
    for (size_t round = 0; round < rounds; round++) {
        Table table = build(self * rounds + round);
        {
            std::lock_guard<std::mutex> lock(shelf_mutex);
            std::swap(table, shelf[round % threads]);
        }
        check(table);
    }
}

void check_trade() {
    std::vector<std::thread> traders;
    for (size_t i = 0; i < threads; i++) {
        traders.emplace_back(trade, i);
    }
    for (auto &trader : traders) {
        trader.join();
    }
    for (auto &table : shelf) {
        check(table);
        REQUIRE(!table.empty());
        table.clear();
    }
}

// The exception is made in one thread, thrown through a second, and freed in a third.
void check_exceptions() {
    for (size_t round = 0; round < 500; round++) {
        const std::string text(round % 300, 'e');
        auto failing = std::async(std::launch::async, [&text]() -> int { throw std::runtime_error(text); });
        std::exception_ptr caught;
        std::thread([&] {
            try {
                failing.get();
            } catch (...) {
                caught = std::current_exception();
            }
        }).join();
        try {
            std::rethrow_exception(caught);
        } catch (const std::runtime_error &error) {
            REQUIRE(error.what() == text);
        }
    }
    auto impossible =
        std::async(std::launch::async, [] { std::vector<char> beyond(opaque_size(PTRDIFF_MAX)); });
    bool thrown = false;
    try {
        impossible.get();
    } catch (const std::bad_alloc &) {
        thrown = true;
    }
    REQUIRE(thrown);
}

} // namespace

int main() {
    check_trade();
    check_exceptions();
    return 0;
}
