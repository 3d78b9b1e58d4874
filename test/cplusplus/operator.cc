// SPDX-License-Identifier: MIT
//
// Every form of operator new and delete: it is ours, it aligns, and it fails as C++ says.
#include <initializer_list>
#include <malloc.h>
#include <new>

#include "conformance/probe.h"

namespace {

const char *const names[] = {
    "_Znwm",
    "_Znam",
    "_ZnwmRKSt9nothrow_t",
    "_ZnamRKSt9nothrow_t",
    "_ZnwmSt11align_val_t",
    "_ZnamSt11align_val_t",
    "_ZnwmSt11align_val_tRKSt9nothrow_t",
    "_ZnamSt11align_val_tRKSt9nothrow_t",
    "_ZdlPv",
    "_ZdaPv",
    "_ZdlPvm",
    "_ZdaPvm",
    "_ZdlPvRKSt9nothrow_t",
    "_ZdaPvRKSt9nothrow_t",
    "_ZdlPvSt11align_val_t",
    "_ZdaPvSt11align_val_t",
    "_ZdlPvmSt11align_val_t",
    "_ZdaPvmSt11align_val_t",
    "_ZdlPvSt11align_val_tRKSt9nothrow_t",
    "_ZdaPvSt11align_val_tRKSt9nothrow_t",
};

void check_names() {
    for (const char *name : names) {
        Dl_info info = {};
        void *function = dlsym(RTLD_DEFAULT, name);
        REQUIRE(function != nullptr && dladdr(function, &info) != 0);
        if (strstr(info.dli_fname, "libfreehold.so") == nullptr) {
            probe_fail(name, info.dli_fname, 0);
        }
    }
}

constexpr size_t sizes[] = {0, 1, 16, 100, 1000, 5000, 40 * KIB, 300 * KIB, 3 * MIB};

void check_plain_forms() {
    for (size_t size : sizes) {
        void *blocks[] = {operator new(size), operator new[](size), operator new(size, std::nothrow),
                                                                    operator new[](size, std::nothrow)};
        for (size_t i = 0; i < 4; i++) {
            REQUIRE(is_aligned(blocks[i], 16) && malloc_usable_size(blocks[i]) >= size);
            block_fill(blocks[i], size, i);
        }
        for (size_t i = 0; i < 4; i++) {
            REQUIRE(block_holds(blocks[i], size, i));
        }
        operator delete(blocks[0]);
        operator delete[](blocks[1]);
        operator delete(blocks[2], std::nothrow);
        operator delete[](blocks[3], std::nothrow);
        operator delete(operator new(size), size);
        operator delete[](operator new[](size), size);
    }
    operator delete(nullptr);
    operator delete[](nullptr);
}

void check_aligned_forms() {
    for (size_t alignment = 1; alignment <= MIB; alignment <<= 1) {
        auto align = std::align_val_t(alignment);
        for (size_t size : sizes) {
            void *blocks[] = {operator new(size, align), operator new[](size, align),
                                                         operator new(size, align, std::nothrow),
                                                         operator new[](size, align, std::nothrow)};
            for (size_t i = 0; i < 4; i++) {
                REQUIRE(is_aligned(blocks[i], alignment) && malloc_usable_size(blocks[i]) >= size);
                block_fill(blocks[i], size, i);
            }
            for (size_t i = 0; i < 4; i++) {
                REQUIRE(block_holds(blocks[i], size, i));
            }
            operator delete(blocks[0], align);
            operator delete[](blocks[1], align);
            operator delete(blocks[2], align, std::nothrow);
            operator delete[](blocks[3], align, std::nothrow);
            operator delete(operator new(size, align), size, align);
            operator delete[](operator new[](size, align), size, align);
        }
    }
}

int handled;

// A handler may give up by removing itself.
void give_up_the_third_time() {
    if (++handled == 3) {
        std::set_new_handler(nullptr);
    }
}

struct out_of_memory : std::bad_alloc {};

void throw_our_own() {
    handled++;
    throw out_of_memory();
}

// Calls each throwing form; returns how many threw an Exception and nothing else.
template <class Exception, class Handler> int count_throws(size_t size, Handler handler) {
    int thrown = 0;
    auto expect_throw = [&](auto &&allocate) {
        std::set_new_handler(handler);
        try {
            REQUIRE(allocate() == nullptr);
        } catch (const Exception &) {
            thrown++;
        } catch (...) {
        }
        std::set_new_handler(nullptr);
    };
    expect_throw([=] { return operator new(size); });
    expect_throw([=] { return operator new[](size); });
    expect_throw([=] { return operator new(size, std::align_val_t(64)); });
    expect_throw([=] { return operator new[](size, std::align_val_t(64)); });
    return thrown;
}

// The same for the forms that must not throw, whatever the handler does; returns how many gave nullptr.
template <class Handler> int count_nulls(size_t size, Handler handler) {
    int nulls = 0;
    auto expect_null = [&](auto &&allocate) {
        std::set_new_handler(handler);
        nulls += opaque_pointer(allocate()) == nullptr;
        std::set_new_handler(nullptr);
    };
    expect_null([=] { return operator new(size, std::nothrow); });
    expect_null([=] { return operator new[](size, std::nothrow); });
    expect_null([=] { return operator new(size, std::align_val_t(64), std::nothrow); });
    expect_null([=] { return operator new[](size, std::align_val_t(64), std::nothrow); });
    return nulls;
}

void check_failures() {
    for (size_t impossible : {SIZE_MAX / 2 + 1, SIZE_MAX - 4096, SIZE_MAX}) {
        size_t size = opaque_size(impossible);
        REQUIRE(count_throws<std::bad_alloc>(size, nullptr) == 4);
        REQUIRE(count_nulls(size, nullptr) == 4);
        auto count_handled = [](auto &&allocate) {
            handled = 0;
            allocate();
            return handled;
        };
        REQUIRE(count_handled([=] { REQUIRE(count_throws<out_of_memory>(size, throw_our_own) == 4); }) == 4);
        REQUIRE(count_handled([=] { REQUIRE(count_nulls(size, throw_our_own) == 4); }) == 4);
        handled = 0;
        std::set_new_handler(give_up_the_third_time);
        try {
            operator delete(operator new(size));
            REQUIRE(!"no exception");
        } catch (const std::bad_alloc &) {
            REQUIRE(handled == 3);
        }
    }
}

} // namespace

int main() {
    check_plain_forms();
    check_aligned_forms();
    check_failures();
    check_names();
    return 0;
}
