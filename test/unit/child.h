/* SPDX-License-Identifier: MIT
 *
 * A forked child that runs a function, and what it wrote to standard error. */
#ifndef UNIT_CHILD_H
#define UNIT_CHILD_H

#include <stdbool.h>
#include <string.h>

#include "worker.h"

struct child {
    int status; /* as of waitpid */
    char errors[4096];
};

void child_run(struct child *child, task *function, void *argument);

/* Whether the function returned. */
bool child_returned(const struct child *child);

/* Whether it ended by abort, with a message that has text in it. */
bool child_aborted(const struct child *child, const char *text);

/* For a function that must stop the process with a message. */
static inline bool aborts(task *function, void *argument, const char *text) {
    struct child child;
    child_run(&child, function, argument);
    return child_aborted(&child, text);
}

#endif
