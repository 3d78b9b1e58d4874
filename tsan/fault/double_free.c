/* SPDX-License-Identifier: MIT
 *
 * Two threads free one block. */
#include "handover.h"

int main(void) {
    hand_over(100, free_block, free_block, memory_order_relaxed);
    return 0;
}
