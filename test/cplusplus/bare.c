/* SPDX-License-Identifier: MIT
 *
 * operator new in a process without a C++ runtime: there is nothing to throw with, so it must say so and
 * abort. */
#include "misuse/death.h"

typedef void *new_function(size_t);

static const char *const operators[] = {"_Znwm", "_Znam"};

static new_function *find(const char *operator) {
    new_function *function = (new_function *)dlsym(RTLD_DEFAULT, operator);
    REQUIRE(function != NULL);
    return function;
}

int main(int argc, char **argv) {
    REQUIRE(dlsym(RTLD_DEFAULT, "__cxa_throw") == NULL);
    if (argc == 2) {
        find(argv[1])(opaque_size(SIZE_MAX / 2 + 1));
        return 0;
    }
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        char self[] = "/proc/self/exe";
        char *const arguments[] = {self, (char *)operators[i], NULL};
        struct death death;
        death_watch(&death, arguments);
        REQUIRE(death_was_abort(&death));
        const char *end = strchr(death.errors, '\n');
        REQUIRE(end && !end[1]);
        REQUIRE(strncmp(death.errors, "freehold: operator new", strlen("freehold: operator new")) == 0);
        REQUIRE(strstr(death.errors, "no memory for 9223372036854775808 bytes") != NULL);
        /* What can be had needs no runtime. */
        REQUIRE(find(operators[i])(100) != NULL);
    }
    return 0;
}
