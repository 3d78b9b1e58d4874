/* SPDX-License-Identifier: MIT
 *
 * The fixed numbers of the allocator. What a user may change at run time is in options.def. */
#ifndef FREEHOLD_TUNING_H
#define FREEHOLD_TUNING_H

#define GRAIN            16u /* bytes: block sizes and the least alignment are multiples of it */
#define UNIT_SHIFT       16u /* a unit is 64 KiB */
#define UNIT             (1ul << UNIT_SHIFT)
#define UNITS            64u            /* of a SuperSlab: the bits of a word */
#define SUPERSLAB        (UNIT * UNITS) /* bytes: 4 MiB */
#define GRANULE          SUPERSLAB      /* bytes: huge blocks are aligned to it and registered for each */
#define CLASS_NONE       0u             /* what the registry says of a unit that is in no slab */
#define CLASSES          73u            /* size classes, 16 B to SMALL_MAX, from 1 on */
#define SMALL_MAX        32768u         /* bytes: the largest size class */
#define TINY_MAX         1024u          /* bytes: sizes up to it find their class in thread-local storage */
#define LARGE_MAX        (2ul << 20)    /* bytes: above it a block has a mapping of its own */
#define SLAB_BLOCKS      8u             /* blocks that a slab holds at least */
#define COLOR_MAX        1024u          /* bytes: slabs of larger blocks all start at the unit's start */
#define COLOR_STEP       64u            /* bytes between the starts of two slabs */
#define CARVE            4096u          /* bytes: carved at once, at most */
#define CARVE_BLOCKS     16u            /* blocks: carved at first from a new slab */
#define PURGE_AT_ONCE    (32ul << 20)   /* bytes: purged by one slow path, about */
#define OUTBOX_SLOTS     64u /* slabs in an outbox: the bits of outbox_used, and the units of a SuperSlab */
#define OUTBOX_BATCH     32u /* blocks of a full batch */
#define OUTBOX_BYTES     16384u /* bytes: likewise, of larger blocks */
#define ADDRESS_BITS     48u    /* of a user's pointer */
#define LEAF_BITS        16u    /* of the registry: a leaf covers 4 GiB by unit */
#define ROOT_BITS        (ADDRESS_BITS - UNIT_SHIFT - LEAF_BITS)
#define SLOTS_CHUNK      1024u /* slots of the SuperSlab table that are mapped at once */
#define SLOTS_CHUNKS     1024u /* so that the table reaches 4 TiB */
#define HUGE_PAGES_SWELL 8u    /* what huge pages waste is one part in so many of the process at most */
#define FRESH_FREES      4u    /* frees of a thread that never allocated, before it gets an arena */

/* The pass of key destructors that ends an arena; see thread_exit. A sanitizer needs the last for itself. */
#ifdef FREEHOLD_SANITIZED
#define EXIT_PASS 2u
#else
#define EXIT_PASS 3u
#endif

#endif
