/* SPDX-License-Identifier: MIT
 *
 * Freehold: a malloc for multithreaded servers on Linux. This header is the whole public interface.
 *
 * Every function of the malloc family exists twice in libfreehold.so: under the name that the C library
 * uses, so that a preload or a link replaces the system's malloc, and with the prefix fh_, so that a
 * program can use both side by side. A block belongs to the allocator that returned it: give a block of
 * fh_malloc to fh_free (or, in a process that preloads or links libfreehold.so, to free, which is the same).
 *
 * All functions may be called from any thread at any time, but not from a signal handler. Sizes and
 * alignments are in bytes. Blocks are aligned to 16 bytes at least. errno is kept over every free.
 */
#ifndef FREEHOLD_H
#define FREEHOLD_H

#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FH_VERSION_MAJOR 0
#define FH_VERSION_MINOR 1
#define FH_VERSION_PATCH 0

#define FH_API __attribute__((visibility("default")))

/* The version of the library that is running, as "MAJOR.MINOR.PATCH". */
FH_API const char *fh_version(void);

/* C11 malloc. size 0 gives a unique block. Returns NULL with errno ENOMEM if there is no memory or size
 * exceeds PTRDIFF_MAX. */
FH_API void *fh_malloc(size_t size);

/* C11 free. block is NULL or a live block; anything else stops the process with a message as far as it can
 * be seen. */
FH_API void fh_free(void *block);

/* C11 calloc: count * size zeroed bytes; an overflow of the product is ENOMEM. */
FH_API void *fh_calloc(size_t count, size_t size);

/* C11 and glibc realloc. block NULL is malloc(size); size 0 with a block frees it and returns NULL. On
 * failure NULL is returned with errno ENOMEM, and block stays as it was. */
FH_API void *fh_realloc(void *block, size_t size);

/* glibc reallocarray: realloc(block, count * size); an overflow of the product is ENOMEM. */
FH_API void *fh_reallocarray(void *block, size_t count, size_t size);

/* POSIX posix_memalign: alignment is a power of two and a multiple of sizeof(void *). Returns 0, EINVAL or
 * ENOMEM (which is in errno, too, as with glibc), and writes *block only on success. */
FH_API int fh_posix_memalign(void **block, size_t alignment, size_t size);

/* C17 aligned_alloc: alignment is a power of two, else NULL with errno EINVAL; size need not be a multiple.
 */
FH_API void *fh_aligned_alloc(size_t alignment, size_t size);

/* glibc memalign: an alignment that is no power of two is rounded up to one; one over 2^63 is EINVAL. */
FH_API void *fh_memalign(size_t alignment, size_t size);

/* glibc valloc and pvalloc: aligned to a page; pvalloc rounds size up to whole pages. */
FH_API void *fh_valloc(size_t size);
FH_API void *fh_pvalloc(size_t size);

/* glibc malloc_usable_size: the bytes that may be used at block, at least the size that was asked for; 0 for
 * NULL. */
FH_API size_t fh_malloc_usable_size(void *block);

/* C23 free_sized and free_aligned_sized: free for a caller that knows what it asked for. */
FH_API void fh_free_sized(void *block, size_t size);
FH_API void fh_free_aligned_sized(void *block, size_t alignment, size_t size);

/* glibc malloc_trim: gives every free page of this process that can be reached back to the kernel, and takes
 * the calling thread's caches along. pad is accepted and ignored. Returns 1 if anything was given back. */
FH_API int fh_malloc_trim(size_t pad);

/* The same: gives back at once all that is free and all that is kept, from whichever thread it is called, but
 * for the little that sleeping threads hold. */
FH_API int fh_purge(void);

/* glibc mallopt: every parameter is accepted and none has an effect, for there is nothing here that they
 * could mean: options are FREEHOLD_* environment variables. M_MMAP_THRESHOLD and M_MMAP_MAX, M_TRIM_THRESHOLD
 * and M_TOP_PAD, M_ARENA_MAX and M_ARENA_TEST, M_CHECK_ACTION and M_PERTURB return 1; M_MXFAST returns 0 out
 * of glibc's range. */
