/* SPDX-License-Identifier: MIT
 *
 * Runs a program that may be expected to die, and keeps what it said. */
#ifndef DEATH_H
#define DEATH_H

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "conformance/probe.h"

struct death {
    int status;
    char output[8192];
    char errors[2048];
};

static inline void death_read(int file, char *text, size_t room) {
    size_t length = 0;
    ssize_t got = 0;
    while (length < room - 1 && (got = read(file, text + length, room - 1 - length)) > 0) {
        length += (size_t)got;
    }
    text[length] = '\0';
    close(file);
}

static inline void death_watch(struct death *death, char *const *arguments) {
    int output[2];
    int errors[2];
    REQUIRE(pipe2(output, O_CLOEXEC) == 0 && pipe2(errors, O_CLOEXEC) == 0);
    /* The aborts are wanted: no core files. */
    const struct rlimit none = {0, 0};
    REQUIRE(setrlimit(RLIMIT_CORE, &none) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, errors[1], STDERR_FILENO);
    pid_t child = 0;
    REQUIRE(posix_spawn(&child, arguments[0], &actions, NULL, arguments, environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    close(output[1]);
    close(errors[1]);
    death_read(output[0], death->output, sizeof(death->output));
    death_read(errors[0], death->errors, sizeof(death->errors));
    REQUIRE(waitpid(child, &death->status, 0) == child);
}

static inline bool death_was_abort(const struct death *death) {
    return WIFSIGNALED(death->status) && WTERMSIG(death->status) == SIGABRT;
}

#endif
