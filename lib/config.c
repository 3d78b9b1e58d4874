/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "report.h"
#include "sample.h"

struct config config = {
#define OPTION(name, value, least, most, unit, sentence) .name = (value),
#include "options.def"
#undef OPTION
};

struct option {
    const char *name;
    unsigned long *value;
    unsigned long least, most;
    char unit[24]; /* or words */
};

static const struct option options[] = {
#define OPTION(name, value, least, most, unit, sentence) {#name, &config.name, least, most, unit},
#include "options.def"
#undef OPTION
};

#define PREFIX        "FREEHOLD_"
#define PREFIX_LENGTH (sizeof PREFIX - 1)

static int upper(int letter) {
    return letter >= 'a' && letter <= 'z' ? letter - 'a' + 'A' : letter;
}

static bool name_matches(const char *name, const char *given, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (name[i] == '\0' || upper(name[i]) != given[i])
            return false;
    return name[length] == '\0';
}

static const struct option *option_find(const char *given, size_t length) {
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (name_matches(options[i].name, given, length))
            return &options[i];
    return NULL;
}

/* Decimal digits and nothing else. */
static bool number_parse(const char *text, unsigned long *number) {
    unsigned long sum = 0;
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        unsigned long digit = (unsigned long)(*text - '0');
        if (digit > 9 || sum > (ULONG_MAX - digit) / 10)
            return false;
        sum = sum * 10 + digit;
    }
    *number = sum;
    return true;
}

bool config_has_words(const char *unit) {
    return strchr(unit, ',') != NULL;
}

/* One of the words, in place of its number. */
static bool word_parse(const char *text, const char *words, unsigned long *number) {
    size_t length = strlen(text);
    *number = 0;
    for (const char *end; (end = strchr(words, ',')) != NULL; words = end + 2, ++*number)
        if ((size_t)(end - words) == length && strncmp(words, text, length) == 0)
            return true;
    return strncmp(words, text, length + 1) == 0;
}

static bool value_parse(const struct option *option, const char *text, unsigned long *value) {
    if (config_has_words(option->unit) && word_parse(text, option->unit, value))
        return true;
    return number_parse(text, value) && *value >= option->least && *value <= option->most;
}

extern void *__libc_stack_end __attribute__((weak));

/* The dynamic loader allocates before the C library knows the environment: then it is where the kernel put
 * it, behind the arguments. */
static char **environment_find(void) {
    if (environ != NULL || &__libc_stack_end == NULL || __libc_stack_end == NULL)
        return environ;
    char **arguments = (char **)__libc_stack_end + 1;
    uintptr_t count = (uintptr_t)arguments[-1];
    return count < UINT16_MAX && arguments[count] == NULL ? arguments + count + 1 : NULL;
}

void config_start(void) {
    static bool is_done; /* the first caller is alone */
    if (!is_done)
        config_read(environment_find());
    is_done = true;
}

void config_read(char **environment) {
    if (environment == NULL || getauxval(AT_SECURE) != 0)
        return;
    for (; *environment != NULL; environment++) {
        const char *name = *environment;
        if (strncmp(name, PREFIX, PREFIX_LENGTH) != 0)
            continue;
        const char *equals = strchr(name, '=');
        if (equals == NULL)
            continue;
        const struct option *option =
            option_find(name + PREFIX_LENGTH, (size_t)(equals - name) - PREFIX_LENGTH);
        unsigned long value;
        if (option == NULL)
            report_option_unknown(name, (size_t)(equals - name));
        else if (!value_parse(option, equals + 1, &value))
            report_option_value(name, option->least, option->most, option->unit, *option->value);
        else
            *option->value = value;
    }
    if (config.sample != 0)
        samples_begin();
}
