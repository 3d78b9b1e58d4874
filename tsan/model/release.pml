/* SPDX-License-Identifier: MIT
 *
 * Push and post against owners that let go: X lets go of its slab, P and Q push the last two blocks to it, Y
 * looks for a slab to adopt and hands out a block of it, which is pushed again; whoever has come to own the
 * slab keeps it, or lets go of it too. Stores become visible late, so that the fences matter. At the end all
 * threads sleep.
 */
#define STORE_BUFFERS
#define touch() skip
#define rcu_enter() skip
#define rcu_leave() skip
#define units_give() skip
#include "slab.pml"
#include "inbox.pml"

inline slab_take(block) {
    if
    :: free_list & (block) ->
        edit_begin();
        d_step {
            free_list = free_list & ~(block);
            used++
        }
        edit_end();
        live = live | (block)
    :: else
    fi
}

active proctype releaser() {
    REGISTERS;
    byte me = X;
    inbox_sweep();
    slabs_receive();
    if
    :: owner == me -> let_go()
    :: else
    fi;
    slabs_receive()
}

active proctype adopter() {
    REGISTERS;
    byte me = Y;
    adopt();
    if
    :: owner == me -> slab_take(1)
    :: else
    fi;
    if
    :: owner == me -> let_go()
    :: true
    fi;
    slabs_receive()
}

proctype pusher(byte me; byte block) {
    REGISTERS;
    block_take(block);
    outbox_push(block);
    if
    :: block == 1 ->
end:
        block_take(1); /* again */
        outbox_push(1)
    :: else
    fi
}

init {
    atomic {
        run pusher(P, 1);
        run pusher(Q, 2)
    }
    timeout;
    blocks_are_conserved();
    no_wake_up_is_lost()
}