FH_API int fh_mallopt(int parameter, int value);

/* glibc mallinfo2, mallinfo, malloc_stats and malloc_info, with the figures of fh_counters and fh_stats. The
 * structs are glibc's, see <malloc.h>, and so are the elements of malloc_info's document: one heap, and what
 * it has free counted by SuperSlab, huge blocks by 4 MiB. The counters and the account follow in an element
 * <freehold>. */
FH_API struct mallinfo2 fh_mallinfo2(void);
FH_API struct mallinfo fh_mallinfo(void);
FH_API void fh_malloc_stats(void);
FH_API int fh_malloc_info(int options, FILE *stream);

/* What the allocator has done since the process started, summed over all threads; counts unless said
 * otherwise. Each figure is exact for a quiet process and may lag by some events while threads run. */
struct fh_counts {
    uint64_t refills;         /* caches filled from a slab */
    uint64_t remote_frees;    /* blocks freed by a thread that does not own their slab, and pushed */
    uint64_t pushes;          /* batches pushed to a remote queue, one successful CAS each */
    uint64_t posts;           /* slabs posted to an inbox */
    uint64_t drains;          /* remote queues drained that were not empty */
    uint64_t claims;          /* slabs without owner claimed after a push */
    uint64_t adoptions;       /* orphans claimed by an arena in need of a slab */
    uint64_t orphans;         /* slabs released with live blocks when a thread exited */
    uint64_t slabs_taken;     /* slabs made from fresh units */
    uint64_t slabs_freed;     /* empty slabs whose units were given back */
    uint64_t arenas_made;     /* arenas that exist, in use or waiting to be recycled */
    uint64_t arenas_started;  /* threads that have been given an arena */
    uint64_t superslabs_made; /* SuperSlabs mapped */
    uint64_t retirements;     /* SuperSlabs unregistered */
    uint64_t unmappings;      /* SuperSlabs whose granules were freed after their grace periods */
    uint64_t grace_periods;   /* RCU grace periods run */
    uint64_t limbo_bytes;     /* address space that waits for a grace period, bytes */
    uint64_t purged_bytes;    /* given back to the kernel so far, bytes */
    uint64_t superslab_bytes; /* address space of the registered SuperSlabs, bytes */
    uint64_t huge_bytes;      /* live huge blocks, bytes */
    uint64_t kept_bytes;      /* freed granules kept for reuse, as far as they were used, bytes */
    uint64_t large_bytes;     /* live large blocks, bytes */
    uint64_t used_bytes;      /* small blocks that are live, cached or in flight, bytes */
    uint64_t calls_denied;    /* system calls that a sandbox has refused: memory stays, or is copied */
};

/* Writes the counters to *counters. */
FH_API void fh_counters(struct fh_counts *counters);

/* One size class. */
struct fh_class_stats {
    uint32_t block_size;   /* bytes */
    uint32_t slabs;        /* slabs of the class */
    uint64_t slab_bytes;   /* bytes: address space of these */
    uint64_t blocks;       /* blocks that have been carved */
    uint64_t used;         /* of these: live, cached or in flight, but for what is free in slabs */
    uint64_t cached;       /* of these: in threads' caches, about */
    uint64_t in_flight;    /* of these: in remote queues; what outboxes have is known in bytes only */
    uint64_t resident;     /* bytes of memory that its slabs have */
    uint64_t orphan_slabs; /* slabs that nobody owns */
};

/* The account, in bytes. resident = live + rounding + cached + in_flight + partly_used + free_units + kept +
 * quarantine + samples + metadata + huge_page_swell. */
