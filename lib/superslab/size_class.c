/* SPDX-License-Identifier: MIT */
#include "size_class.h"

#include <string.h>

#include "../thread.h"

_Atomic uint8_t size_class_table[SMALL_MAX / GRAIN + 1];

void size_class_init(void) {
    for (unsigned i = 0, class = 1; i <= SMALL_MAX / GRAIN; i++) {
        if ((size_t)i * GRAIN > size_class_bytes(class))
            class ++;
        atomic_store_explicit(&size_class_table[i], (uint8_t) class, memory_order_relaxed);
    }
}

void size_class_start_thread(void) {
    memcpy(thread.class_of, size_class_table, sizeof thread.class_of);
}
