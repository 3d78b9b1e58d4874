/* SPDX-License-Identifier: MIT
 *
 * A decision by what a new block happens to hold. */
#include "handover.h"

int main(void) {
    char *block = fh_malloc(100);
    if (block == NULL)
        return 1;
    read_block(block);
    fh_free(block);
    return 0;
}
