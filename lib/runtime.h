/* SPDX-License-Identifier: MIT
 *
 * The C++ runtime, if the process has one. */
#ifndef FREEHOLD_RUNTIME_H
#define FREEHOLD_RUNTIME_H

#include <stdint.h>

/* The address of a function of the runtime, or 0. reference is what a weak reference to it has given: the
 * runtime may have been loaded after us, and perhaps not for everybody; then it is empty. Slow. */
uintptr_t runtime_find(uintptr_t reference, const char *name);

#endif
