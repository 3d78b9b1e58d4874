/* SPDX-License-Identifier: MIT
 *
 * One slab, and what lib/remote/queue.c, lib/remote/outbox.c, lib/arena/orphans.c and lib/arena/slabs.c do
 * to it, under the names of the code. A set of blocks is a set of bits. A model defines before it includes
 * this file
 *   touch                  any access to the slab's descriptor
 *   rcu_enter, rcu_leave   a read section of the thread
 *   units_give             what becomes of the units of an empty slab
 * and STORE_BUFFERS if stores are to become visible late, COARSE if an edit and what is done under a lock are
 * one step, as release.pml shows that they may be; FINE if an edit is one step for each store, and slabs of
 * frozen arenas are thawed. It includes inbox.pml afterwards. A process has `me`, its
 * arena, and REGISTERS. Each step has one access to what threads share.
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
    bool claimed;                                                                                            \
    bool won;   /* the slab was claimed or drained on the way, and is to be settled */                       \
    bool called /* the slab was posted when it was let go: the inbox is to be swept */

byte owner = X;
byte queue;         /* blocks pushed and not drained */
byte live = ALL;    /* blocks that the program holds */
byte free_list;     /* owner only, as used is */
byte used = 2;      /* blocks that are not on the free list */
byte editor = NONE; /* who is in the middle of an edit of free_list and used */
bool in_orphans;
bool orphans_lock;
bool posted;
bool linked[ARENAS]; /* the inboxes: as there is one slab, each is a bit */
byte state[ARENAS];  /* RUNNING */

#define IS_LINKED (linked[X] || linked[Y] || linked[P] || linked[Q])

/* A processor may keep a store to itself until a fence, and go on to later loads. On x86 an atomic
 * read-modify-write is a fence; on aarch64 its store may wait like any other, though no other such operation
 * on the same word comes between its load and its store: nobody else can claim the slab meanwhile. One entry
 * of each kind for an arena is enough: no function has two under way. */
#ifdef STORE_BUFFERS
#define EMPTY 255
byte owner_buffer[ARENAS] = EMPTY;
byte push_buffer[ARENAS];
byte link_buffer[ARENAS];

#define fence() (owner_buffer[me] == EMPTY && push_buffer[me] == 0 && link_buffer[me] == NONE)
#define owner_store(value) owner_buffer[me] = value
#define queue_store(blocks) push_buffer[me] = blocks
#define link_store(arena) link_buffer[me] = arena
#define IS_BEING_CLAIMED                                                                                     \
    (owner_buffer[X] == X || owner_buffer[Y] == Y || owner_buffer[P] == P || owner_buffer[Q] == Q)
#define BECOMES_VISIBLE(who)                                                                                 \
    d_step { owner_buffer[who] != EMPTY -> owner = owner_buffer[who]; owner_buffer[who] = EMPTY }            \
    :: d_step { push_buffer[who] != 0 -> queue = queue | push_buffer[who]; push_buffer[who] = 0 }            \
    :: d_step { link_buffer[who] != NONE -> linked[link_buffer[who]] = true; link_buffer[who] = NONE }

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
#define fence() true
#define owner_store(value) owner = value
#define queue_store(blocks) queue = queue | (blocks)
#define link_store(arena) linked[arena] = true
#define IS_BEING_CLAIMED false
#endif

inline mutex_lock(mutex) {
    atomic { !mutex -> mutex = true }
}

inline mutex_unlock(mutex) {
    atomic { fence() -> mutex = false }
}

#ifdef COARSE
#define step atomic
#else
#define step
#endif

inline edit_begin() {
    d_step {
        assert(editor == NONE);
        editor = me
    }
}

inline edit_end() {
    d_step {
        assert(editor == me);
        editor = NONE
    }
}

/* The two stores of an edit, in any order: the compiler may choose. */
#ifdef FINE
#define EDIT(one, other)                                                                                     \
    if                                                                                                       \
    :: one;                                                                                                  \
        other                                                                                                \
    :: other;                                                                                                \
        one                                                                                                  \
    fi
#else
#define EDIT(one, other) d_step { one; other }
#endif

#ifdef COUNT_AT_PUSH
#define COUNT_AT_ADD(blocks) 0
#else
#define COUNT_AT_ADD(blocks) COUNT(blocks)
#endif

inline free_list_add(blocks) {
    edit_begin();
    assert((free_list & (blocks)) == 0);
    EDIT(free_list = free_list | (blocks), used = used - COUNT_AT_ADD(blocks));
    edit_end()
}

inline slab_claim() {
    d_step {
        touch();
        claimed = owner == NONE && !IS_BEING_CLAIMED;
        if
        :: claimed -> owner_store(me)
        :: else
        fi
    }
#ifndef CLAIM_WITHOUT_FENCE
    fence() /* partner: the fence in outbox_push */
#endif
}

inline queue_push_mp(blocks) {
    d_step {
        touch();
        assert((queue & (blocks)) == 0 && (free_list & (blocks)) == 0);
        queue_store(blocks)
    }
}

inline queue_drain_owned() {
    step {
        d_step { /* batch_pop */
            touch();
            batch = queue;
            queue = 0
        }
        free_list_add(batch);
        batch = 0
    }
}

/* A full slab is in no list: it is of use to nobody until a block is freed into it, by somebody who will
 * claim it. */
inline orphans_put() {
    if
    :: free_list != 0 && !in_orphans ->
        mutex_lock(orphans_lock);
        in_orphans = true;
        mutex_unlock(orphans_lock)
    :: else
    fi
}

