/* SPDX-License-Identifier: MIT
 *
 * Every system call of the allocator but those of report.c. Addresses and lengths are
 * multiples of UNIT, and so of any page size. A failure is a NULL or false; errno is what the kernel left. */
#ifndef FREEHOLD_OS_H
#define FREEHOLD_OS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Maps length zeroed bytes. */
void *os_map(size_t length);

/* Maps length zeroed bytes at a multiple of alignment (a power of two, at least UNIT). */
void *os_map_aligned(size_t length, size_t alignment);

/* The same, and the kernel counts no memory for it until it is used. */
void *os_reserve(size_t length, size_t alignment);

/* Ends a mapping. false if the kernel has no room for the split of a mapping. */
bool os_unmap(void *address, size_t length);

/* A mapping that has been ended. */
struct unmapped {
    uintptr_t start;
    size_t length;
};

/* The one of the last that the address was in; length 0: none. They are kept for FREEHOLD_CRASH_REPORT alone.
 */
struct unmapped os_find_unmapped(const void *address);

/* Whether the word at the address can be read. */
bool os_can_read(const void *address);

/* Which pages have memory: bit 0 of a byte for each, if all of it is mapped and the kernel says so. */
enum residency { RESIDENCY_KNOWN, RESIDENCY_UNMAPPED, RESIDENCY_UNKNOWN };
enum residency os_resident(const void *address, size_t length, unsigned char *pages);

/* Which of ZEROS_MOST pages at most have been read but never written to: the kernel has one page of zeros for
 * all of them. false if it does not say. */
#define ZEROS_MOST 64u
bool os_find_zeros(void **pages, size_t count, bool *zeros);

/* Bytes of a page. */
size_t os_page(void);

/* Gives the calling thread a signal stack of its own, if it has none. */
void os_signal_stack(void);

/* Sends the calling thread a signal that it has had, with its siginfo_t. */
void os_repeat_signal(int number, const void *info);

/* The address space that the process may have, bytes; UINT64_MAX if that is not bounded, or nobody says. */
uint64_t os_space_limit(void);

/* Gives the pages back; they read as zero afterwards. */
bool os_purge(void *address, size_t length);

/* Asks for huge pages, or against them. Without effect where the kernel does not know them, and in a sandbox,
 * which may know no such advice. */
void os_advise_huge_pages(void *address, size_t length, bool wanted);

/* Makes the mapping longer or shorter where it is; false if it cannot. */
bool os_resize(void *address, size_t old_length, size_t new_length);

/* Moves the pages of a mapping over those of another one at target; where they were stays mapped, without
 * pages, if keep. Returns 0 or what errno says; os_is_denied of it: nothing has been done. */
int os_move(void *address, size_t length, void *target, bool keep);
bool os_is_denied(int error);

/* How many of the calls that this file makes with memory were refused, as in a sandbox. */
uint64_t os_calls_denied(void);

/* Replaces part of a reservation by a new one, without pages. */
bool os_renew(void *address, size_t length);

/* Takes the pages away from part of a reservation, so that nobody may touch it; and opens it again, with
 * zeroed ones. Of whole pages, which are less than a UNIT. */
bool os_close(void *address, size_t length);
bool os_open(void *address, size_t length);

/* Maps length bytes that nobody may touch, until a part is opened. */
void *os_map_closed(size_t length);

/* Maps length zeroed bytes that are zeroed again in the child of a fork; NULL if the kernel does not know
 * how. */
void *os_map_cleared(size_t length);

/* Maps length bytes at address, if nothing is there. */
bool os_map_at(void *address, size_t length);

/* Writes length bytes of code at an address of the program's text, where no other thread may be. false if the
 * system lets nobody do so: then nothing has been written. */
bool os_write_text(uintptr_t address, const unsigned char *code, size_t length);

/* Sleeps while *word is value, for so many milliseconds at most; 0: without an end. false if the kernel does
 * not know how. os_wake wakes who sleeps so. */
bool os_wait(_Atomic uint32_t *word, uint32_t value, uint64_t milliseconds);
void os_wake(_Atomic uint32_t *word);

/* Opens a file to read; below 0: it cannot be. Reads what comes next of it, 0: nothing more. */
int os_open_file(const char *name);
size_t os_read_file(int file, char *text, size_t size);
void os_close_file(int file);

/* Writes to a file; returns how many bytes, 0: none, and errno says why. A pipe that nobody reads, and a file
 * that is as long as it may be, are such reasons and raise no signal. */
size_t os_write(int file, const char *text, size_t length);

/* What a descriptor is of: a program may close it and open another one. false if it is of none; and whether
 * it is still of that. */
struct file_of {
    uint64_t device, inode;
};
bool os_identify(int file, struct file_of *of);
bool os_is_of(int file, const struct file_of *of);

/* Waits until no other process has the file locked, and locks it; without effect where it is none. */
void os_lock_file(int file);
void os_unlock_file(int file);

/* Memory that other processes can read and write while they have its file. */
struct shared {
    void *address;
    size_t length;
    int file; /* in the descriptors of the thread that has made it */
    struct file_of of;
};

/* Makes length zeroed bytes of it, under a name in /proc/PID/fd; false if there are none, or not to be had.
 */
bool os_share(struct shared *shared, const char *name, size_t length);
void os_unshare(const struct shared *shared);

/* Whether the calling thread has the file; and the first thread of the process, whose descriptors others look
 * at. */
bool os_has_shared(const struct shared *shared);
bool os_shows_shared(const struct shared *shared);

/* An empty file of no folder, under a name in /proc; -1 with errno if it is not to be had. */
int os_make_file(const char *name);

/* Sleeps. */
void os_pause(uint64_t milliseconds);

/* Gives the calling thread descriptors of its own, none to begin with; and whether it has them, and may open
 * files. */
void os_own_files(void);
bool os_has_own_files(void);

/* Reads the beginning of a small file as a string. */
bool os_read(const char *name, char *text, size_t size);

/* Names the calling thread, unless that may be what a sandbox kills for; which is to be expected from now on.
 */
void os_name_thread(const char *name);

/* Gives the calling thread the usual scheduling policy if it has a real-time one. Nothing in a sandbox. */
void os_end_real_time(void);
void os_expect_sandbox(void);
bool os_is_in_sandbox(void);

/* The kernel's number of the calling thread. */
uint32_t os_thread_id(void);

/* That of the process. */
uint32_t os_process(void);

/* Milliseconds of a clock that only goes forward, coarse and cheap; where it cannot be read it stands still.
 * As a rule neither clock is a system call. */
uint64_t os_clock(void);

/* The same in nanoseconds, exact. */
uint64_t os_fine_clock(void);

/* Nanoseconds of processor time that the calling thread has had, by a system call; in a sandbox as above. */
uint64_t os_thread_clock(void);

/* Seconds since 1970. */
uint64_t os_time(void);

#endif
