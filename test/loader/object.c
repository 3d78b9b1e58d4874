/* SPDX-License-Identifier: MIT
 *
 * An object that allocates, resizes and frees what others have allocated. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *object_double(char *text);

/* Takes the block of text, and returns one that holds it twice. */
char *object_double(char *text) {
    char *copy = strdup(text);
    char *both = NULL;
    int length = asprintf(&both, "%s%s", text, copy);
    free(copy);
    free(text);
    return length < 0 ? NULL : realloc(both, (size_t)length + 1);
}
