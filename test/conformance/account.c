/* SPDX-License-Identifier: MIT
 *
 * The account: its causes add up to what the kernel says of the process, to 1 %, when much has been
 * allocated, when half of it has been freed by another thread, and when all has been. What the program holds,
 * and a test may be preloaded with anything, is not ours: so growth is compared, from before the first block
 * on. `account json` writes fh_stats_json's object. */
#include <fcntl.h>
#include <pthread.h>

#include "conformance/unit.h"

#define BLOCKS     200000u
#define LARGE      200u
#define HUGE_BYTES (48 * MIB)

static void *small[BLOCKS], *large[LARGE], *huge;
static size_t asked; /* bytes */

static int (*stats)(struct fh_account *);
static int (*stats_json)(FILE *);
static int (*purge)(void);

static int find(void **state) {
    (void)state;
    stats = (int (*)(struct fh_account *))dlsym(RTLD_DEFAULT, "fh_stats");
    stats_json = (int (*)(FILE *))dlsym(RTLD_DEFAULT, "fh_stats_json");
    purge = (int (*)(void))dlsym(RTLD_DEFAULT, "fh_purge");
    return stats == NULL || stats_json == NULL || purge == NULL;
}

/* Of the whole process, by the kernel's walk of its pages. */
static size_t rollup(void) {
    static char text[4096];
    int file = open("/proc/self/smaps_rollup", O_RDONLY);
    assert_true(file >= 0);
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    assert_true(length > 0);
    text[length] = '\0';
    const char *line = strstr(text, "\nRss:");
    assert_non_null(line);
    return strtoul(line + 5, NULL, 10) * KIB;
}

static void *allocate_all(void *unused) {
    asked = 0;
    for (unsigned i = 0; i < BLOCKS; i++) {
        size_t size = 16 + i * 37 % 1500;
        small[i] = malloc(size);
        memset(small[i], 1, size);
        asked += size;
    }
    for (unsigned i = 0; i < LARGE; i++) {
        size_t size = 40 * KIB + (size_t)i * 997 % (400 * KIB);
        large[i] = malloc(size);
        memset(large[i], 1, size);
        asked += size;
    }
    huge = malloc(HUGE_BYTES);
    memset(huge, 1, HUGE_BYTES);
    asked += HUGE_BYTES;
    return unused;
}

static void *free_half(void *unused) {
    for (unsigned i = 0; i < BLOCKS; i += 2)
        free(small[i]);
    for (unsigned i = 0; i < LARGE; i += 2)
        free(large[i]);
    return unused;
}

static void *free_rest(void *unused) {
    for (unsigned i = 1; i < BLOCKS; i += 2)
        free(small[i]);
    for (unsigned i = 1; i < LARGE; i += 2)
        free(large[i]);
    free(huge);
    return unused;
}

static void run(void *(*function)(void *)) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, function, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static uint64_t sum_of(const struct fh_account *account) {
    return account->live + account->rounding + account->cached + account->in_flight + account->partly_used +
           account->free_units + account->kept + account->quarantine + account->samples + account->metadata +
           account->huge_page_swell;
}

struct moment {
    struct fh_account account;
    size_t process;
};

/* What decays may do so between the two looks, or be neither here nor there: then they are taken again. */
static struct moment look(void) {
    struct moment moment;
    struct fh_account after;
    unsigned tries = 0;
    do {
        assert_int_equal(stats(&moment.account), 0);
        moment.process = rollup();
        assert_int_equal(stats(&after), 0);
    } while ((after.resident != moment.account.resident || after.live != moment.account.live) &&
             ++tries < 100);
    assert_int_equal(sum_of(&moment.account), moment.account.resident);
    assert_true(moment.account.resident <= moment.process);
    return moment;
}

/* To 1 % of the process, or so many bytes. */
static void agree(const struct moment *first, const struct moment *now, size_t least) {
    double most = (double)(now->process / 100 > least ? now->process / 100 : least);
    double process = (double)now->process - (double)first->process;
    double account = (double)now->account.resident - (double)first->account.resident;
    double difference = process > account ? process - account : account - process;
    if (difference > most)
        print_error("the process has grown by %.0f KiB, the account by %.0f\n", process / 1024,
                    account / 1024);
    assert_true(difference <= most);
}

static void adds_up(void **state) {
    (void)state;
    memset(small, 1, sizeof small); /* so that these pages, the C library's and the threads' are there now */
    memset(small, 0, sizeof small);
    run(free_half);
    rollup();
    struct moment first = look();
    run(allocate_all);
    struct moment full = look();
    agree(&first, &full, 0);
    uint64_t live = full.account.live - first.account.live;
    assert_in_range(live, asked - asked / 50, asked + asked / 8);
    uint64_t allocated = full.account.allocated - first.account.allocated;
    assert_in_range(allocated, asked - asked / 50, asked + asked / 8);
    run(free_half);
    struct moment half = look();
    agree(&first, &half, 0);
    assert_true(half.account.live < full.account.live);
    assert_true(half.account.partly_used > full.account.partly_used);
    run(free_rest);
    struct moment none = look();
    agree(&first, &none, 0);
    assert_true(none.account.live - first.account.live < asked / 100 ||
                none.account.live < first.account.live);
    purge();
    struct moment purged = look();
    agree(&first, &purged, 256 * KIB); /* what is left is smaller than a library */
    assert_int_equal(purged.account.free_units, 0);
    assert_int_equal(purged.account.kept, 0);
}

