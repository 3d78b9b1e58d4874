/* SPDX-License-Identifier: MIT */
#include "os.h"

#include <linux/membarrier.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "shadow.h"
#include "tuning.h"

/* Where the next aligned mapping probably fits: below the last one, as the kernel maps downwards, or where
 * one has been unmapped above it. Without the latter a process that maps and unmaps would wander through its
 * whole address space, and the registry with it. */
static _Atomic uintptr_t next_place;

static void *map(void *hint, size_t length, int protection) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | (protection == PROT_NONE ? MAP_NORESERVE : 0);
    void *address = mmap(hint, length, protection, flags, -1, 0);
    return address == MAP_FAILED ? NULL : address;
}

static void *map_aligned(size_t length, size_t alignment, int protection) {
    uintptr_t place = atomic_load_explicit(&next_place, memory_order_relaxed);
    uintptr_t hint = place > length + alignment ? (place - length) & ~(alignment - 1) : 0;
    char *address = map((void *)hint, length, protection);
    if (address == NULL)
        return NULL;
    if (((uintptr_t)address & (alignment - 1)) != 0) {
        munmap(address, length);
        address = map(NULL, length + alignment, protection);
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

void *os_map(size_t length) {
    return map(NULL, length, PROT_READ | PROT_WRITE);
}

void *os_map_aligned(size_t length, size_t alignment) {
    return map_aligned(length, alignment, PROT_READ | PROT_WRITE);
}

void *os_reserve_aligned(size_t length, size_t alignment) {
    return map_aligned(length, alignment, PROT_NONE);
}

bool os_unmap(void *address, size_t length) {
    shadow_unmapped(address, length);
    if (munmap(address, length) != 0)
        return false;
    uintptr_t end = (uintptr_t)address + length;
    if (end > atomic_load_explicit(&next_place, memory_order_relaxed))
        atomic_store_explicit(&next_place, end, memory_order_relaxed);
    return true;
}

bool os_purge(void *address, size_t length) {
    return madvise(address, length, MADV_DONTNEED) == 0;
}

void os_advise_huge_pages(void *address, size_t length, bool wanted) {
    (void)madvise(address, length, wanted ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

bool os_resize(void *address, size_t old_length, size_t new_length) {
    if (new_length < old_length)
        return os_unmap((char *)address + new_length, old_length - new_length);
    return shadow_can_grow() && mremap(address, old_length, new_length, 0) != MAP_FAILED;
}

bool os_move(void *address, size_t old_length, void *target, size_t new_length) {
    shadow_unmapped(address, old_length);
    return mremap(address, old_length, new_length, MREMAP_MAYMOVE | MREMAP_FIXED, target) != MAP_FAILED;
}

uint32_t os_thread_id(void) {
    return (uint32_t)syscall(SYS_gettid);
}

uint64_t os_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t os_thread_time(void) {
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

bool os_has_membarrier(void) {
    return syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
}
