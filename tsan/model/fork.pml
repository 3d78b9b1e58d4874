/* SPDX-License-Identifier: MIT
 *
 * Fork: thread P forks while X, whose thread will not exist in the child, pushes, sweeps, lets go of the slab
 * or exits. From then on the model is the child: X stands still where it was, perhaps in the middle of an
 * edit, and P goes on. The slab belongs to X or to P, and may have been left in X's inbox by a late pusher.
 */
#define touch() skip
#define rcu_enter() skip
#define rcu_leave() skip
#define units_give() skip
#include "slab.pml"
#include "inbox.pml"

bool is_ready;
bool is_child;

/* What a thread that is gone had begun to say is said again: an inbox that nobody sweeps, or a post that was
 * cut short, would keep a slab posted for ever; a slab that was let go would keep a queue that was not looked
 * at. */
inline fork_child() {
    state[X] = FROZEN;
#ifndef FORGET_POSTS
    linked[X] = false;
    linked[P] = false;
#endif
    mutex_unlock(orphans_lock);
#ifndef FORGET_POSTS
    posted = false; /* inbox_after_fork */
#ifndef FORGET_QUEUES
    if
    :: queue != 0 -> inbox_notify()
    :: else
    fi;
#endif
#endif
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
        :: slabs_release_all()
        fi
    }
    unless { is_child }
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
    if
    :: adopt()
    :: block_take(2);
        outbox_push(2)
    :: true
    fi;
    assert(queue == 0 || owner == X || owner == P && posted);
    assert(posted == IS_LINKED);
    assert(!posted || IS_ARENA(owner) && linked[owner])
}
