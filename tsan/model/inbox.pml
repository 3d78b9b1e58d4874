/* SPDX-License-Identifier: MIT
 *
 * The inboxes, as lib/remote/inbox.c has them, and how an arena stops. Include this file after slab.pml.
 */
#ifdef LOOK_AT_STATE /* as if only an arena that exits let go of slabs */
#define HAS_LET_GO(arena) (state[arena] == EXITED)
#else
#define HAS_LET_GO(arena) (owner != arena)
#endif

/* Posts the slab to target. Sets target to the arena whose inbox is to be swept, as it has let go of the slab
 * meanwhile, or to NONE. */
inline post() {
    d_step {
        touch();
        seen = posted;
        posted = true
    }
    if
    :: seen -> target = NONE /* whoever sweeps it looks at the queue */
    :: else ->
        d_step {
            touch();
            assert(!IS_LINKED);
            link_store(target)
        }
#ifndef POST_WITHOUT_FENCE
        fence(); /* partners: the fences in release_all and give_up */
#endif
        d_step {
            touch();
#ifdef POST_WITHOUT_LOOK
            target = NONE
#else
            target = (HAS_LET_GO(target) -> target : NONE)
#endif
        }
    fi;
    seen = NONE
}

/* Whoever lets go of the slab looks whether it is posted: then the post may have come for an owner that it
 * has no longer. */
inline posted_look() {
    d_step {
        touch();
        called = called || posted
    }
}

/* One slab of an inbox. Sets target to the arena to post it to, or to NONE. */
inline settle() {
#ifndef CLEAR_AFTER_LOOK
    d_step {
        touch();
        posted = false
    }
#endif
    if
    :: atomic { queue != 0 -> touch() };
        inbox_look()
    :: atomic { queue == 0 -> touch() }
    fi;
#ifdef CLEAR_AFTER_LOOK
    posted = false
#endif
}

/* Sweeps the inbox of target. Sets target as settle does. */
inline sweep() {
    d_step { /* batch_pop */
        seen = linked[target];
        linked[target] = false;
        target = NONE
    }
    if
    :: seen ->
        seen = NONE;
        settle()
    :: else
    fi
}

/* In the code, post and sweep call each other; here that is a loop. */
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

inline inbox_notify() {
    inbox_look();
    post_and_sweep()
}

inline inbox_sweep() {
    if
    :: linked[me] ->
        rcu_enter();
        target = me;
        sweep();
        post_and_sweep();
        rcu_leave()
    :: !linked[me]
    fi
}

inline slabs_release_all() {
    inbox_sweep();
    won = owner == me;
    do
    :: won ->
        won = false;
#ifdef EXIT_KEEPS_WON
        settle_claimed()
#else
        let_go()
#endif
    :: !won && called ->
        called = false;
#ifndef EXIT_WITHOUT_SWEEP
        inbox_sweep()
#endif
    :: !won && !called -> break
    od;
    atomic {
        assert(owner != me);
        state[me] = EXITED
    }
}
