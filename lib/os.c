/* SPDX-License-Identifier: MIT */
#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "digits.h"
#include "shadow.h"
#include "tuning.h"

/* Where the next aligned mapping probably fits: below the last one, as the kernel maps downwards, or where
 * one has been unmapped above it. Without the latter a process that maps and unmaps would wander through its
 * whole address space, and the registry with it. */
static _Atomic uintptr_t next_place;

static void *map(void *hint, size_t length, int flags) {
    void *address = mmap(hint, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    return address == MAP_FAILED ? NULL : address;
}

static void *map_aligned(size_t length, size_t alignment, int flags) {
    uintptr_t place = atomic_load_explicit(&next_place, memory_order_relaxed);
    uintptr_t hint = place > length + alignment ? (place - length) & ~(alignment - 1) : 0;
    char *address = map((void *)hint, length, flags);
    if (address == NULL)
        return NULL;
    if (((uintptr_t)address & (alignment - 1)) != 0) {
        munmap(address, length);
        address = map(NULL, length + alignment, flags);
        if (address == NULL)
            return NULL;
        size_t before = -(uintptr_t)address & (alignment - 1);
        if (before != 0)
            munmap(address, before);
        address += before;
        if (alignment != before)
            munmap(address + length, alignment - before);
    }
    atomic_store_explicit(&next_place, (uintptr_t)address, memory_order_relaxed);
    return address;
}

/* The first aligned mapping probably fits below the first of all. */
static void note_place(const void *address) {
    uintptr_t none = 0;
    if (address != NULL)
        atomic_compare_exchange_strong_explicit(&next_place, &none, (uintptr_t)address, memory_order_relaxed,
                                                memory_order_relaxed);
}

void *os_map(size_t length) {
    void *address = map(NULL, length, 0);
    note_place(address);
    return address;
}

void *os_map_closed(size_t length) {
    void *address = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    address = address == MAP_FAILED ? NULL : address;
    note_place(address);
    return address;
}

void *os_map_cleared(size_t length) {
    void *address = os_map(length);
    if (address == NULL || madvise(address, length, MADV_WIPEONFORK) == 0)
        return address;
    os_unmap(address, length);
    return NULL;
}

void *os_map_aligned(size_t length, size_t alignment) {
    return map_aligned(length, alignment, 0);
}

void *os_reserve(size_t length, size_t alignment) {
    return map_aligned(length, alignment, MAP_NORESERVE);
}

/* The last mappings that were ended, in a ring. Each is written by one thread at a time; who reads one while
 * it is written may take a wrong one. */
static struct {
    _Atomic uint32_t count;
    struct {
        _Atomic uintptr_t start;
        _Atomic size_t length;
    } last[UNMAPPED_KNOWN];
} unmapped;

static void unmapped_add(const void *address, size_t length) {
    uint32_t i = atomic_fetch_add_explicit(&unmapped.count, 1, memory_order_relaxed) % UNMAPPED_KNOWN;
    atomic_store_explicit(&unmapped.last[i].start, (uintptr_t)address, memory_order_relaxed);
    atomic_store_explicit(&unmapped.last[i].length, length, memory_order_relaxed);
}

struct unmapped os_find_unmapped(const void *address) {
    uint32_t count = atomic_load_explicit(&unmapped.count, memory_order_relaxed);
    for (uint32_t i = 1; i <= UNMAPPED_KNOWN; i++) {
        uint32_t place = (count - i) % UNMAPPED_KNOWN;
        uintptr_t start = atomic_load_explicit(&unmapped.last[place].start, memory_order_relaxed);
        size_t length = atomic_load_explicit(&unmapped.last[place].length, memory_order_relaxed);
        if ((uintptr_t)address - start < length)
            return (struct unmapped){start, length};
    }
    return (struct unmapped){0, 0};
}

bool os_unmap(void *address, size_t length) {
    shadow_unmapped(address, length);
    if (munmap(address, length) != 0)
        return false;
    if (config_tells_faults())
        unmapped_add(address, length);
    uintptr_t end = (uintptr_t)address + length;
    if (end > atomic_load_explicit(&next_place, memory_order_relaxed))
        atomic_store_explicit(&next_place, end, memory_order_relaxed);
    return true;
}

static _Atomic uint64_t denied;

/* Counts a call that failed as one of a sandbox does. errno is that of the call. */
static bool is_done(bool done) {
    if (!done && (errno == EPERM || errno == EACCES || errno == ENOSYS))
        atomic_fetch_add_explicit(&denied, 1, memory_order_relaxed);
    return done;
}

uint64_t os_calls_denied(void) {
    return atomic_load_explicit(&denied, memory_order_relaxed);
}

bool os_purge(void *address, size_t length) {
    return is_done(madvise(address, length, MADV_DONTNEED) == 0);
}

static _Atomic bool has_sandbox;

void os_advise_huge_pages(void *address, size_t length, bool wanted) {
    if (atomic_load_explicit(&has_sandbox, memory_order_relaxed))
        return;
    (void)is_done(madvise(address, length, wanted ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) == 0);
}

static uint64_t limit_of(int resource) {
    struct rlimit limit;
    return syscall(SYS_prlimit64, 0, resource, NULL, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY
               ? limit.rlim_cur
               : UINT64_MAX;
}

uint64_t os_space_limit(void) {
    if (atomic_load_explicit(&has_sandbox, memory_order_relaxed))
        return UINT64_MAX;
    uint64_t space = limit_of(RLIMIT_AS), data = limit_of(RLIMIT_DATA);
    return space < data ? space : data;
}

bool os_resize(void *address, size_t old_length, size_t new_length) {
    if (new_length < old_length)
        return os_unmap((char *)address + new_length, old_length - new_length);
    return shadow_can_grow() && is_done(mremap(address, old_length, new_length, 0) != MAP_FAILED);
}

int os_move(void *address, size_t length, void *target, bool keep) {
    int flags = MREMAP_MAYMOVE | MREMAP_FIXED | (keep ? MREMAP_DONTUNMAP : 0);
    if (!is_done(mremap(address, length, length, flags, target) != MAP_FAILED))
        return errno;
    shadow_moved(address, target, length);
    return 0;
}

bool os_is_denied(int error) {
    return error == EPERM || error == EACCES || error == ENOSYS || error == EINVAL;
}

bool os_renew(void *address, size_t length) {
    return map(address, length, MAP_FIXED | MAP_NORESERVE) != NULL;
}

bool os_close(void *address, size_t length) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
    const void *closed = mmap(address, length, PROT_NONE, flags, -1, 0);
    return closed != MAP_FAILED;
}

bool os_open(void *address, size_t length) {
    return map(address, length, MAP_FIXED) != NULL;
}

/* A kernel that does not know the flag takes the address for a hint. */
bool os_map_at(void *address, size_t length) {
    void *mapped = map(address, length, MAP_FIXED_NOREPLACE | MAP_NORESERVE);
    if (mapped != NULL && mapped != address)
        munmap(mapped, length);
    return mapped == address;
}

bool os_write_text(uintptr_t address, const unsigned char *code, size_t length) {
    size_t before = address % os_page();
    char *text = (char *)address, *page = text - before;
    if (!is_done(mprotect(page, before + length, PROT_READ | PROT_WRITE | PROT_EXEC) == 0))
        return false;
    memcpy(text, code, length);
    __builtin___clear_cache(text, text + length);
    mprotect(page, before + length, PROT_READ | PROT_EXEC);
    return true;
}

bool os_wait(_Atomic uint32_t *word, uint32_t value, uint64_t milliseconds) {
    struct timespec span = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000};
    struct timespec *end = milliseconds == 0 ? NULL : &span;
    return syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, end, NULL, 0) == 0 || errno == EAGAIN ||
           errno == EINTR || errno == ETIMEDOUT;
}

