/* SPDX-License-Identifier: MIT */
#include "size_class.h"

uint8_t size_class_table[SMALL_MAX / GRAIN + 1];

void size_class_init(void) {
    for (unsigned i = 0, class = 0; i <= SMALL_MAX / GRAIN; i++) {
        if (i * GRAIN > size_class_bytes(class))
            class++;
        size_class_table[i] = (uint8_t)class;
    }
}
