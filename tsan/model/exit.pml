/* SPDX-License-Identifier: MIT
 *
 * Posts against arena exit and reuse: X exits while P and Q push to its slab and Y looks for a slab, adopts
 * this one or makes a new one of the same descriptor; a later thread reuses X. At the end nothing may be
 * pushed that no running arena will come across in its inbox.
 */
#define touch() skip
#define rcu_enter() skip
#define rcu_leave() skip
#define units_give() units_are_free = true
#include "slab.pml"
#include "inbox.pml"

bool units_are_free;
bool x_is_free; /* arena X waits to be recycled */

/* A new slab in the same descriptor. posted and the link stay: a late pusher may have posted the slab. */
inline slab_make() {
    if
    :: d_step { units_are_free -> units_are_free = false } ->
        edit_begin();
        assert(queue == 0 && used == 0);
#ifdef RESET_POSTED
        posted = false;
#endif
        free_list = ALL & ~1;
        used = 1;
        edit_end();
        owner_store(me);
        live = 1
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
    adopt()
}

active proctype adopter() {
    REGISTERS;
    byte me = Y;
    inbox_sweep();
    slabs_arrange_won();
    adopt();
    slab_make();
    if
    :: slabs_release_all()
    :: skip
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
    assert(queue == 0 || IS_ARENA(owner) && posted);
    assert(posted == IS_LINKED);
    assert(!(linked[X] && state[X] == EXITED || linked[Y] && state[Y] == EXITED))
}
