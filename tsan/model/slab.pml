/* SPDX-License-Identifier: MIT
 *
 * One slab, and what lib/remote/queue.c, lib/remote/outbox.c, lib/arena/orphans.c and lib/arena/slabs.c do
 * to it, under the names of the code. A set of blocks is a set of bits. A model defines before it includes
 * this file
 *   touch                  any access to the slab's descriptor
 *   rcu_enter, rcu_leave   a read section of the thread
 *   units_give             what becomes of the units of an empty slab
 * and STORE_BUFFERS if stores are to become visible late; and inbox_notify, or it includes inbox.pml. A
 * process has `me`, its arena, and REGISTERS.
 */
#define NONE 0
#define X 1 /* the arena that owns the slab at first */
#define Y 2
#define P 3
#define Q 4
#define ARENAS 5
#define FREE 9
#define IS_ARENA(who) ((who) != NONE && (who) != FREE)

/* States of an arena. */
#define RUNNING 0
#define EXITED 1
#define FROZEN 2

#define ALL 3 /* the blocks of the slab */
#define COUNT(blocks) (((blocks) & 1) + ((blocks) >> 1))

#define REGISTERS                                                                                            \
    byte seen, target, batch;                                                                                \
    bool claimed, won

byte owner = X;
byte queue;         /* blocks pushed and not drained */
byte live = ALL;    /* blocks that the program holds */
byte free_list;     /* owner only, as used is */
byte used = 2;      /* blocks that are not on the free list */
byte editor = NONE; /* who is in the middle of an edit of free_list and used */
bool in_orphans;
bool orphans_lock;
byte state[ARENAS]; /* RUNNING */

/* A processor may keep a store to itself until a fence or an atomic read-modify-write. One entry for each
 * arena is enough: no function has two of these stores under way. The push is a CAS; on aarch64 a later load
 * may overtake it, which is the same as a push that waits in the buffer. */
#ifdef STORE_BUFFERS
#define EMPTY 255
byte owner_buffer[ARENAS] = EMPTY;
byte push_buffer[ARENAS];

#define fence() (owner_buffer[me] == EMPTY && push_buffer[me] == 0)
#define owner_store(value) owner_buffer[me] = value
#define queue_store(blocks) push_buffer[me] = blocks
#define BECOMES_VISIBLE(who)                                                                                 \
    d_step { owner_buffer[who] != EMPTY -> owner = owner_buffer[who]; owner_buffer[who] = EMPTY }            \
    :: d_step { push_buffer[who] != 0 -> queue = queue | push_buffer[who]; push_buffer[who] = 0 }

active proctype memory() {
end:
    do
    :: BECOMES_VISIBLE(X)
    :: BECOMES_VISIBLE(Y)
    :: BECOMES_VISIBLE(P)
    :: BECOMES_VISIBLE(Q)
    od
}
#else
#define fence() skip
#define owner_store(value) owner = value
#define queue_store(blocks) queue = queue | (blocks)
#endif

inline mutex_lock(mutex) {
    fence();
    atomic { !mutex -> mutex = true }
}

inline mutex_unlock(mutex) {
    mutex = false
}

inline edit_begin() {
    assert(editor == NONE);
    editor = me
}

inline edit_end() {
    assert(editor == me);
    editor = NONE
}

inline slab_claim() {
    fence();
    touch();
    d_step {
#ifdef ADOPT_FROZEN
        claimed = owner == NONE || IS_ARENA(owner) && state[owner] == FROZEN;
#else
        claimed = owner == NONE;
#endif
        if
        :: claimed -> owner = me
        :: else
        fi
    }
}

inline queue_push_mp(blocks) {
    touch();
    assert((queue & (blocks)) == 0 && (free_list & (blocks)) == 0);
    queue_store(blocks)
}

inline queue_drain_owned() {
    touch();
    d_step { /* batch_pop */
        batch = queue;
        queue = 0
    }
    edit_begin();
    assert((free_list & batch) == 0);
    free_list = free_list | batch;
#ifndef COUNT_AT_PUSH
    used = used - COUNT(batch);
#endif
    batch = 0;
    edit_end()
}