void os_wake(_Atomic uint32_t *word) {
    int error = errno;
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    errno = error;
}

void os_pause(uint64_t milliseconds) {
    _Atomic uint32_t word = 0;
    (void)os_wait(&word, 0, milliseconds);
}

void os_expect_sandbox(void) {
    atomic_store_explicit(&has_sandbox, true, memory_order_relaxed);
}

bool os_is_in_sandbox(void) {
    return atomic_load_explicit(&has_sandbox, memory_order_relaxed);
}

static __thread bool has_own_files;

/* Else the program could find a number taken that it has just freed, or free ours. */
void os_own_files(void) {
    has_own_files = !atomic_load_explicit(&has_sandbox, memory_order_relaxed) &&
                    syscall(SYS_close_range, 0u, UINT32_MAX, CLOSE_RANGE_UNSHARE) == 0;
}

bool os_has_own_files(void) {
    return has_own_files && !atomic_load_explicit(&has_sandbox, memory_order_relaxed);
}

bool os_read(const char *name, char *text, size_t size) {
    long file = syscall(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    long length = syscall(SYS_pread64, file, text, size - 1, (long)0);
    syscall(SYS_close, file);
    text[length > 0 ? length : 0] = '\0';
    return length > 0;
}

/* A filter that was there from the start, as of a service or a container: many of them kill for what asks of
 * nodes. */
static bool is_filtered(void) {
    return atomic_load_explicit(&has_sandbox, memory_order_relaxed) ||
           syscall(SYS_prctl, PR_GET_SECCOMP, 0, 0, 0, 0) > 0;
}

/* As the kernel is asked which node each is on. */
bool os_find_zeros(void **pages, size_t count, bool *zeros) {
    int nodes[ZEROS_MOST];
    if (is_filtered() || count > ZEROS_MOST || syscall(SYS_move_pages, 0, count, pages, NULL, nodes, 0) != 0)
        return false;
    for (size_t i = 0; i < count; i++)
        zeros[i] = nodes[i] == -EFAULT;
    return true;
}

int os_open_file(const char *name) {
    return (int)syscall(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC);
}

size_t os_read_file(int file, char *text, size_t size) {
    long length = syscall(SYS_read, file, text, size);
    return length > 0 ? (size_t)length : 0;
}

void os_close_file(int file) {
    syscall(SYS_close, file);
}

/* The kernel's sets of signals. */
#define SIGNAL(number) (1ul << ((number)-1))
#define WRITE_SIGNALS  (SIGNAL(SIGPIPE) | SIGNAL(SIGXFSZ)) /* what a write may raise */

struct signals {
    uint64_t blocked; /* by us: to be unblocked */
    uint64_t ours;    /* not pending before: to be taken away */
};

static struct signals signals_block(void) {
    uint64_t signals = WRITE_SIGNALS, before = 0, pending = 0;
    if (is_filtered() || syscall(SYS_rt_sigprocmask, SIG_BLOCK, &signals, &before, sizeof before) != 0)
        return (struct signals){0, 0};
    (void)syscall(SYS_rt_sigpending, &pending, sizeof pending);
    return (struct signals){signals & ~before, signals & ~pending};
}

static void signals_unblock(struct signals signals, bool is_raised) {
    struct timespec now = {0, 0};
    if (is_raised && signals.ours != 0)
        (void)syscall(SYS_rt_sigtimedwait, &signals.ours, NULL, &now, sizeof signals.ours);
    if (signals.blocked != 0)
        (void)syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &signals.blocked, NULL, sizeof signals.blocked);
}

