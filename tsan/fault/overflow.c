/* SPDX-License-Identifier: MIT
 *
 * A write past the size that was asked for, though not past the block. */
#include "handover.h"

int main(void) {
    hand_over(40, touch_not, write_block, memory_order_acquire);
    return 0;
}
