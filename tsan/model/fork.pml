/* SPDX-License-Identifier: MIT
 *
 * Fork: thread P forks while X, whose thread will not exist in the child, pushes, sweeps, takes blocks, lets go
 * of the slab or exits. From then on the model is the child: X stands still where it was, perhaps between two
 * stores of an edit, and P goes on, with a new thread Y. The slab belongs to X or to P, and may have been left
 * in X's inbox by a late pusher.
 */
#define touch() skip
#define rcu_enter() skip
#define rcu_leave() skip
#define units_give() skip
#define FINE
#include "slab.pml"

/* The owner of what was in the middle of an edit: nobody, for ever. */
#define LOST Q

/* Claims a slab of a thread that is gone. Between two stores of an edit the free list and the counter do not
 * agree: only then the slab is lost. */
inline slab_is_whole() {
#ifdef THAW_UNCHECKED
    claimed = true
#else
    claimed = used == COUNT(ALL) - COUNT(free_list)
#endif
}

inline slab_thaw() {
    batch = owner;
#ifdef CHECK_BEFORE_CLAIM
    slab_is_whole();
#else
    claimed = true;
#endif
    d_step {
        claimed = claimed && IS_ARENA(batch) && batch != LOST && state[batch] == FROZEN && owner == batch;
        if
        :: claimed -> owner = me
        :: else
        fi;
        batch = NONE
    }
    if
    :: claimed ->
#ifndef CHECK_BEFORE_CLAIM
        slab_is_whole();
#endif
        d_step {
            editor = (claimed -> NONE : editor);
            owner = (claimed -> owner : LOST);
            called = called || !claimed
        }
    :: else
    fi
}
#include "inbox.pml"

bool is_ready;
bool is_child;

/* All that is free, for the program. */
inline slab_take() {
    edit_begin();
    batch = free_list;
    EDIT(free_list = 0, used = COUNT(ALL));
    edit_end();
    d_step {
        live = live | batch;
        batch = 0
    }
}

/* A slab that P owns, or is to settle. */
inline post_own() {
    d_step {
        if
        :: owner == me && queue != 0 ->
            posted = true;
            linked[me] = true
        :: else
        fi
    }
}

/* What a thread that is gone had begun to say is said again: an inbox that nobody sweeps, or a post that was
 * cut short, would keep a slab posted for ever. All that was posted before is so no longer, as the mark of a
 * post changes. */
inline fork_child() {
    state[X] = FROZEN;
    state[LOST] = FROZEN;
#ifndef FORGET_POSTS
    linked[X] = false;
    linked[P] = false;
    posted = false;
#endif
    mutex_unlock(orphans_lock);
#ifndef FORGET_QUEUES
    post_own();
#endif
    skip
}

/* Looks at one more slab, at leisure: X may have let go of it and not looked at its queue, or have owned it. */
inline thaw_some() {
    if
    :: IS_ARENA(owner) && state[owner] == FROZEN ->
        slab_thaw();
        if
        :: claimed ->
            queue_drain_owned();
            claimed = false;
            won = true
        :: else
        fi
#ifndef FORGET_QUEUES
    :: owner == NONE && queue != 0 -> inbox_notify()
#endif
    :: else
    fi;
    slabs_receive()
}

active proctype vanishing() {
    REGISTERS;
    byte me = X;
    is_ready;
    {
        if
        :: block_take(1);
            outbox_push(1)
        :: true
        fi;
        if
        :: inbox_sweep();
            slabs_receive()
        :: owner == me ->
            let_go();
            slabs_receive()
        :: owner == me && free_list != 0 -> slab_take()
        :: slabs_release_all()
        fi
    }
    unless { is_child }
}

byte ended;

inline live_on() {
    if
    :: adopt()
    :: block_take(2);
        outbox_push(2)
    :: thaw_some()
    :: true
    fi;
    inbox_sweep();
    slabs_receive();
    ended++
}

proctype young() {
    REGISTERS;
    byte me = Y;
    live_on()
}

active proctype forking() {
    REGISTERS;
    byte me = P;
    if
    :: owner = P
    :: true
    fi;
    if
    :: posted = true;
        linked[X] = true
    :: true
    fi;
    is_ready = true;
    mutex_lock(orphans_lock); /* fork_prepare */
    is_child = true;
    fork_child();
    run young();
    live_on();
    ended == 2;
    thaw_some();
    /* A block may be lost with its slab, or with what X was about; it is nowhere twice. */
    assert((free_list & live) == 0 && (queue & live) == 0 && (queue & free_list) == 0);
    assert(owner == LOST || used == COUNT(ALL) - COUNT(free_list));
    assert(owner != X);
    assert(queue == 0 || owner == LOST || IS_ARENA(owner) && posted);
    assert(posted == IS_LINKED);
    assert(!posted || IS_ARENA(owner) && linked[owner])
}