inline orphans_remove() {
    if
    :: in_orphans ->
        mutex_lock(orphans_lock);
        in_orphans = false;
        mutex_unlock(orphans_lock)
    :: else
    fi
}

/* One that cannot be claimed is still its releaser's, or somebody's who has blocks for it, or who waits for
 * the lock to take it out. */
inline orphans_claim() {
    step {
        mutex_lock(orphans_lock);
        if
        :: in_orphans -> slab_claim()
        :: else
        fi;
        if
        :: claimed -> in_orphans = false
        :: else
        fi;
        mutex_unlock(orphans_lock)
    }
}

/* From owner = FREE on, the units alone pin the descriptor. */
inline give_up() {
    d_step {
        touch();
        assert(queue == 0 && live == 0 && free_list == ALL);
        owner_store(FREE)
    }
#ifdef GIVE_BEFORE_LOOK
    units_give();
#endif
#ifndef GIVE_UP_WITHOUT_FENCE
    fence(); /* partner: the fence in post */
#endif
#ifndef GIVE_UP_WITHOUT_CALL
    posted_look();
#endif
#ifndef GIVE_BEFORE_LOOK
    units_give()
#endif
}

/* The section is for the look at posted: as soon as owner is NONE, another may claim the slab and give it up.
 * In the code several slabs share a section and its fence. The queue need not be looked at: who has pushed
 * and taken us for the owner posts the slab, and looks at owner again. */
inline release_all() {
#ifndef RELEASE_OUTSIDE
    rcu_enter();
#endif
    d_step {
        touch();
        owner_store(NONE)
    }
#ifndef RELEASE_WITHOUT_FENCE
    fence(); /* partner: the fence in post */
#endif
#ifndef RELEASE_WITHOUT_CALL
    posted_look();
#endif
#ifndef RELEASE_OUTSIDE
    rcu_leave()
#endif
}

/* An empty slab is given up, and every other released. The drain is there to have few empty ones among the
 * released. */
inline let_go() {
    queue_drain_owned();
    if
    :: step { used == 0 -> orphans_remove() };
        give_up()
    :: step { used != 0 -> orphans_put() };
        release_all()
    fi
}

/* What was claimed or drained on the way is let go, or kept. */
inline settle_claimed() {
    if
    :: let_go()
    :: step { orphans_remove() }
    fi
}

/* Until nothing is left to settle, and no post may have come for a slab that was let go. */
inline slabs_receive() {
    do
    :: won ->
        won = false;
        settle_claimed()
    :: !won && called ->
        called = false;
        inbox_sweep()
    :: !won && !called -> break
    od
}

inline adopt() {
    orphans_claim();
    if
    :: claimed ->
        queue_drain_owned();
        claimed = false;
        won = used == 0
    :: else
    fi;
    slabs_receive()
}

/* The first half of inbox_notify: claims the slab if it has no owner and drains it if it is ours. Sets
 * target to the arena to post it to, or to NONE: then the units are free, or another has claimed it, who
 * drains it. */
inline inbox_look() {
    d_step {
        touch();
        seen = owner;
        target = (IS_ARENA(seen) && seen != me && state[seen] != FROZEN -> seen : NONE)
    }
    if
#ifdef FINE
    :: IS_ARENA(seen) && state[seen] == FROZEN -> slab_thaw()
#endif
#ifdef DRAIN_WITHOUT_CLAIM
    :: seen == NONE -> queue_drain_owned()
#else
    :: seen == NONE -> slab_claim()
#endif
    :: else
    fi;
    if
    :: claimed || seen == me ->
        queue_drain_owned();
        claimed = false;
        won = true
    :: else
    fi;
    seen = NONE
}

/* A slab without owner is claimed at once, and the blocks, which pin it until then, need no queue. */
inline outbox_push(blocks) {
    if
    :: atomic { owner == NONE -> touch() };
        slab_claim()
    :: atomic { owner != NONE -> touch() }
    fi;
    if
    :: claimed ->
        step { free_list_add(blocks) };
        queue_drain_owned();
        claimed = false;
        won = true
    :: else ->
        rcu_enter();
#ifdef COUNT_AT_PUSH
        used = used - COUNT(blocks);
#endif
        queue_push_mp(blocks);
#ifdef LOOK_OUTSIDE
        rcu_leave();
#endif
#ifndef PUSH_WITHOUT_FENCE
        fence(); /* partner: the fence in slab_claim */
#endif
        inbox_notify();
#ifndef LOOK_OUTSIDE
        rcu_leave()
#endif
    fi;
    slabs_receive()
}

/* The program passes a block to the thread that frees it. */
inline block_take(block) {
    d_step { (live & (block)) -> live = live & ~(block) }
}

/* Every block is in one place, and the counter agrees: nothing lost, nothing twice. */
#define blocks_are_conserved()                                                                               \
    assert((live | queue | free_list) == ALL && COUNT(live) + COUNT(queue) + COUNT(free_list) == COUNT(ALL));\
    assert(used == COUNT(live | queue));                                                                     \
    assert(in_orphans == (owner == NONE && free_list != 0))

/* When all threads sleep, none of which is to be counted on: what is pushed has an owner and is posted, and
 * what is posted is in its owner's inbox. */
#define no_wake_up_is_lost()                                                                                 \
    assert(queue == 0 || IS_ARENA(owner) && posted);                                                         \
    assert(posted == IS_LINKED);                                                                             \
    assert(!posted || IS_ARENA(owner) && linked[owner])