struct fh_account {
    uint64_t resident;    /* memory that the allocator has, as far as the kernel says */
    uint64_t live;        /* of blocks that the program has; small ones with their rounding to a size class */
    uint64_t rounding;    /* of slabs, before their first block and behind their last */
    uint64_t cached;      /* of blocks and runs in threads' caches: exact for the caller, about for others */
    uint64_t in_flight;   /* of blocks in outboxes and remote queues, on their way to the slab's owner */
    uint64_t partly_used; /* free in slabs that have blocks or an owner */
    uint64_t free_units;  /* of free units, and of SuperSlabs in limbo, until the decay time is over */
    uint64_t kept;        /* of free granules and huge blocks kept for reuse, likewise */
    uint64_t quarantine;  /* of freed small blocks that wait, at guard level 2; runs count as cached */
    uint64_t samples;     /* of sampled blocks, with their pages */
    uint64_t metadata;    /* of the allocator's own structures */
    uint64_t huge_page_swell; /* of free units that were purged or never used: huge pages brought them */
    /* What is not part of the sum. */
    uint64_t allocated;      /* bytes of live blocks, of which pages never touched are not resident */
    uint64_t purged;         /* bytes of free units and granules that have no memory */
    uint64_t reserved;       /* bytes of address space for blocks */
    uint64_t superslabs;     /* how many there are */
    uint64_t regions;        /* likewise */
    uint64_t arenas;         /* likewise */
    uint64_t arenas_running; /* likewise, that a thread has */
    uint64_t orphan_slabs;   /* slabs that nobody owns */
    uint64_t large_blocks;   /* live ones */
    uint64_t large_bytes;    /* bytes of address space of these */
    uint64_t huge_blocks;    /* live ones */
    uint64_t huge_bytes;     /* bytes of address space of these */
};

/* An arena: one thread's heap, or one that waits for a thread. */
struct fh_arena_stats {
    uint32_t thread_id;  /* of its thread; 0 if it never had one */
    uint32_t state;      /* an enum fh_arena_state */
    uint64_t owned;      /* bytes of slabs that it owns */
    uint64_t owned_free; /* bytes of these that no block uses, though nobody else can */
    uint64_t cached;     /* bytes in its caches, about */
    uint64_t kept_runs;  /* bytes of runs that it keeps */
    uint64_t outbox;     /* bytes in its outbox, at most */
    uint64_t slabs;      /* slabs that it owns */
    uint64_t refills, remote_frees, drains, claims, adoptions; /* as in struct fh_counts */
};

enum fh_arena_state { FH_ARENA_RUNNING, FH_ARENA_EXITED, FH_ARENA_FROZEN, FH_ARENA_LATE };

/* Writes where all the memory of the allocator is to *account. Looks at every SuperSlab, region and huge
 * block and asks the kernel which of their pages have memory, in about 20 us for each 4 MiB; other threads go
 * on. Returns 0, or -1 with errno ENOMEM. */
FH_API int fh_stats(struct fh_account *account);

/* The same with the counters, by size class and by arena, as a JSON object whose keys are the names of the
 * fields. Returns 0, or -1 with errno. */
FH_API int fh_stats_json(FILE *stream);

/* Makes the live page of freehold_live.h, or ends it. Returns 0, or -1 with errno: EBUSY, EPERM in the child
 * of a vfork or in a seccomp sandbox, or why there is none. */
FH_API int fh_live(int on);

/* The heap profile: who has allocated what lives. Blocks are sampled by bytes: one in interval bytes on
 * average, so that what they stand for is estimated without bias, however the program allocates; where
 * samples come so fast that they would cost more than about half a per cent of the time, a thread takes
 * fewer. 512 KiB is a good interval for a server; 0 ends sampling, and what was sampled is known until it is
 * freed. Threads follow at their next slow path, when a cache runs dry or is full. FREEHOLD_PROFILE does the
 * same from the start. A realloc counts as a free and a malloc, unless the block stays small and where it is.
 * Returns 0, or -1 with errno: ENOTSUP under memcheck, EINVAL over PTRDIFF_MAX. */
FH_API int fh_profile(size_t interval);

/* Writes the profile to a file descriptor, as text: doc/PROFILE.md has the format. May be called while
 * other threads allocate. Returns 0, or -1 with errno. */
FH_API int fh_profile_dump(int descriptor);

/* Checks every invariant that can be checked from the calling thread and stops the process with a message
 * at the first that is broken. Meant for tests. */
FH_API void fh_check(void);

#ifdef __cplusplus
}
#endif

#endif
