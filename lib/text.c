/* SPDX-License-Identifier: MIT
 *
 * The C library's functions on strings that cold paths use, for this library alone: the loader binds each
 * name at start, in hundreds of instructions, whether or not it is ever called. */
#include <string.h>

/* Keeps the compiler from making a call of the function itself out of its loop. */
#define keep_loop(pointer) __asm__ volatile("" : "+r"(pointer))

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the C library's names say less */

size_t strlen(const char *text) {
    const char *end = text;
    for (; *end != '\0'; end++)
        keep_loop(end);
    return (size_t)(end - text);
}

size_t strnlen(const char *text, size_t most) {
    const char *end = text;
    for (; most != 0 && *end != '\0'; end++, most--)
        keep_loop(end);
    return (size_t)(end - text);
}

int strncmp(const char *text, const char *other, size_t most) {
    for (; most != 0; text++, other++, most--) {
        keep_loop(text);
        if (*text != *other || *text == '\0')
            return (unsigned char)*text - (unsigned char)*other;
    }
    return 0;
}

char *strchr(const char *text, int letter) {
    for (; *text != (char)letter; text++) {
        keep_loop(text);
        if (*text == '\0')
            return NULL;
    }
    return (char *)text;
}

size_t strcspn(const char *text, const char *letters) {
    const char *end = text;
    while (*end != '\0' && strchr(letters, *end) == NULL)
        end++;
    return (size_t)(end - text);
}

char *strstr(const char *text, const char *wanted) {
    size_t length = strlen(wanted);
    for (; strncmp(text, wanted, length) != 0; text++)
        if (*text == '\0')
            return NULL;
    return (char *)text;
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
