/* SPDX-License-Identifier: MIT
 *
 * Deletes by a form of operator delete that does not fit. */
#include <new>

#include "misuse/bug.h"

static void sized(size_t size, size_t amount) {
    void *block = note(::operator new(size));
    ::operator delete(block, opaque_size(amount));
    carry_on(size);
}

static void sized_array(size_t size, size_t amount) {
    void *block = note(::operator new[](size));
    ::operator delete[](block, opaque_size(amount));
    carry_on(size);
}

static void sized_malloc(size_t size, size_t amount) {
    void *block = note(make(size));
    ::operator delete(block, opaque_size(amount));
    carry_on(size);
}

/* Not aligned by chance, either: of so many in a row one is not. */
static void *make_unaligned(size_t size, size_t alignment) {
    static void *blocks[64];
    size_t i = 0;
    do {
        REQUIRE(i < COUNT(blocks));
        blocks[i] = ::operator new(size);
    } while (is_aligned(blocks[i++], alignment));
    return blocks[i - 1];
}

static void aligned(size_t size, size_t amount) {
    void *block = note(make_unaligned(size, amount));
    ::operator delete(block, std::align_val_t(amount));
    carry_on(size);
}

static void aligned_array(size_t size, size_t amount) {
    void *block = note(make_unaligned(size, amount));
    ::operator delete[](block, std::align_val_t(amount));
    carry_on(size);
}

static void aligned_sized(size_t size, size_t amount) {
    void *block = note(::operator new(size, std::align_val_t(64)));
    ::operator delete(block, opaque_size(amount), std::align_val_t(64));
    carry_on(size);
}

static void twice(size_t size, size_t amount) {
    void *block = note(::operator new(size));
    ::operator delete(opaque_pointer(block), amount);
    ::operator delete(opaque_pointer(block), amount);
    carry_on(size);
}

struct base {
    long word = 1;
};

struct derived : base {
    long words[20] = {};
};

/* Without a virtual destructor, the compiler hands over the size of the base. */
static void by_base(size_t size, size_t amount) {
    (void)amount;
    base *object = new derived;
    note(object);
    delete static_cast<base *>(opaque_pointer(object));
    carry_on(size);
}

static const struct bug bugs[] = {
    {"sized-too-small", "deletes 200 bytes as 100", sized, 200, 100, "unseen unseen operator-delete:size"},
    {"sized-too-large", "deletes 100 bytes as 200", sized, 100, 200, "unseen unseen operator-delete:size"},
    {"sized-by-one-less", "deletes 100 bytes as 99", sized, 100, 99, "unseen unseen operator-delete:size"},
    {"sized-by-one-more", "deletes 100 bytes as 101", sized, 100, 101, "unseen unseen operator-delete:size"},
    {"sized-medium", "deletes 2000 bytes as 1000", sized, MEDIUM, 1000, "unseen unseen operator-delete:size"},
    {"sized-large", "deletes 100 KiB as 100 bytes", sized, LARGE, 100,
     "unseen unseen operator-delete:size-run"},
    {"sized-huge", "deletes 5 MiB as 100 bytes", sized, HUGE, 100, "unseen unseen operator-delete:size-run"},
    {"sized-as-large", "deletes 100 bytes as 100 KiB", sized, 100, LARGE,
     "unseen unseen operator-delete:size"},
    {"sized-array", "deletes an array of 200 bytes as 100", sized_array, 200, 100,
     "unseen unseen operator-delete[]:size"},
    {"sized-of-malloc", "deletes 40 bytes of malloc as 400", sized_malloc, SMALL, 400,
     "unseen unseen operator-delete:size"},
    {"aligned", "deletes a block as aligned to 64 that is not", aligned, 100, 64,
     "unseen unseen operator-delete:alignment"},
    {"aligned-page", "deletes a block as aligned to 4096 that is not", aligned, 100, 4096,
     "unseen unseen operator-delete:alignment"},
    {"aligned-array", "deletes an array as aligned to 64 that is not", aligned_array, 100, 64,
     "unseen unseen operator-delete:alignment"},
    {"aligned-sized", "deletes 200 aligned bytes as 100", aligned_sized, 200, 100,
     "unseen unseen operator-delete:size"},
    {"by-base", "deletes an object by its base, which is smaller", by_base, SMALL, 0,
     "unseen unseen operator-delete:size"},
    {"twice", "deletes 100 bytes twice", twice, 100, 100, "any freed freed"},
};

int main(int argc, char **argv) {
    return bug_main(bugs, COUNT(bugs), argc, argv);
}
