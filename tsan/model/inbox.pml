/* SPDX-License-Identifier: MIT
 *
 * The inboxes, as lib/remote/inbox.c has them, and how an arena stops. There is one slab, so an inbox is a
 * bit: the slab is linked in it. Include this file after slab.pml.
 */
bool posted;
bool linked[ARENAS];

#define IS_LINKED (linked[X] || linked[Y] || linked[P] || linked[Q])

/* Posts the slab to target. Sets target to the arena whose inbox is to be swept, as that has exited
 * meanwhile, or to NONE. An arena that exits releases what it owns, and release looks at the queue: nothing
 * to post then. */
inline post() {
    if
    :: state[target] == EXITED -> target = NONE
    :: else ->
        touch();
        d_step {
            seen = posted;
            posted = true
        }
        if
        :: seen -> target = NONE /* whoever sweeps it looks at the queue */
        :: else ->
            touch();
#ifdef POST_WITHOUT_FENCE
            seen = state[target]; /* the load has overtaken the push */
#endif
            d_step {
                assert(!IS_LINKED);
                linked[target] = true
            }
            fence(); /* partner: the fence in slabs_release_all */
#ifndef POST_WITHOUT_FENCE
            seen = state[target];
#endif
#ifdef POST_WITHOUT_LOOK
            target = NONE
#else
            if
            :: seen == EXITED
            :: seen != EXITED -> target = NONE
            fi
#endif
        fi;
        seen = NONE
    fi
}

/* Sweeps the inbox of target. Sets target to the arena to post the slab to, or to NONE. */
inline sweep() {
    d_step { /* batch_pop */
        seen = linked[target];
        linked[target] = false
    }
    target = NONE;
    if
    :: seen ->
        seen = NONE;
        settle()
    :: else
    fi
}

inline settle() {
    touch();
#ifndef CLEAR_AFTER_LOOK
    posted = false;
    fence();
    touch();
#endif
    if
    :: queue != 0 -> inbox_look()
    :: else
    fi;
#ifdef CLEAR_AFTER_LOOK
    posted = false
#endif
}

/* In the code, post and sweep call each other; here that is a loop. */
inline inbox_notify() {
    inbox_look();
    post_and_sweep()
}

inline post_and_sweep() {
    do
    :: target == NONE -> break
    :: else ->
        post();
        if
        :: target != NONE -> sweep()
        :: else
        fi
    od
}

inline inbox_sweep() {
    rcu_enter();
    target = me;
    sweep();
    post_and_sweep();
    rcu_leave()
}

inline slabs_release_all() {
    inbox_sweep();
    slabs_arrange_won();
    if
    :: owner == me -> release()
    :: else
    fi;
#ifndef EXIT_WITHOUT_FENCE
    state[me] = EXITED;
    fence(); /* partner: the fence in post */
#endif
#ifndef EXIT_WITHOUT_SWEEP
    inbox_sweep();
#endif
#ifdef EXIT_WITHOUT_FENCE
    state[me] = EXITED; /* becomes visible only now */
#endif
#ifdef EXIT_KEEPS_WON
    slabs_arrange_won()
#else
    if
    :: won ->
        won = false;
        if
        :: in_orphans -> orphans_remove()
        :: else
        fi;
        release()
    :: else
    fi
#endif
}
