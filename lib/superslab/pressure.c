/* SPDX-License-Identifier: MIT */
#include "pressure.h"

#include <string.h>

#include "../config.h"
#include "../os.h"

#define TEXT 512u /* bytes of a file that are read, and of a name */

static _Atomic bool is_high;
static uint64_t looked_at; /* housekeeper only: milliseconds */

bool pressure_is_high(void) {
    return atomic_load_explicit(&is_high, memory_order_relaxed);
}

/* Appends to a name; false if it is too long. */
static bool append(char *name, const char *text, size_t length) {
    size_t before = strlen(name);
    if (before + length >= TEXT)
        return false;
    memcpy(name + before, text, length);
    name[before + length] = '\0';
    return true;
}

/* The folder of the group: the line of version 2 is "0::" and its name from the root on. */
static bool group_find(const char *own, const char *folder, char *name) {
    char text[TEXT];
    if (!os_read(own, text, sizeof text))
        return false;
    const char *line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
    if (line == NULL)
        return false;
    line = strstr(line, "0::") + 3;
    name[0] = '\0';
    return append(name, folder, strlen(folder)) && append(name, line, strcspn(line, "\n"));
}

/* The decimal digits after a key; "max", or nothing, is the most. */
static uint64_t number_after(const char *text, const char *key) {
    const char *found = strstr(text, key);
    uint64_t number = 0;
    if (found == NULL || found[strlen(key)] < '0' || found[strlen(key)] > '9')
        return UINT64_MAX;
    for (found += strlen(key); *found >= '0' && *found <= '9'; found++)
        number = number * 10 + (uint64_t)(*found - '0');
    return number;
}

static uint64_t read_number(const char *group, const char *file, const char *key) {
    char name[TEXT] = "", text[TEXT];
    if (!append(name, group, strlen(group)) || !append(name, file, strlen(file)) ||
        !os_read(name, text, sizeof text))
        return UINT64_MAX;
    return number_after(text, key);
}

/* What files have left in the page cache is no pressure: only memory that nobody else can give back counts.
 */
bool pressure_in(const char *own, const char *folder) {
    char group[TEXT];
    if (!group_find(own, folder, group))
        return false;
    uint64_t high = read_number(group, "/memory.high", ""), most = read_number(group, "/memory.max", "");
    uint64_t limit = high < most ? high : most;
    if (limit == UINT64_MAX)
        return false;
    uint64_t used = read_number(group, "/memory.stat", "anon ");
    return used != UINT64_MAX && used > limit - limit / 8;
}

void pressure_look(void) {
    uint64_t now = os_clock();
    if (now - looked_at < config.decay || !os_has_own_files())
        return;
    looked_at = now;
    atomic_store_explicit(&is_high, pressure_in("/proc/self/cgroup", "/sys/fs/cgroup"), memory_order_relaxed);
}
