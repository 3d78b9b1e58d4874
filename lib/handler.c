/* SPDX-License-Identifier: MIT */
#include "handler.h"

#include <stdbool.h>

#include "os.h"

/* When the handler returns, and the signal is no longer blocked. */
static void die(int number, const siginfo_t *info) {
    struct sigaction none = {.sa_handler = SIG_DFL};
    sigaction(number, &none, NULL);
    os_repeat_signal(number, info);
}

void handler_go_on(struct sigaction *former, int number, siginfo_t *info, void *context) {
    struct sigaction next = *former;
    bool is_told = (next.sa_flags & SA_SIGINFO) != 0;
    bool is_sent = info->si_code <= 0;
    if (!is_told && next.sa_handler == SIG_IGN && is_sent)
        return;
    if (!is_told && (next.sa_handler == SIG_IGN || next.sa_handler == SIG_DFL)) {
        die(number, info);
        return;
    }
    if ((next.sa_flags & (int)SA_RESETHAND) != 0)
        *former = (struct sigaction){.sa_handler = SIG_DFL};
    if (is_told)
        next.sa_sigaction(number, info, context);
    else
        next.sa_handler(number);
}
