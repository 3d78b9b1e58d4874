/* SPDX-License-Identifier: MIT
 *
 * No fault: what the faulty programs do, in the right order. Small, large and huge blocks, some of which are
 * used again after another thread has freed them. */
#include <stdint.h>
#include <string.h>

#include "../fault/handover.h"

static char *resize(char *block, size_t size) {
    char *resized = fh_realloc(block, size);
    if (resized == NULL)
        abort();
    return resized;
}

static void grow_and_shrink(size_t size) {
    char *block = resize(NULL, size);
    memset(block, 1, size);
    block = resize(block, 3 * size);
    memset(block + size, 2, 2 * size);
    for (size_t i = 0; i < 3 * size; i++)
        if (block[i] != (i < size ? 1 : 2))
            abort();
    block = resize(block, size / 2);
    memset(block, 3, fh_malloc_usable_size(block));
    fh_free(block);
}

int main(void) {
    static const size_t sizes[] = {100, 1000, 40000, 500000, 5000000};
    for (size_t round = 0; round < 20; round++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            atomic_store(&first_done, false);
            hand_over(sizes[i], write_block, free_block, memory_order_acquire);
            grow_and_shrink(sizes[i]);
        }
    fh_malloc_trim(0);
    fh_check();
    return 0;
}
