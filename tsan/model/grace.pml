/* SPDX-License-Identifier: MIT
 *
 * Grace periods against late readers: a SuperSlab whose only slab is emptied by X, Y or P, while P and Q,
 * who have just pushed its last blocks, X, who has just released it, and Y, who walks the registry, still
 * look at its descriptor. Q is the late arena: late_lock is its read section.
 */
#define touch() assert(!is_unmapped)
#define units_give() units_are_free = true
#include "slab.pml"
#include "inbox.pml"

#define NOWHERE 0
#define LEAVING 1
#define LEFT 2

bool units_are_free;
bool is_registered = true;
byte limbo = NOWHERE; /* the list that the SuperSlab is on */
bool is_unmapped;     /* and its descriptor recycled */

byte inside;  /* the threads in a read section, a set of bits */
byte awaited; /* those that the grace period waits for */
bool late_lock;

inline rcu_enter() {
    if
    :: me == Q -> mutex_lock(late_lock)
    :: me != Q -> inside = inside | 1 << me
    fi
}

inline rcu_leave() {
    if
    :: me == Q -> mutex_unlock(late_lock)
    :: me != Q ->
        d_step {
            inside = inside & ~(1 << me);
            awaited = awaited & ~(1 << me)
        }
    fi
}

inline rcu_wait() {
    awaited = inside;
    awaited == 0;
#ifndef SKIP_LATE_LOCK
    mutex_lock(late_lock);
    mutex_unlock(late_lock)
#endif
}

inline superslab_retire() {
#ifndef UNMAP_BEFORE_UNREGISTER
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
#ifdef UNMAP_WHILE_POSTED
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
        is_unmapped = true;
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
        slabs_arrange_won()
    fi
}

active proctype housekeeper() {
    byte me = NONE;
    byte taken, rounds;
end:
    units_are_free;
    superslab_retire();
    do
    :: rounds < 3 && !is_unmapped ->
        limbo_empty();
        rounds++
    :: rounds == 3 || is_unmapped -> break
    od
}

active proctype releaser() {
    REGISTERS;
    byte me = X;
    if
    :: slabs_release_all()
    :: inbox_sweep();
        slabs_arrange_won();
        inbox_sweep();
        slabs_arrange_won()
    fi
}

active proctype pusher() {
    REGISTERS;
    byte me = P;
    block_take(1);
    outbox_push(1);
    inbox_sweep();
    slabs_arrange_won()
}

active proctype late_pusher() {
    REGISTERS;
    byte me = Q;
    block_take(2);
    outbox_push(2)
}
