/* SPDX-License-Identifier: MIT
 *
 * A small malloc that is wrong on purpose, to show that the stress programs notice. TOY names the fault:
 *
 *   drop      a live block goes to the free list, so its memory is given to another
 *   twice     the block that was returned last is returned again
 *   misalign  a block starts 8 bytes late
 *   corrupt   a byte of a live block changes
 *   tail      realloc keeps only the first half
 *   dirty     calloc of 512 bytes and more does not clear
 *   usable    malloc_usable_size says 1
 *   null      there is no memory
 *   fork      a child may find the lock held by a thread that it does not have
 *
 * Without TOY it is sound. A fault of malloc happens in one call of 500. Calls of calloc are spared, since
 * the C library keeps its thread structures there; they are under 512 bytes.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define EXPORT __attribute__((visibility("default")))

enum fault {
    FAULT_NONE,
    FAULT_DROP,
    FAULT_TWICE,
    FAULT_MISALIGN,
    FAULT_CORRUPT,
    FAULT_TAIL,
    FAULT_DIRTY,
    FAULT_USABLE,
    FAULT_NULL,
    FAULT_FORK,
    FAULTS
};
static const char *const fault_names[FAULTS] = {"",     "drop",  "twice",  "misalign", "corrupt",
                                                "tail", "dirty", "usable", "null",     "fork"};

enum { POWERS = 48, ALIGNMENT = 16, EVERY = 500, FAULTY_SIZE_MIN = 16, DIRTY_SIZE_MIN = 512 };
static const size_t region_bytes = (size_t)1 << 36;

/* Out of line, one for each place where a block may start: the faults must not break the toy itself. */
struct header {
    char *next;     /* block in the free list */
    uint16_t power; /* of two: the bytes of the memory */
    bool spared;
    uint32_t offset; /* from the start of the memory to the block */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *region, *region_next; /* this and the following under the lock */
static struct header *headers;
static char *free_lists[2][POWERS]; /* the second of spared blocks: faults do not reach them */
static unsigned long calls;
static enum fault fault;
static _Thread_local char *last_block; /* live, as far as this thread knows */
static _Thread_local size_t last_size;

static void *map(size_t bytes) {
    void *memory =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        abort();
    }
    return memory;
}

static void set_up(void) {
    const char *name = getenv("TOY");
    region = map(region_bytes);
    headers = map(region_bytes / ALIGNMENT * sizeof *headers);
    region_next = region;
    for (int i = 1; name != NULL && i < FAULTS; i++) {
        fault = strcmp(name, fault_names[i]) == 0 ? (enum fault)i : fault;
    }
}

static void before_fork(void) {
    pthread_mutex_lock(&lock);
}

static void after_fork(void) {
    pthread_mutex_unlock(&lock);
}

__attribute__((constructor)) static void guard_forks(void) {
    free(malloc(1)); /* reads TOY */
    if (fault != FAULT_FORK && pthread_atfork(before_fork, after_fork, after_fork) != 0) {
        abort();
    }
}

static struct header *header_of(const char *block) {
    return &headers[(block - region) / ALIGNMENT];
}

static size_t room_of(const char *block) {
    return ((size_t)1 << header_of(block)->power) - header_of(block)->offset;
}

static char *take_memory(unsigned power, bool spared) {
    char *freed = free_lists[spared][power];
    if (freed != NULL) {
        free_lists[spared][power] = header_of(freed)->next;
        return freed - header_of(freed)->offset;
    }
    size_t bytes = (size_t)1 << power;
    if (bytes > (size_t)(region + region_bytes - region_next)) {
        return NULL;
    }
    char *memory = region_next;
    region_next += bytes;
    return memory;
}

static void give_back(char *block) {
    struct header *header = header_of(block);
    header->next = free_lists[header->spared][header->power];
    free_lists[header->spared][header->power] = block;
}

static char *take(size_t size, size_t alignment, size_t late, bool spared) {
    if (size > region_bytes || alignment > region_bytes) {
        return NULL;
    }
    unsigned power = 64 - (unsigned)__builtin_clzll(size + alignment + late);
    char *memory = take_memory(power, spared);
    if (memory == NULL) {
        return NULL;
    }
    size_t offset = (-(uintptr_t)memory & (alignment - 1)) + late;
    *header_of(memory + offset) =
        (struct header){.power = (uint16_t)power, .spared = spared, .offset = (uint32_t)offset};
    return memory + offset;
}

static char *take_faulty(size_t size, size_t alignment) {
    if (fault == FAULT_NULL) {
        return NULL;
    }
    if (fault == FAULT_TWICE && last_block != NULL && last_size >= size &&
        (uintptr_t)last_block % alignment == 0) {
        return last_block;
    }
    char *block = take(size, alignment, fault == FAULT_MISALIGN ? 8 : 0, false);
    if (fault == FAULT_DROP && block != NULL) {
        give_back(block);
    }
    if (fault == FAULT_CORRUPT && last_block != NULL) {
        last_block[0] ^= 1;
    }
    return block;
}

static void *allocate(size_t size, size_t alignment, bool spared) {
    pthread_mutex_lock(&lock);
    if (region == NULL) {
        set_up();
    }
    bool faulty = !spared && size >= FAULTY_SIZE_MIN && fault != FAULT_NONE && ++calls % EVERY == 0;
    char *block = faulty ? take_faulty(size, alignment) : take(size, alignment, 0, spared);
    pthread_mutex_unlock(&lock);
    if (!spared && size >= FAULTY_SIZE_MIN) {
        last_block = block;
        last_size = size;
    }
    if (block == NULL) {
        errno = ENOMEM;
    }
    return block;
}

EXPORT void *malloc(size_t size) {
    return allocate(size, ALIGNMENT, false);
}

EXPORT void free(void *ptr) {
    if (ptr == NULL) {
        return;
    }
    last_block = ptr == last_block ? NULL : last_block;
    pthread_mutex_lock(&lock);
    give_back(ptr);
    pthread_mutex_unlock(&lock);
}

EXPORT void *calloc(size_t nmemb, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(nmemb, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    void *block = allocate(bytes, ALIGNMENT, true);
    bool clear = fault != FAULT_DIRTY || bytes < DIRTY_SIZE_MIN;
    return block == NULL || !clear ? block : memset(block, 0, bytes);
}

EXPORT void *realloc(void *ptr, size_t size) {
    if (ptr == NULL) {
        return malloc(size);
    }
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    void *moved = malloc(size);
    if (moved != NULL) {
        size_t kept = room_of(ptr) < size ? room_of(ptr) : size;
        memcpy(moved, ptr, fault == FAULT_TAIL && size >= FAULTY_SIZE_MIN ? kept / 2 : kept);
        free(ptr);
    }
    return moved;
}

EXPORT void *memalign(size_t alignment, size_t size) {
    return allocate(size, alignment > ALIGNMENT ? alignment : ALIGNMENT, false);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size) {
    return memalign(alignment, size);
}

EXPORT int posix_memalign(void **memptr, size_t alignment, size_t size) {
    void *block = memalign(alignment, size);
    if (block == NULL) {
        return ENOMEM;
    }
    *memptr = block;
    return 0;
}

EXPORT size_t malloc_usable_size(void *ptr) {
    return ptr == NULL ? 0 : fault == FAULT_USABLE ? 1 : room_of(ptr);
}
