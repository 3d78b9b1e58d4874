/* SPDX-License-Identifier: MIT */
#include "child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "require.h"

#define WATCHDOG 200 /* seconds */

static _Noreturn void be_child(task *function, void *argument, int errors) {
    const struct rlimit none = {0, 0}; /* an abort is wanted: no core files */
    dup2(errors, STDERR_FILENO);
    setrlimit(RLIMIT_CORE, &none);
    alarm(WATCHDOG);
    function(argument);
    _exit(0);
}

void child_run(struct child *child, task *function, void *argument) {
    int errors[2];
    size_t length = 0;
    require(pipe2(errors, O_CLOEXEC) == 0);
    pid_t id = fork();
    require(id >= 0);
    if (id == 0)
        be_child(function, argument, errors[1]);
    close(errors[1]);
    for (ssize_t got; (got = read(errors[0], child->errors + length, sizeof child->errors - 1 - length)) > 0;)
        length += (size_t)got;
    child->errors[length] = '\0';
    close(errors[0]);
    require(waitpid(id, &child->status, 0) == id);
}

bool child_returned(const struct child *child) {
    bool returned = WIFEXITED(child->status) && WEXITSTATUS(child->status) == 0;
    if (!returned)
        fprintf(stderr, "status %d: %s\n", child->status, child->errors);
    return returned;
}

bool child_aborted(const struct child *child, const char *text) {
    bool aborted = WIFSIGNALED(child->status) && WTERMSIG(child->status) == SIGABRT &&
                   strstr(child->errors, text) != NULL;
    if (!aborted)
        fprintf(stderr, "status %d, expected '%s': %s\n", child->status, text, child->errors);
    return aborted;
}