inline orphans_add() {
    mutex_lock(orphans_lock);
    assert(!in_orphans);
    in_orphans = true;
    mutex_unlock(orphans_lock)
}

inline orphans_remove() {
    mutex_lock(orphans_lock);
    assert(in_orphans);
    in_orphans = false;
    mutex_unlock(orphans_lock)
}

/* One that cannot be claimed is still its releaser's, or somebody's who waits for the lock to take it out. */
inline orphans_claim() {
    mutex_lock(orphans_lock);
    if
#ifdef ADOPT_FROZEN
    :: in_orphans || IS_ARENA(owner) && state[owner] == FROZEN -> slab_claim()
#else
    :: in_orphans -> slab_claim()
#endif
    :: else
    fi;
    if
    :: claimed -> in_orphans = false
    :: else
    fi;
    mutex_unlock(orphans_lock)
}

inline slab_give_up() {
    touch();
    assert(queue == 0 && live == 0 && free_list == ALL);
    owner_store(FREE);
    fence();
    units_give()
}

inline slab_give_up_if_empty() {
    if
    :: used == 0 -> slab_give_up()
    :: else
    fi
}

inline adopt() {
    orphans_claim();
    if
    :: claimed ->
        claimed = false;
        queue_drain_owned();
        slab_give_up_if_empty()
    :: else
    fi
}

/* Of the slab that was claimed or drained on the way. */
inline slabs_arrange_won() {
    if
    :: won ->
        won = false;
        touch();
        if
        :: in_orphans -> orphans_remove()
        :: else
        fi;
        slab_give_up_if_empty()
    :: else
    fi
}

/* The first half of inbox_notify: claims the slab if it has no owner and drains it if it is ours. Sets
 * target to the arena to post it to, or to NONE: then the units are free, or another has claimed it, who
 * drains it. */
inline inbox_look() {
    touch();
    seen = owner;
    if
#ifdef DRAIN_WITHOUT_CLAIM
    :: seen == NONE -> queue_drain_owned()
#else
    :: seen == NONE -> slab_claim()
#endif
    :: else
    fi;
    target = NONE;
    if
    :: claimed || seen == me ->
        claimed = false;
        queue_drain_owned();
        won = true
    :: !(claimed || seen == me) && IS_ARENA(seen) -> target = seen
    :: else
    fi;
    seen = NONE
}

inline outbox_push(blocks) {
    rcu_enter();
#ifdef COUNT_AT_PUSH
    used = used - COUNT(blocks);
#endif
    queue_push_mp(blocks);
#ifdef LOOK_OUTSIDE
    rcu_leave();
#endif
#ifndef PUSH_WITHOUT_FENCE
    fence(); /* partner: the fence in release */
#endif
    inbox_notify();
#ifndef LOOK_OUTSIDE
    rcu_leave();
#endif
    slabs_arrange_won()
}

/* The section is for the look at the queue: as soon as owner is NONE, another may claim the slab and give it
 * up. */
inline release() {
    do
    :: queue_drain_owned();
        if
        :: used == 0 ->
            slab_give_up();
            break
        :: else
        fi;
        orphans_add();
#ifndef RELEASE_OUTSIDE
        rcu_enter();
#endif
        touch();
        owner_store(NONE);
#ifndef RELEASE_WITHOUT_LOOK
#ifndef RELEASE_WITHOUT_FENCE
        fence(); /* partner: the fence in outbox_push */
#endif
        touch();
        if
        :: queue != 0 -> slab_claim()
        :: else
        fi;
#endif
#ifndef RELEASE_OUTSIDE
        rcu_leave();
#endif
        if
        :: !claimed -> break
        :: claimed ->
            claimed = false;
            orphans_remove()
        fi
    od
}

/* The program passes a block to the thread that frees it. */
inline block_take(block) {
    d_step { (live & (block)) -> live = live & ~(block) }
}

/* Every block is in one place, and the counter agrees: nothing lost, nothing twice. */
#define blocks_are_conserved()                                                                               \
    assert((live | queue | free_list) == ALL && COUNT(live) + COUNT(queue) + COUNT(free_list) == COUNT(ALL));\
    assert(used == COUNT(live | queue));                                                                     \
    assert(in_orphans == (owner == NONE))
