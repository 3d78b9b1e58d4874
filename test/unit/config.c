/* SPDX-License-Identifier: MIT
 *
 * What config_read makes of an environment, and what it says of names and values that are wrong. */
#include "check.h"

#include <ctype.h>
#include <stdio.h>

#include "child.h"
#include "config.h"
#include "require.h"

struct limits {
    const char *name;
    unsigned long value, least, most;
    const unsigned long *option;
    const char *unit; /* or words */
};

static const struct limits options[] = {
#define OPTION(name, value, least, most, unit, sentence) {#name, value, least, most, &config.name, unit},
#include "options.def"
#undef OPTION
};
#define OPTIONS (sizeof options / sizeof *options)

/* A variable, and what its option must be after it has been read. */
struct reading {
    char variable[128];
    const struct limits *option;
    unsigned long expected;
};

/* Writes the name of an option's variable. Returns its end. */
static char *write_name(char *text, const char *option) {
    char *end = text + sprintf(text, "FREEHOLD_");
    for (; *option != '\0'; option++)
        *end++ = (char)toupper(*option);
    *end = '\0';
    return end;
}

static void set_variable(struct reading *reading, const char *value) {
    sprintf(write_name(reading->variable, reading->option->name), "=%s", value);
}

/* In a child: the options start as they are by default, and no other than the one that is set changes. */
static void read_variable(void *argument) {
    struct reading *reading = argument;
    char *environment[] = {"PATH=/bin", reading->variable, "LAST=1", NULL};
    struct config defaults = {
#define OPTION(name, value, least, most, unit, sentence) .name = (value),
#include "options.def"
#undef OPTION
    };
    config = defaults;
    config_read(environment);
    for (unsigned i = 0; i < OPTIONS; i++)
        require(*options[i].option ==
                (&options[i] == reading->option ? reading->expected : options[i].value));
}

static void assert_read(struct reading *reading) {
    struct child child;
    child_run(&child, read_variable, reading);
    assert_true(child_returned(&child));
    assert_string_equal(child.errors, "");
}

static void assert_taken(struct reading *reading, unsigned long number) {
    char text[32];
    sprintf(text, "%lu", number);
    set_variable(reading, text);
    reading->expected = number;
    assert_read(reading);
}

static void assert_refused(struct reading *reading, const char *text) {
    struct child child;
    char message[512];
    set_variable(reading, text);
    reading->expected = reading->option->value;
    child_run(&child, read_variable, reading);
    assert_true(child_returned(&child));
    bool has_words = strchr(reading->option->unit, ',') != NULL;
    sprintf(message, "freehold: bad value in %s: expected a number from %lu to %lu%s%s; keeping %lu\n",
            reading->variable, reading->option->least, reading->option->most, has_words ? ", or one of " : "",
            has_words ? reading->option->unit : "", reading->option->value);
    assert_string_equal(child.errors, message);
}

static void values_within_the_limits_are_taken(void **state) {
    (void)state;
    for (unsigned i = 0; i < OPTIONS; i++) {
        struct reading reading = {.option = &options[i]};
        assert_in_range(options[i].value, options[i].least, options[i].most);
        assert_taken(&reading, options[i].least);
        assert_taken(&reading, options[i].most);
        assert_taken(&reading, options[i].least + (options[i].most - options[i].least) / 2);
    }
}

static void values_beyond_the_limits_are_refused(void **state) {
    (void)state;
    for (unsigned i = 0; i < OPTIONS; i++) {
        struct reading reading = {.option = &options[i]};
        char text[32];
        sprintf(text, "%lu", options[i].most + 1);
        assert_refused(&reading, text);
        if (options[i].least > 0)
            assert_refused(&reading, "0");
    }
}

static void what_is_no_number_is_refused(void **state) {
    static const char *const texts[] = {"",
                                        " ",
                                        " 1",
                                        "1 ",
                                        "-1",
                                        "+1",
                                        "1k",
                                        "0x1",
                                        "1.0",
                                        "true",
                                        "1\n2",
                                        "1,0",
                                        "18446744073709551616",
                                        "184467440737095516161",
                                        "99999999999999999999999999"};
    struct reading reading = {.option = &options[0]};
    (void)state;
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_refused(&reading, texts[i]);
}

