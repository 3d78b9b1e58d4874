/* SPDX-License-Identifier: MIT */
#include "dump.h"

#include <errno.h>
#include <string.h>

#include "../digits.h"
#include "../lock.h"
#include "../os.h"
#include "countdown.h"
#include "profiled.h"
#include "sites.h"

#define OUT_BYTES   8192u
#define MAPS_BYTES  4096u
#define EXACT_MOST  1e15 /* up to it a double is written as an integer */
#define DIGITS_KEPT 1000 /* beyond it, so many digits, as a whole number */

/* A dump. It has memory of its own, as any thread may make one, and some have small stacks. */
struct out {
    int descriptor;
    int error;
    size_t length; /* of what is yet to be written */
    char text[OUT_BYTES];
    char maps[MAPS_BYTES + 1]; /* what was read of the mappings */
    size_t mapped;             /* bytes of all this */
    size_t sites_length;
    _Alignas(struct site) char sites[]; /* as they were at one moment */
};

static void flush(struct out *out) {
    const char *rest = out->text;
    while (out->length != 0 && out->error == 0) {
        size_t written = os_write(out->descriptor, rest, out->length);
        if (written == 0)
            out->error = errno;
        rest += written;
        out->length -= written;
    }
    out->length = 0;
}

static void put_bytes(struct out *out, const char *bytes, size_t length) {
    if (out->length + length > OUT_BYTES)
        flush(out);
    memcpy(out->text + out->length, bytes, length);
    out->length += length;
}

static void put(struct out *out, const char *text) {
    put_bytes(out, text, strlen(text));
}

static void put_number(struct out *out, uint64_t number, unsigned base) {
    char digits[DIGITS_MOST], *end = digits + sizeof digits;
    const char *first = digits_write(end, number, base);
    put_bytes(out, first, (size_t)(end - first));
}

/* As an integer, or as digits, "e+" and a power of ten. */
static void put_estimate(struct out *out, double value) {
    unsigned power = 0;
    put(out, " ");
    if (!(value > 0)) {
        put(out, "0");
        return;
    }
    if (value < EXACT_MOST) {
        put_number(out, (uint64_t)(value + 0.5), 10);
        return;
    }
    for (; value >= 10 * DIGITS_KEPT; power++)
        value /= 10;
    put_number(out, (uint64_t)(value + 0.5), 10);
    put(out, "e+");
    put_number(out, power, 10);
}

static void put_site(struct out *out, const struct site *site) {
    put(out, "site ");
    put_number(out, site->number, 10);
    put_estimate(out, site->live.count);
    put_estimate(out, site->live.bytes);
    put_estimate(out, site->all.count);
    put_estimate(out, site->all.bytes);
    put_estimate(out, (double)site->live.samples);
    put_estimate(out, (double)site->all.samples);
    put_estimate(out, site->live.variance);
    put_estimate(out, site->all.variance);
    for (uint32_t i = 0; i < site->depth; i++) {
        put(out, " 0x");
        put_number(out, (uintptr_t)site->frames[i], 16);
    }
    put(out, "\n");
}

static _Atomic uint64_t began; /* atomic: milliseconds */

void dump_begin(void) {
    uint64_t none = 0;
    (void)atomic_compare_exchange_strong_explicit(&began, &none, os_clock(), memory_order_relaxed,
                                                  memory_order_relaxed);
}

static void put_head(struct out *out) {
    char name[32] = "";
    uint64_t since = atomic_load_explicit(&began, memory_order_relaxed);
    if (os_read("/proc/self/comm", name, sizeof name))
        name[strcspn(name, "\n")] = '\0';
    put(out, "freehold-profile 1\nprocess ");
    put_number(out, os_process(), 10);
    put(out, " ");
    put(out, name);
    put(out, "\ntime ");
    put_number(out, os_time(), 10);
    put(out, " ");
    put_number(out, since == 0 ? 0 : os_clock() - since, 10);
    put(out, "\ninterval ");
    put_number(out, atomic_load_explicit(&profile_interval, memory_order_relaxed), 10);
    put(out, "\nmissed ");
    put_number(out, profiled_missed(), 10);
    put(out, "\n");
}

/* With the sites as they are now; there may be none. Writing may wait, and so is not done with the lock. NULL
 * if there is no memory. */
static struct out *out_make(void) {
    size_t length;
    lock_take(&profile_lock);
    const char *first = sites_first(&length);
    size_t mapped = (sizeof(struct out) + length + UNIT - 1) & ~(UNIT - 1);
    struct out *out = os_reserve(mapped, UNIT);
    if (out != NULL) {
        memcpy(out->sites, first, length);
        out->sites_length = length;
        out->mapped = mapped;
    }
    lock_give(&profile_lock);
    return out;
}

static void put_sites(struct out *out) {
    for (size_t at = 0; at < out->sites_length; at += site_bytes((const struct site *)(out->sites + at)))
        put_site(out, (const struct site *)(out->sites + at));
}

/* The next word of a line, which ends at a blank; the blanks behind it are passed over. */
static const char *next_word(const char *text, const char **end) {
    text += strcspn(text, " ");
    *end = text;
    while (*text == ' ')
        text++;
    return text;
}

/* "START-END FLAGS OFFSET DEVICE INODE PATH": what can be executed, without device and inode. */
static void put_map(struct out *out, const char *line) {
    const char *range_end, *flags_end, *offset_end, *end;
    const char *flags = next_word(line, &range_end), *offset = next_word(flags, &flags_end);
    const char *device = next_word(offset, &offset_end), *inode = next_word(device, &end);
    const char *path = next_word(inode, &end), *dash = strchr(line, '-');
    if (dash == NULL || flags_end - flags < 3 || flags[2] != 'x')
        return;
    put(out, "map ");
    put_bytes(out, line, (size_t)(dash - line));
    put(out, " ");
    put_bytes(out, dash + 1, (size_t)(range_end - dash - 1));
    put(out, " ");
    put_bytes(out, flags, (size_t)(flags_end - flags));
    put(out, " ");
    put_bytes(out, offset, (size_t)(offset_end - offset));
    put(out, " ");
    put(out, path);
    put(out, "\n");
}

/* Not memmove, which the loader would have to bind. */
static void move_down(char *to, const char *from, size_t length) {
    for (size_t i = 0; i < length; i++) {
        to[i] = from[i];
        __asm__ volatile("" ::: "memory");
    }
}

/* Lines that are longer than there is room for are left out. */
static void put_maps(struct out *out) {
    char *text = out->maps;
    size_t length = 0, added;
    int file = os_open_file("/proc/self/maps");
    if (file < 0)
        return;
    while ((added = os_read_file(file, text + length, MAPS_BYTES - length)) != 0) {
        char *line = text, *end;
        length += added;
        text[length] = '\0';
        for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
            *end = '\0';
            put_map(out, line);
        }
        length -= (size_t)(line - text);
        length = length == MAPS_BYTES ? 0 : length;
        move_down(text, line, length);
    }
    os_close_file(file);
}

bool dump_write(int descriptor) {
    struct out *out = out_make();
    if (out == NULL) {
        errno = ENOMEM;
        return false;
    }
    out->descriptor = descriptor;
    put_head(out);
    put_sites(out);
    put_maps(out);
    put(out, "end\n");
    flush(out);
    int error = out->error;
    os_unmap(out, out->mapped);
    errno = error != 0 ? error : errno;
    return error == 0;
}
