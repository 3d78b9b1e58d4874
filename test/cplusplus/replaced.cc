// SPDX-License-Identifier: MIT
//
// A program that replaces new(size) and delete(block) and nothing else has replaced every form that the
// standard defines by them; and one that replaces the aligned pair, every aligned form.
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>

#include "conformance/probe.h"

namespace {

// A block of the program's has a header: no other delete can free it.
constexpr size_t header = 64;
constexpr uint64_t magic = 0x9e3779b97f4a7c15;

size_t plain_live;
size_t aligned_live;
bool fails;

void *take(size_t size, size_t alignment, size_t *live) {
    if (fails) {
        throw std::bad_alloc();
    }
    size_t offset = alignment > header ? alignment : header;
    auto *start = static_cast<char *>(aligned_alloc(offset, offset + size));
    REQUIRE(start != nullptr);
    reinterpret_cast<uint64_t *>(start + offset)[-1] = magic;
    reinterpret_cast<uint64_t *>(start + offset)[-2] = offset;
    ++*live;
    return start + offset;
}

void give(void *block, size_t *live) {
    if (block != nullptr) {
        auto *words = static_cast<uint64_t *>(block);
        REQUIRE(words[-1] == magic);
        words[-1] = 0;
        --*live;
        free(static_cast<char *>(block) - words[-2]);
    }
}

} // namespace

void *operator new(size_t size) {
    return take(size, 0, &plain_live);
}

// The sized form would be a warning of its own, and is what is tested.
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wsized-deallocation"
#endif
void operator delete(void *block) noexcept {
    give(block, &plain_live);
}

void *operator new(size_t size, std::align_val_t alignment) {
    return take(size, static_cast<size_t>(alignment), &aligned_live);
}

void operator delete(void *block, std::align_val_t) noexcept {
    give(block, &aligned_live);
}

namespace {

void expect(size_t plain, size_t aligned) {
    REQUIRE(plain_live == plain && aligned_live == aligned);
}

void check_plain_forms() {
    void *blocks[] = {operator new(100),
                      operator new[](100),
                      operator new(100, std::nothrow),
                      operator new[](100, std::nothrow),
                      operator new(100),
                      operator new[](100)};
    expect(6, 0);
    operator delete(blocks[0]);
    operator delete[](blocks[1]);
    operator delete(blocks[2], std::nothrow);
    operator delete[](blocks[3], std::nothrow);
    operator delete(blocks[4], 100);
    operator delete[](blocks[5], 100);
    expect(0, 0);
}

void check_aligned_forms() {
    auto align = std::align_val_t(256);
    void *blocks[] = {operator new(100, align),
                      operator new[](100, align),
                      operator new(100, align, std::nothrow),
                      operator new[](100, align, std::nothrow),
                      operator new(100, align),
                      operator new[](100, align)};
    expect(0, 6);
    for (void *block : blocks) {
        REQUIRE(is_aligned(block, 256));
    }
    operator delete(blocks[0], align);
    operator delete[](blocks[1], align);
    operator delete(blocks[2], align, std::nothrow);
    operator delete[](blocks[3], align, std::nothrow);
    operator delete(blocks[4], 100, align);
    operator delete[](blocks[5], 100, align);
    expect(0, 0);
}

// What a replacement throws, the forms that must not throw catch.
void check_failures() {
    auto align = std::align_val_t(256);
    int thrown = 0;
    fails = true;
    REQUIRE(opaque_pointer(operator new(100, std::nothrow)) == nullptr);
    REQUIRE(opaque_pointer(operator new[](100, std::nothrow)) == nullptr);
    REQUIRE(opaque_pointer(operator new(100, align, std::nothrow)) == nullptr);
    REQUIRE(opaque_pointer(operator new[](100, align, std::nothrow)) == nullptr);
    try {
        opaque_pointer(operator new[](100));
    } catch (const std::bad_alloc &) {
        thrown++;
    }
    try {
        opaque_pointer(operator new[](100, align));
    } catch (const std::bad_alloc &) {
        thrown++;
    }
    fails = false;
    REQUIRE(thrown == 2);
    expect(0, 0);
}

} // namespace

int main() {
    check_plain_forms();
    check_aligned_forms();
    check_failures();
    std::string text(1000, 'x');
    text += text;
    REQUIRE(plain_live == 1);
    return 0;
}
