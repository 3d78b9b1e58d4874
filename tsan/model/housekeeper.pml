/* SPDX-License-Identifier: MIT
 *
 * The housekeeper's sleep, as lib/superslab/housekeeper.c has it. Threads free what will decay and look at the word;
 * the housekeeper purges, and sleeps without a time-out when nothing decays. A fork takes the lock under which is
 * purged, as every thread does that goes to the kernel for memory; the child has no housekeeper until it starts one.
 * Stores of the word and of what is freed become visible late.
 *
 * At the end nothing decays, unless there is no housekeeper: then the word says so, and the slow paths do its work.
 */
#define FREERS 2
#define NONE 0    /* there is no housekeeper */
#define AWAKE 1   /* it looks again before it sleeps, or its sleep has an end */
#define ASLEEP 2  /* it sleeps until it is woken */

byte word = AWAKE;
byte decays;        /* things that are free and dirty */
bool lock;          /* purge_lock */
byte generation;    /* of the process: the housekeeper of another one is gone */
bool woken;         /* the kernel has been asked to wake it */
byte ended;         /* freers */

#define EMPTY 255
byte word_buffer = EMPTY;        /* the housekeeper's */
bool freed_buffer[FREERS];       /* the freers' */

active proctype memory() {
end:
    do
    :: d_step { word_buffer != EMPTY -> word = word_buffer; word_buffer = EMPTY }
    :: d_step { freed_buffer[0] -> decays++; freed_buffer[0] = false }
    :: d_step { freed_buffer[1] -> decays++; freed_buffer[1] = false }
    od
}

active [FREERS] proctype freer() {
    byte me = _pid - 1;
    freed_buffer[me] = true;
#ifndef FREE_WITHOUT_FENCE
    !freed_buffer[me];
#endif
    if
    :: word == ASLEEP ->
#ifdef WAKE_BY_STORE
        word = AWAKE;                         /* without the call to the kernel */
#else
        if
        :: d_step { word == ASLEEP -> word = AWAKE; woken = true }
        :: else                               /* somebody else wakes it */
        fi
#endif
    :: else
    fi;
    !freed_buffer[me];
    ended++
}

/* Purges what there is, slice by slice. */
inline purge() {
    d_step { !lock -> lock = true };
    if
    :: d_step { decays > 0 -> decays-- }
    :: else
    fi;
#ifndef SLEEP_WITH_LOCK
    lock = false
#endif
}

inline word_store(value) {
    word_buffer == EMPTY;
    word_buffer = value
}

/* A thread that is not in the child makes no further step. */
proctype housekeeper(byte mine) {
    {
work:
    do
    :: decays > 0 -> purge()        /* or it waits, with a time-out */
    :: decays == 0 -> break
    od;
    word_store(ASLEEP);
#ifndef SLEEP_WITHOUT_FENCE
    word_buffer == EMPTY;
#endif
#ifdef SLEEP_WITH_LOCK
    d_step { !lock -> lock = true };
#endif
#ifndef SLEEP_WITHOUT_LOOK
    if
    :: decays > 0 ->
        word_buffer == EMPTY;
        word = AWAKE;
        goto work
    :: decays == 0
    fi;
#endif
    /* The kernel compares the word with ASLEEP before it lets the thread sleep. */
#ifdef SLEEP_WITHOUT_COMPARE
    woken = false;
#else
    word_buffer == EMPTY;
    if
    :: word != ASLEEP -> goto work
    :: else
    fi;
#endif
end:
    d_step { woken -> woken = false };
    goto work
    } unless { generation != mine }
}

/* The child is what goes on: its threads are the freers that have ended, and who forks. */
proctype forker() {
    byte mine;
    ended == FREERS;
    d_step { !lock -> lock = true };
    generation++;                             /* the housekeeper is not in the child, */
    word_buffer = EMPTY;                      /* nor what it had not stored */
    woken = false;
#ifndef FORK_KEEPS_WORD
    word = NONE;
#endif
    lock = false;
    decays++;                                 /* the child frees something, */
    if
    :: d_step { word == ASLEEP -> word = AWAKE; woken = true }
    :: else
    fi;
    if
    :: word == NONE ->                        /* and starts a thread */
        word = AWAKE;
        mine = generation;
        run housekeeper(mine)
    :: else
    fi
}

init {
    run housekeeper(0);
    if
    :: run forker()
    :: skip
    fi;
    timeout;
    assert(decays == 0);
    assert(!lock)
}
