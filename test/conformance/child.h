/* SPDX-License-Identifier: MIT
 *
 * A child that runs a function, and ends; it is killed if that takes too long. */
#ifndef CHILD_H
#define CHILD_H

#include <sys/wait.h>

#include "conformance/probe.h"

/* 0 if the function returned, or called exit(0); 128 and more if the child was killed. */
static inline int child_status(void (*live)(void), unsigned seconds) {
    int status = 0;
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        alarm(seconds);
        live();
        _exit(0);
    }
    REQUIRE(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static inline void child_run(void (*live)(void), unsigned seconds) {
    REQUIRE(child_status(live, seconds) == 0);
}

#endif