/* Any part of them that is no word is refused. */
static void words_stand_for_numbers(void **state) {
    unsigned found = 0;
    (void)state;
    for (unsigned i = 0; i < OPTIONS; i++) {
        struct reading reading = {.option = &options[i]};
        char words[64], *rest = words;
        if (strchr(options[i].unit, ',') == NULL)
            continue;
        found++;
        assert_refused(&reading, options[i].unit);
        snprintf(words, sizeof words, "%s", options[i].unit);
        for (reading.expected = 0; rest != NULL; reading.expected++) {
            const char *word = strsep(&rest, ",");
            set_variable(&reading, word + strspn(word, " "));
            assert_read(&reading);
        }
        assert_int_equal(reading.expected, options[i].most + 1);
        assert_refused(&reading, "abor");
        assert_refused(&reading, "aborts");
        assert_refused(&reading, "Abort");
        assert_refused(&reading, "ignore,");
        assert_refused(&reading, " report");
    }
    assert_int_not_equal(found, 0);
}

static void assert_unknown(const char *variable, const char *name) {
    struct child child;
    char message[512];
    struct reading reading = {.option = NULL};
    snprintf(reading.variable, sizeof reading.variable, "%s", variable);
    child_run(&child, read_variable, &reading);
    assert_true(child_returned(&child));
    char *end = message + sprintf(message, "freehold: unknown option FREEHOLD_%s ignored; there are", name);
    for (unsigned i = 0; i < OPTIONS; i++) {
        *end++ = ' ';
        end = write_name(end, options[i].name);
    }
    sprintf(end, "\n");
    assert_string_equal(child.errors, message);
}

static void unknown_names_are_reported_with_the_known_ones(void **state) {
    (void)state;
    assert_unknown("FREEHOLD_BOGUS=1", "BOGUS");
    assert_unknown("FREEHOLD_=1", "");
    assert_unknown("FREEHOLD_decay=1", "decay");
    assert_unknown("FREEHOLD_DECA=1", "DECA");
    assert_unknown("FREEHOLD_DECAYS=1", "DECAYS");
}

static void other_variables_are_none_of_ours(void **state) {
    static const char *const variables[] = {
        "", "=", "FREEHOLD", "FREEHOLDS=1", "freehold_decay=1", "XFREEHOLD_DECAY=1", "FREEHOLD_DECAY"};
    (void)state;
    for (unsigned i = 0; i < sizeof variables / sizeof *variables; i++) {
        struct child child;
        struct reading reading = {.option = NULL};
        snprintf(reading.variable, sizeof reading.variable, "%s", variables[i]);
        child_run(&child, read_variable, &reading);
        assert_true(child_returned(&child));
        assert_string_equal(child.errors, "");
    }
}

static void read_two(void *unused) {
    char *environment[] = {"FREEHOLD_DECAY=5", "FREEHOLD_CACHE=bad", "FREEHOLD_DECAY=7", "FREEHOLD_GUARD=2",
                           NULL};
    (void)unused;
    config_read(environment);
    require(config.decay == 7 && config.guard == 2);
}

static void a_bad_value_does_not_stop_the_reading(void **state) {
    struct child child;
    (void)state;
    child_run(&child, read_two, NULL);
    assert_true(child_returned(&child));
    assert_non_null(strstr(child.errors, "FREEHOLD_CACHE=bad"));
}

static void read_nothing(void *unused) {
    (void)unused;
    config_read(NULL);
}

static void no_environment_is_no_options(void **state) {
    struct child child;
    (void)state;
    child_run(&child, read_nothing, NULL);
    assert_true(child_returned(&child));
    assert_string_equal(child.errors, "");
}

TESTS(cmocka_unit_test(values_within_the_limits_are_taken),
      cmocka_unit_test(values_beyond_the_limits_are_refused), cmocka_unit_test(what_is_no_number_is_refused),
      cmocka_unit_test(words_stand_for_numbers),
      cmocka_unit_test(unknown_names_are_reported_with_the_known_ones),
      cmocka_unit_test(other_variables_are_none_of_ours),
      cmocka_unit_test(a_bad_value_does_not_stop_the_reading), cmocka_unit_test(no_environment_is_no_options))
