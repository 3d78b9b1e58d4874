/* SPDX-License-Identifier: MIT
 *
 * What happens when the library is loaded and when the process ends. Blocks are handed out before that and
 * after it as well. */
#include "arena/arena.h"
#include "config.h"
#include "crash.h"
#include "freehold.h"
#include "live.h"
#include "memcheck.h"
#include "profile.h"
#include "sample.h"
#include "superslab/housekeeper.h"
#include "unchecked.h"
#include "interpose.h"

extern const char start_is_linked;
const char start_is_linked = 1;

__attribute__((constructor)) static void start(void) {
    interpose_check();
    config_start();
    memcheck_start();
    unchecked_start();
    crash_start();
    arena_start_guards();
    arena_prepare_fork();
    housekeeper_allow();
    sample_start();
    live_start();
    profile_start();
}

__attribute__((destructor)) static void finish(void) {
    arena_finish();
    profile_finish();
    if (config.stats)
        fh_malloc_stats();
}
