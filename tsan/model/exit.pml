/* SPDX-License-Identifier: MIT
 *
 * Posts against arenas that exit, and against arenas and descriptors that are used again: X exits while P and
 * Q push to its slab and Y looks for a slab, adopts this one or makes a new one of the same descriptor; a
 * later thread has the arena X again. At the end all threads sleep.
 */
#define COARSE
#define touch() skip
#define rcu_enter() skip
#define rcu_leave() skip
#define units_give() units_are_free = true

bool units_are_free;

#include "slab.pml"
#include "inbox.pml"

bool x_is_free; /* arena X waits to be recycled */

/* A new slab in the same descriptor. posted and the link stay: a late pusher may have posted the slab. */
inline slab_make() {
    if
    :: atomic { units_are_free -> units_are_free = false } ->
        d_step {
            assert(queue == 0 && used == 0 && editor == NONE);
#ifdef RESET_POSTED
            posted = false;
#endif
            free_list = ALL & ~1;
            used = 1
        };
        d_step {
            owner_store(me);
            live = 1
        }
    :: else
    fi
}

active proctype first_thread() {
    REGISTERS;
    byte me = X;
    slabs_release_all();
    x_is_free = true
}

active proctype later_thread() {
    REGISTERS;
    byte me = X;
    x_is_free;
    state[X] = RUNNING;
    inbox_sweep();
    slabs_receive();
    adopt()
}

active proctype adopter() {
    REGISTERS;
    byte me = Y;
    adopt();
    slab_make();
    if
    :: slabs_release_all()
    :: true
    fi
}

proctype pusher(byte me; byte block) {
    REGISTERS;
    block_take(block);
    outbox_push(block);
    if
    :: block == 2
    :: block == 1 ->
end:
        block_take(1); /* of the new slab */
        outbox_push(1)
    fi
}

init {
    atomic {
        run pusher(P, 1);
        run pusher(Q, 2)
    }
    timeout;
    blocks_are_conserved();
    assert(!IS_ARENA(owner) || state[owner] == RUNNING);
    no_wake_up_is_lost()
}
