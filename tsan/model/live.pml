/* SPDX-License-Identifier: MIT
 *
 * The live page, as lib/live.c has it. The housekeeper and a thread of the program write it, whoever has taken the
 * word; a fork happens at any moment, and the child has the word as it was, the parent's page, and one thread. Stores
 * to a page become visible late, and in any order but that of a fence. A reader in another process reads the
 * sequence, the page in two halves, and the sequence again.
 *
 * What the reader believes was written in one go; the child comes to write a page of its own.
 */
#define PARENT 1
#define CHILD 2
#define NOBODY 0
#define WRITERS 3     /* the housekeeper, the thread, and the one of the child */

byte taken[3];        /* the word, by process: it is not shared */
byte sequence[3];     /* of the page that the process has made */
byte left[3], right[3];

#define EMPTY 255
byte page[WRITERS];   /* where the stores of a writer go */
byte sequence_buffer[WRITERS] = EMPTY;
byte left_buffer[WRITERS] = EMPTY;
byte right_buffer[WRITERS] = EMPTY;

#define COMMIT(buffer, field, i) \
    d_step { buffer[i] != EMPTY -> field[page[i]] = buffer[i]; buffer[i] = EMPTY }

active proctype memory() {
end:
    do
    :: COMMIT(sequence_buffer, sequence, 0)
    :: COMMIT(sequence_buffer, sequence, 1)
    :: COMMIT(sequence_buffer, sequence, 2)
    :: COMMIT(left_buffer, left, 0)
    :: COMMIT(left_buffer, left, 1)
    :: COMMIT(left_buffer, left, 2)
    :: COMMIT(right_buffer, right, 0)
    :: COMMIT(right_buffer, right, 1)
    :: COMMIT(right_buffer, right, 2)
    od
}

inline write_page() {
    before = sequence[page[me]];
#ifndef WRITE_WITHOUT_ODD
    sequence_buffer[me] = before + 1;
#ifndef WRITE_WITHOUT_FENCE
    sequence_buffer[me] == EMPTY;
#endif
#endif
    left_buffer[me] = me + 1;
    right_buffer[me] = me + 1;
#ifndef END_WITHOUT_RELEASE
    left_buffer[me] == EMPTY && right_buffer[me] == EMPTY;
#endif
    sequence_buffer[me] == EMPTY;
    sequence_buffer[me] = before + 2
}

/* The word is given by a release. */
inline give() {
    left_buffer[me] == EMPTY && right_buffer[me] == EMPTY && sequence_buffer[me] == EMPTY;
    taken[process] = NOBODY
}

/* false where another thread of the process is at it. What a thread of the parent has taken is nothing to the child. */
inline take() {
#ifdef TAKE_BLINDLY
    got = true;
    taken[process] = process
#else
#ifdef TAKE_FROM_NOBODY
    d_step { got = (taken[process] == NOBODY); if :: got -> taken[process] = process :: else fi }
#else
    d_step { got = (taken[process] != process); if :: got -> taken[process] = process :: else fi }
#endif
#endif
}

proctype thread_of_child() {
    byte me = 2, process = CHILD, before;
    bool got;
    take();
    assert(got);                /* it is alone */
#ifdef KEEP_PARENTS_PAGE
    page[me] = PARENT;
#else
    page[me] = CHILD;           /* the page says whose it is */
#endif
    write_page();
    give()
}

active [2] proctype writer() {
    byte me = _pid - 1, process = PARENT, before;
    bool got;
    page[me] = PARENT;
    if
    :: me == 1 ->                /* the thread forks, in the middle of whatever the housekeeper does */
        d_step { taken[CHILD] = taken[PARENT] };
        run thread_of_child()
    :: true
    fi;
    take();
    if
    :: got -> write_page(); give()
    :: else
    fi
}

active proctype reader() {
    byte one, other, first, again;
    first = sequence[PARENT];
    one = left[PARENT];
    other = right[PARENT];
    again = sequence[PARENT];
    assert(first != again || first % 2 != 0 || one == other)
}
