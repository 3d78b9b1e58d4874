/* SPDX-License-Identifier: MIT
 *
 * Functions of the C library that only cold paths call, never malloc or free, found when they are called
 * first, or the first thread is made: the loader would bind each at start, in hundreds of instructions. */
#undef _FORTIFY_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include "original.h"

/* Calls the original of the function that it is in. */
#define DEFERRED(name, ...)                                                                                  \
    ORIGINAL(own, #name);                                                                                    \
    return ((__typeof__(&name))original_find(&own))(__VA_ARGS__)

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the C library's names say less */

int sigaction(int number, const struct sigaction *action, struct sigaction *former) {
    DEFERRED(sigaction, number, action, former);
}

int pthread_sigmask(int how, const sigset_t *set, sigset_t *former) {
    DEFERRED(pthread_sigmask, how, set, former);
}

int sigfillset(sigset_t *set) {
    DEFERRED(sigfillset, set);
}

int pthread_attr_init(pthread_attr_t *attributes) {
    DEFERRED(pthread_attr_init, attributes);
}

int pthread_attr_setstacksize(pthread_attr_t *attributes, size_t size) {
    DEFERRED(pthread_attr_setstacksize, attributes, size);
}

int pthread_attr_destroy(pthread_attr_t *attributes) {
    DEFERRED(pthread_attr_destroy, attributes);
}

int dlclose(void *object) {
    DEFERRED(dlclose, object);
}

size_t fwrite(const void *data, size_t size, size_t count, FILE *stream) {
    DEFERRED(fwrite, data, size, count, stream);
}

int fputc(int letter, FILE *stream) {
    DEFERRED(fputc, letter, stream);
}

int ferror(FILE *stream) {
    DEFERRED(ferror, stream);
}

static int print(FILE *stream, const char *format, va_list arguments) {
    DEFERRED(vfprintf, stream, format, arguments);
}

int fprintf(FILE *stream, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = print(stream, format, arguments);
    va_end(arguments);
    return length;
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