/* By system calls: write is a cancellation point, and a sanitizer replaces it. */
size_t os_write(int file, const char *text, size_t length) {
    long written;
    struct signals signals = signals_block();
    do
        written = syscall(SYS_write, file, text, length);
    while (written < 0 && errno == EINTR);
    int error = errno;
    signals_unblock(signals, written < 0 && (error == EPIPE || error == EFBIG));
    errno = error;
    return written > 0 ? (size_t)written : 0;
}

bool os_identify(int file, struct file_of *of) {
    struct stat status;
    if (syscall(SYS_fstat, file, &status) != 0)
        return false;
    *of = (struct file_of){status.st_dev, status.st_ino};
    return true;
}

static bool is_same(const struct file_of *of, const struct file_of *other) {
    return of->device == other->device && of->inode == other->inode;
}

bool os_is_of(int file, const struct file_of *of) {
    struct file_of now;
    return os_identify(file, &now) && is_same(&now, of);
}

static void set_lock(int file, int kind) {
    struct flock lock = {.l_type = (short)kind, .l_whence = SEEK_SET};
    (void)syscall(SYS_fcntl, file, F_SETLKW, &lock);
}

void os_lock_file(int file) {
    set_lock(file, F_WRLCK);
}

void os_unlock_file(int file) {
    set_lock(file, F_UNLCK);
}

#define HIGH_FILE 1000 /* where a program does not expect one */

/* The lowest numbers are those that programs count on. */
static int move_up(int file) {
    int moved = (int)syscall(SYS_fcntl, file, F_DUPFD_CLOEXEC, HIGH_FILE);
    if (moved < 0)
        return file;
    syscall(SYS_close, file);
    return moved;
}

bool os_has_shared(const struct shared *shared) {
    return os_is_of(shared->file, &shared->of);
}

