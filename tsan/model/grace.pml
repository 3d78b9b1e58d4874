/* SPDX-License-Identifier: MIT
 *
 * Grace periods against late readers: a SuperSlab whose only slab is emptied by X, Y or P, while P and Q,
 * who have just pushed its last blocks, X, who has just released it, and Y, who walks the registry, still
 * look at its descriptor. Q is the late arena. How a grace period comes about is shown by period.pml.
 */
#define COARSE
#define touch() assert(!is_freed)
#define units_give() units_are_free = true

bool units_are_free;
bool is_freed; /* its granule, for a huge block to take, and its descriptor recycled */

#include "slab.pml"
#include "inbox.pml"

#define NOWHERE 0
#define LEAVING 1
#define LEFT 2

bool is_registered = true;
byte limbo = NOWHERE; /* the list that the SuperSlab is on */

byte inside;  /* the threads in a read section, a set of bits */
byte awaited; /* those that the grace period waits for */

inline rcu_enter() {
    inside = inside | 1 << me
}

inline rcu_leave() {
    d_step {
        inside = inside & ~(1 << me);
        awaited = awaited & ~(1 << me)
    }
}

inline rcu_wait() {
    awaited = inside;
    awaited == 0
}

inline superslab_retire() {
#ifndef FREE_BEFORE_UNREGISTER
    is_registered = false;
#endif
    limbo = LEAVING
}

inline limbo_empty() {
    taken = limbo;
#ifndef SKIP_GRACE_PERIOD
    rcu_wait();
#endif
    if
    :: taken == LEAVING ->
        touch();
#ifdef FREE_WHILE_POSTED
        limbo = LEFT
#else
        if
        :: !posted -> limbo = LEFT
        :: else /* its descriptor is linked in an inbox */
        fi
#endif
    :: else
    fi;
#ifdef ONE_GRACE_PERIOD
    taken = limbo;
#endif
    if
    :: taken == LEFT ->
        is_freed = true;
        is_registered = false
    :: else
    fi
}

/* fh_check and the statistics. */
inline registry_walk() {
    rcu_enter();
    if
    :: is_registered ->
        touch();
        touch()
    :: else
    fi;
    rcu_leave()
}

active proctype walker_or_adopter() {
    REGISTERS;
    byte me = Y;
    if
    :: registry_walk()
    :: adopt();
        inbox_sweep();
        slabs_receive()
    fi
}

active proctype housekeeper() {
    byte me = NONE;
    byte taken, rounds;
end:
    units_are_free;
    superslab_retire();
    do
    :: rounds < 3 && !is_freed ->
        limbo_empty();
        rounds++
    :: rounds == 3 || is_freed -> break
    od
}

active proctype releaser() {
    REGISTERS;
    byte me = X;
    if
    :: slabs_release_all()
    :: inbox_sweep();
        slabs_receive();
        inbox_sweep();
        slabs_receive()
    fi
}

active proctype pusher() {
    REGISTERS;
    byte me = P;
    block_take(1);
    outbox_push(1);
    inbox_sweep();
    slabs_receive()
}

active proctype late_pusher() {
    REGISTERS;
    byte me = Q;
    block_take(2);
    outbox_push(2)
}
