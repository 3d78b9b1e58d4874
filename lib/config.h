/* SPDX-License-Identifier: MIT
 *
 * The options of the process: defaults until config_read has run, constant afterwards. */
#ifndef FREEHOLD_CONFIG_H
#define FREEHOLD_CONFIG_H

#include <stdbool.h>

struct config {
#define OPTION(name, value, least, most, unit, sentence) unsigned long name;
#include "options.def"
#undef OPTION
};

extern struct config config;

/* What FREEHOLD_ON_ERROR may be: its words, in the order of options.def. */
enum { ON_ERROR_ABORT, ON_ERROR_REPORT, ON_ERROR_IGNORE };

/* Whether a fault of the program is told of; and SIGABRT is, for FREEHOLD_CRASH_REPORT alone. */
static inline bool config_tells_faults(void) {
    return config.crash_report != 0 || config.guard >= 2;
}

/* Takes the options from the environment. Each unknown name or bad value is reported, and the default kept.
 * Does nothing in a process that runs with more rights than its user. */
void config_read(char **environment);

/* Whether an option has words in place of a unit. */
bool config_has_words(const char *unit);

/* Does so with the environment of the process, once: at the first allocation, or by the constructor. */
void config_start(void);

#endif
