/* SPDX-License-Identifier: MIT
 *
 * Lists of slots: what is free can be found. Two slots share a word of a list, and a bit of the level above says
 * whether that word has any. Three threads give back a slot's units and list it, or look for a slot and take its
 * units, or strike it off the list if it has none. None of them holds a lock. When all have ended, every slot
 * with free units must be on the list, and the level above must say so.
 */
#define SLOTS 2
#define THREADS 3
#define STEPS 2 /* of each thread */

bool is_free[SLOTS]; /* the slot's state: it has what the list is for */
byte word;           /* a bit per slot: it is on the list */
bool above;          /* the bit of the level above: word is not 0 */
byte ended;

/* slot_list: the bit above is set by whoever sets the first of the word. */
inline slot_list() {
    if
    :: word & 1 << slot
    :: else ->
        d_step {
            first = word == 0;
            word = word | 1 << slot
        }
        if
        :: first -> above = true
        :: else
        fi;
        first = false
    fi
}

/* slot_strike, and the look at the slot's state that its caller owes. */
inline slot_strike() {
    d_step {
        word = word & ~(1 << slot);
        first = word == 0
    }
    if
    :: first ->
#ifdef LOOK_BEFORE_CLEARING
        if
        :: word == 0 -> above = false
        :: else
        fi;
#else
        above = false;
#ifndef CLEAR_WITHOUT_LOOK
        if
        :: word != 0 -> above = true
        :: else
        fi;
#endif
#endif
    :: else
    fi;
    first = false;
#ifndef STRIKE_WITHOUT_LOOK
    if
    :: is_free[slot] -> slot_list()
    :: else
    fi
#endif
}

inline give() {
#ifdef LIST_BEFORE_GIVING
    skip;
    slot_list();
    is_free[slot] = true
#else
    is_free[slot] = true;
    slot_list()
#endif
}

inline search() {
    if
    :: above && word & 1 << slot ->
        d_step {
            won = is_free[slot];
            is_free[slot] = false
        }
        if
        :: !won -> slot_strike()
        :: else
        fi;
        won = false
    :: else
    fi
}

proctype thread() {
    byte slot, steps;
    bool first, won;
    do
    :: steps < STEPS ->
        steps++;
        if
        :: slot = 0
        :: slot = 1
        fi;
        if
        :: give()
        :: search()
        fi
    :: else -> break
    od;
    ended++
}

#define CAN_BE_FOUND(slot) (!is_free[slot] || (above && (word & 1 << slot) != 0))

init {
    byte i;
    atomic {
        /* One slot is on the list, and what it was listed for may be gone. */
        word = 1;
        above = true;
        if
        :: is_free[0] = true
        :: true
        fi;
        for (i : 1 .. THREADS) {
            run thread()
        }
    }
    ended == THREADS;
    assert(CAN_BE_FOUND(0) && CAN_BE_FOUND(1))
}
