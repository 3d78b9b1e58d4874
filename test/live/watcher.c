/* SPDX-License-Identifier: MIT
 *
 * Preloaded with Freehold into any program: for each byte that comes on one descriptor it copies the process
 * as it is at that moment, by a fork, and the copy makes a live page, writes its number to another
 * descriptor, and waits to be killed. So an account can be compared with what the kernel says of the same
 * memory while nothing moves. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "conformance/probe.h"

#define WATCHDOG 200 /* seconds */

static int asked, answers; /* descriptors */

static _Noreturn void be_copy(void) {
    int (*live)(int) = (int (*)(int))dlsym(RTLD_DEFAULT, "fh_live");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(WATCHDOG);
    REQUIRE(live != NULL && live(1) == 0);
    probe_write(answers, "%d\n", (int)getpid());
    for (;;)
        pause();
}

static void *watch(void *unused) {
    char byte;
    while (read(asked, &byte, 1) == 1) {
        pid_t copy = fork();
        if (copy == 0)
            be_copy();
        int status = 0;
        while (waitpid(copy, &status, 0) < 0 && errno == EINTR)
            continue;
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
            probe_write(answers, "status %x\n", (unsigned)status);
    }
    return unused;
}

static __attribute__((constructor)) void start(void) {
    const char *first = getenv("WATCHER_ASKED"), *second = getenv("WATCHER_ANSWERS");
    sigset_t all, before;
    pthread_t thread;
    if (first == NULL || second == NULL)
        return;
    asked = atoi(first);
    answers = atoi(second);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, watch, NULL) == 0)
        pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}
