/* SPDX-License-Identifier: MIT
 *
 * Claim and release against push: X exits and releases its slab, P and Q push the last two blocks to it, Y
 * looks for a slab to adopt; whoever has come to own the slab may exit too. Stores become visible late, so
 * that the fences matter. That an owner hears of a post is taken for granted here, see exit.pml.
 */
#define STORE_BUFFERS
#define touch() skip
#define rcu_enter() skip
#define rcu_leave() skip
#define units_give() skip
#include "slab.pml"

bool posted_to[ARENAS];

inline inbox_notify() {
    inbox_look();
    if
    :: target != NONE ->
        fence();
        posted_to[target] = true
    :: else
    fi;
    target = NONE
}

inline slabs_release_all() {
    state[me] = EXITED;
    if
    :: owner == me -> release()
    :: else
    fi
}

inline may_exit() {
    if
    :: slabs_release_all()
    :: skip
    fi
}

active proctype releaser() {
    REGISTERS;
    byte me = X;
    slabs_release_all()
}

active proctype adopter() {
    REGISTERS;
    byte me = Y;
    adopt();
    may_exit()
}

proctype pusher(byte me; byte block) {
    REGISTERS;
    block_take(block);
    outbox_push(block);
    may_exit()
}

init {
    atomic {
        run pusher(P, 1);
        run pusher(Q, 2)
    }
    timeout;
    blocks_are_conserved();
    assert(queue == 0 || IS_ARENA(owner) && state[owner] == RUNNING && posted_to[owner])
}