static void mallinfo_says_the_same(void **state) {
    (void)state;
    struct fh_account account;
    allocate_all(NULL);
    assert_int_equal(stats(&account), 0);
    struct mallinfo2 info = mallinfo2();
    assert_int_equal(info.hblkhd, account.huge_bytes);
    assert_in_range(info.uordblks + info.hblkhd, account.allocated - account.allocated / 1000,
                    account.allocated + account.allocated / 1000);
    free_half(NULL);
    free_rest(NULL);
}

#define FIELD(name)                                                                                          \
    { #name, offsetof(struct fh_account, name) }
static const struct {
    const char *name;
    size_t offset;
} fields[] = {
    FIELD(resident),     FIELD(live),        FIELD(rounding),       FIELD(cached),
    FIELD(in_flight),    FIELD(partly_used), FIELD(free_units),     FIELD(kept),
    FIELD(quarantine),   FIELD(samples),     FIELD(metadata),       FIELD(huge_page_swell),
    FIELD(allocated),    FIELD(purged),      FIELD(reserved),       FIELD(superslabs),
    FIELD(regions),      FIELD(arenas),      FIELD(arenas_running), FIELD(orphan_slabs),
    FIELD(large_blocks), FIELD(large_bytes), FIELD(huge_blocks),    FIELD(huge_bytes),
};

/* What the account is told in: where a name is, and what is between it and its value. */
static const struct form {
    const char *before, *after;
} forms[] = {{"freehold: ", " "}, {"<memory name=\"", "\" value=\""}, {"\"", "\":"}};

static char texts[COUNT(forms)][64 * KIB];
static FILE *files[COUNT(forms)];

/* Without a malloc, which would change what is told. */
static void tell_all(void) {
    for (unsigned i = 0; i < COUNT(forms); i++) {
        rewind(files[i]);
        memset(texts[i], 0, sizeof texts[i]);
    }
    int saved = dup(STDERR_FILENO);
    assert_true(dup2(fileno(files[0]), STDERR_FILENO) >= 0);
    malloc_stats();
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
    assert_int_equal(malloc_info(0, files[1]), 0);
    assert_int_equal(stats_json(files[2]), 0);
    for (unsigned i = 0; i < COUNT(forms); i++) {
        fflush(files[i]);
        assert_true(pread(fileno(files[i]), texts[i], sizeof texts[i] - 1, 0) > 0);
    }
}

static uint64_t told(unsigned form, const char *name) {
    char wanted[100];
    (void)snprintf(wanted, sizeof wanted, "%s%s%s", forms[form].before, name, forms[form].after);
    const char *at = strstr(texts[form], wanted);
    if (at == NULL) {
        print_error("no %s in what is told %u-th\n", name, form);
        abort();
    }
    return strtoul(at + strlen(wanted), NULL, 10);
}

/* malloc_stats, malloc_info and the JSON have the figures of fh_stats. What decays meanwhile may do so: then
 * all is told again. */
static void all_forms_say_the_same(void **state) {
    static char buffers[COUNT(forms)][KIB];
    struct fh_account before, after;
    unsigned tries = 0;
    (void)state;
    for (unsigned i = 0; i < COUNT(forms); i++) {
        files[i] = tmpfile();
        assert_non_null(files[i]);
        setvbuf(files[i], buffers[i], _IOFBF, sizeof buffers[i]);
    }
    allocate_all(NULL);
    run(free_half);
    do {
        assert_int_equal(stats(&before), 0);
        tell_all();
        assert_int_equal(stats(&after), 0);
    } while (memcmp(&before, &after, sizeof before) != 0 && ++tries < 100);
    for (unsigned i = 0; i < COUNT(fields); i++)
        for (unsigned form = 0; form < COUNT(forms); form++)
            assert_int_equal(told(form, fields[i].name), *(uint64_t *)((char *)&before + fields[i].offset));
    run(free_rest);
    for (unsigned i = 0; i < COUNT(forms); i++)
        fclose(files[i]);
}

static int write_json(void) {
    if (find(NULL) != 0)
        return 2;
    allocate_all(NULL);
    pthread_t thread;
    if (pthread_create(&thread, NULL, free_half, NULL) != 0 || pthread_join(thread, NULL) != 0)
        return 2;
    return stats_json(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "json") == 0)
        return write_json();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_up),
        cmocka_unit_test(mallinfo_says_the_same),
        cmocka_unit_test(all_forms_say_the_same),
    };
    return cmocka_run_group_tests(tests, find, NULL);
}
