/* SPDX-License-Identifier: MIT
 *
 * prctl, as the last sign that a program gives before it closes a seccomp sandbox round itself: from then on
 * no call may be made that the C library's malloc and threads do not make as well. */
#ifndef FREEHOLD_SANITIZED

#include <linux/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "interpose.h"
#include "os.h"

static int control(int option, unsigned long second, unsigned long third, unsigned long fourth,
                   unsigned long fifth) {
    if (option == PR_SET_NO_NEW_PRIVS || option == PR_SET_SECCOMP)
        os_expect_sandbox();
    return (int)syscall(SYS_prctl, option, second, third, fourth, fifth);
}

INTERPOSE_AS(int, prctl, control, (int, unsigned long, unsigned long, unsigned long, unsigned long))

#endif
