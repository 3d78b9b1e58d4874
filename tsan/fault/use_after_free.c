/* SPDX-License-Identifier: MIT
 *
 * A thread frees a block that another still reads. */
#include "handover.h"

int main(void) {
    hand_over(100, free_block, read_block, memory_order_relaxed);
    return 0;
}