bool os_shows_shared(const struct shared *shared) {
    char name[] = "/proc/self/fd/", path[sizeof name + DIGITS_MOST] = "", digits[DIGITS_MOST];
    struct stat status;
    memcpy(path, name, sizeof name - 1);
    const char *first = digits_write(digits + DIGITS_MOST, (unsigned)shared->file, 10);
    memcpy(path + sizeof name - 1, first, (size_t)(digits + DIGITS_MOST - first));
    return syscall(SYS_newfstatat, AT_FDCWD, path, &status, 0) == 0 &&
           is_same(&(struct file_of){status.st_dev, status.st_ino}, &shared->of);
}

/* The kernel does not only refuse a file that is longer than the process may write: it sends SIGXFSZ. */
static bool may_be_so_long(size_t length) {
    return limit_of(RLIMIT_FSIZE) >= length;
}

/* Nobody may shorten the file: to touch what is not there any more would end the process. */
bool os_share(struct shared *shared, const char *name, size_t length) {
    if (!may_be_so_long(length)) {
        errno = EFBIG;
        return false;
    }
    int file = (int)syscall(SYS_memfd_create, name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0)
        return false;
    struct file_of of;
    file = move_up(file);
    bool is_made = syscall(SYS_ftruncate, file, (off_t)length) == 0 && os_identify(file, &of) &&
                   syscall(SYS_fcntl, file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
    void *address = is_made ? mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) : MAP_FAILED;
    if (address == MAP_FAILED) {
        syscall(SYS_close, file);
        return false;
    }
    *shared = (struct shared){address, length, file, of};
    return true;
}

void os_unshare(const struct shared *shared) {
    munmap(shared->address, shared->length);
    if (os_has_shared(shared))
        syscall(SYS_close, shared->file);
}

int os_make_file(const char *name) {
    return (int)syscall(SYS_memfd_create, name, MFD_CLOEXEC);
}

void os_name_thread(const char *name) {
    if (!atomic_load_explicit(&has_sandbox, memory_order_relaxed))
        (void)syscall(SYS_prctl, PR_SET_NAME, name, 0, 0, 0);
}

void os_end_real_time(void) {
    struct sched_param none = {0};
    if (atomic_load_explicit(&has_sandbox, memory_order_relaxed))
        return;
    long policy = syscall(SYS_sched_getscheduler, 0);
    if (policy == SCHED_FIFO || policy == SCHED_RR)
        (void)syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &none);
}

/* A sandbox may know no gettid. The C library knows the number, and writes it into every mutex that is taken.
 */
uint32_t os_thread_id(void) {
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&mutex);
    int owner = mutex.__data.__owner;
    pthread_mutex_unlock(&mutex);
    return (uint32_t)owner;
}

uint32_t os_process(void) {
    return (uint32_t)syscall(SYS_getpid);
}

uint64_t os_clock(void) {
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t os_fine_clock(void) {
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t os_thread_clock(void) {
    struct timespec now = {0, 0};
    bool is_safe = !atomic_load_explicit(&has_sandbox, memory_order_relaxed);
    clock_gettime(is_safe ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t os_time(void) {
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return (uint64_t)now.tv_sec;
}

/* The kernel reads the set before it refuses what to do with it. */
bool os_can_read(const void *address) {
    const int nothing = -1;
    uintptr_t word = (uintptr_t)address & ~(sizeof(uint64_t) - 1);
    return syscall(SYS_rt_sigprocmask, nothing, word, NULL, sizeof(uint64_t)) == 0 || errno != EFAULT;
}

enum residency os_resident(const void *address, size_t length, unsigned char *pages) {
    if (atomic_load_explicit(&has_sandbox, memory_order_relaxed))
        return RESIDENCY_UNKNOWN;
    if (syscall(SYS_mincore, address, length, pages) == 0)
        return RESIDENCY_KNOWN;
    return errno == ENOMEM ? RESIDENCY_UNMAPPED : RESIDENCY_UNKNOWN;
}

size_t os_page(void) {
    return getauxval(AT_PAGESZ);
}

void os_signal_stack(void) {
    stack_t stack;
    if (syscall(SYS_sigaltstack, NULL, &stack) != 0 || (stack.ss_flags & SS_DISABLE) == 0)
        return;
    stack = (stack_t){.ss_sp = os_map(UNIT), .ss_size = UNIT};
    if (stack.ss_sp != NULL && syscall(SYS_sigaltstack, &stack, NULL) != 0)
        os_unmap(stack.ss_sp, UNIT);
}

void os_repeat_signal(int number, const void *info) {
    long process = (long)os_process(), own = (long)os_thread_id();
    if (syscall(SYS_rt_tgsigqueueinfo, process, own, number, info) != 0)
        (void)syscall(SYS_tgkill, process, own, number);
}
