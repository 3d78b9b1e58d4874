/* SPDX-License-Identifier: MIT
 *
 * Grace periods from within, as lib/superslab/rcu.h and rcu.c make them: two readers enter and leave, each with its
 * word; a third thread takes one thing after another away, and unmaps it after a grace period. Stores become visible
 * late, so that the fences matter. What grace.pml takes for granted is shown here.
 */
#define READERS 2
#define THINGS 3
#define OUTSIDE 0
#define INSIDE(phase) (1 + (phase))
#define IS_OLD(word) ((word) != OUTSIDE && (word) != INSIDE(phase))

byte phase;             /* of the grace period: 0 or 1 */
byte word[READERS];     /* what each reader found when it entered */
byte registered;        /* the thing that can be found */
bool unmapped[THINGS];  /* it must not be touched any more */

/* Stores that their processor still keeps to itself. */
#define EMPTY 255
byte word_buffer[READERS] = EMPTY;
byte registered_buffer = EMPTY;


active proctype memory() {
end:
    do
    :: d_step { word_buffer[0] != EMPTY -> word[0] = word_buffer[0]; word_buffer[0] = EMPTY }
    :: d_step { word_buffer[1] != EMPTY -> word[1] = word_buffer[1]; word_buffer[1] = EMPTY }
    :: d_step { registered_buffer != EMPTY -> registered = registered_buffer; registered_buffer = EMPTY }
    od
}

/* The phase may have changed between the load and the exchange, which waits for the buffer to be empty. */
inline rcu_enter() {
    found = phase;
    word_buffer[me] == EMPTY;
#ifndef ENTER_WITHOUT_FENCE
    word[me] = INSIDE(found)
#else
    word_buffer[me] = INSIDE(found)
#endif
}

/* Stores of one processor keep their order. */
inline rcu_leave() {
    word_buffer[me] == EMPTY;
    word_buffer[me] = OUTSIDE
}

/* Not while a reader is inside that had entered before the phase changed; or it is given up, to be tried again. */
inline readers_leave() {
    seen = 0;
    do
    :: seen < READERS && !IS_OLD(word[seen]) -> seen++
    :: seen < READERS && IS_OLD(word[seen]) ->
        passed = false;
        break
    :: seen == READERS -> break
    od
}

inline rcu_wait() {
    passed = true;
#ifndef WAIT_WITHOUT_FENCE
    registered_buffer == EMPTY;
#endif
#ifndef ONE_PASS
    readers_leave();
#endif
    if
    :: passed ->
#ifndef KEEP_PHASE
        phase = 1 - phase;
#endif
        readers_leave()
    :: else
    fi
}

active [READERS] proctype reader() {
    byte me = _pid - 1;
    byte found, thing, times;
    do
    :: times < 2 ->
        rcu_enter();
#ifdef LEAVE_EARLY
        rcu_leave();
#endif
        thing = registered;
        if
        :: thing < THINGS ->
            assert(!unmapped[thing]);
            assert(!unmapped[thing])
        :: else
        fi;
#ifndef LEAVE_EARLY
        rcu_leave();
#endif
        times++
    :: times == 2 -> break
    od
}

active proctype writer() {
    byte thing, seen;
    bool passed;
    do
    :: thing < THINGS ->
        registered_buffer = thing + 1;
        passed = false;
        do
        :: !passed -> rcu_wait()
        :: passed -> break
        od;
        unmapped[thing] = true;
        thing++
    :: thing == THINGS -> break
    od
}
