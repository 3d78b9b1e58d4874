// SPDX-License-Identifier: MIT
// Exceptions with strings in them, thrown across frames that own containers and passed from thread to thread;
// prints how many were caught whole.
#include <atomic>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int threads = 4;
constexpr int turns = 2000;

std::string message(int number) {
    return std::to_string(number) + std::string(static_cast<size_t>(number) % 3000, 'x');
}

void fall(int depth, int number) {
    const std::vector<std::string> owned(static_cast<size_t>(depth), message(number));
    const std::map<int, std::shared_ptr<std::string>> shared{
        {number, std::make_shared<std::string>(owned.back())}};
    if (depth == 1) {
        throw std::runtime_error(*shared.at(number));
    }
    fall(depth - 1, number);
}

std::exception_ptr catch_fall(int number) {
    try {
        fall(8, number);
    } catch (...) {
        return std::current_exception();
    }
    return nullptr;
}

bool is_whole(const std::exception_ptr &caught, int number) {
    try {
        std::rethrow_exception(caught);
    } catch (const std::runtime_error &error) {
        return error.what() == message(number);
    }
}

} // namespace

int main() {
    std::vector<std::vector<std::exception_ptr>> caught(threads);
    std::vector<std::thread> throwers;
    throwers.reserve(threads);
    for (int t = 0; t < threads; t++) {
        throwers.emplace_back([&caught, t] {
            for (int turn = 0; turn < turns; turn++) {
                caught[static_cast<size_t>(t)].push_back(catch_fall(t * turns + turn));
            }
        });
    }
    for (auto &thrower : throwers) {
        thrower.join();
    }
    std::atomic<int> whole{0};
    std::vector<std::thread> readers;
    readers.reserve(threads);
    for (int t = 0; t < threads; t++) {
        readers.emplace_back([&caught, &whole, t] {
            auto &mine = caught[static_cast<size_t>(t)];
            for (int turn = 0; turn < turns; turn++) {
                whole += is_whole(mine[static_cast<size_t>(turn)], t * turns + turn) ? 1 : 0;
            }
            mine.clear();
        });
    }
    for (auto &reader : readers) {
        reader.join();
    }
    std::cout << whole << '\n';
}
