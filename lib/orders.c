/* SPDX-License-Identifier: MIT */
#include "orders.h"

#include <errno.h>

#include "os.h"

#define NO_FILE (-1)

static __thread int last_file = NO_FILE; /* the last dump's */

/* errno, or 0. Among descriptors of the program's it would not be known which it has closed meanwhile. */
static uint32_t write_dump(void) {
    if (!os_has_own_files())
        return EPERM;
    int file = os_make_file(FH_PROFILE_NAME);
    if (file < 0)
        return (uint32_t)errno;
    uint32_t error = fh_profile_dump(file) == 0 ? 0 : (uint32_t)errno;
    if (last_file != NO_FILE)
        os_close_file(last_file);
    last_file = file;
    return error;
}

void orders_obey(struct fh_live *page) {
    /* Acquire; partner: the reader, who has written profile_kib before. */
    uint32_t wanted = __atomic_load_n(&page->profile_wanted, __ATOMIC_ACQUIRE);
    if (wanted != __atomic_load_n(&page->profile_done, __ATOMIC_RELAXED)) {
        (void)fh_profile((size_t)__atomic_load_n(&page->profile_kib, __ATOMIC_RELAXED) << 10);
        __atomic_store_n(&page->profile_done, wanted, __ATOMIC_RELAXED);
    }
    wanted = __atomic_load_n(&page->dump_wanted, __ATOMIC_RELAXED);
    if (wanted != __atomic_load_n(&page->dump_done, __ATOMIC_RELAXED)) {
        __atomic_store_n(&page->dump_error, write_dump(), __ATOMIC_RELAXED);
        __atomic_store_n(&page->dump_done, wanted, __ATOMIC_RELEASE); /* partner: the reader, who opens it */
    }
}
