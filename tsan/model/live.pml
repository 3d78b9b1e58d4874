/* SPDX-License-Identifier: MIT
 *
 * The live page, as lib/live.c has it. The housekeeper and a thread of the program write it, whoever has taken the
 * word; a fork happens at any moment, and the child has the word as it was, the parent's page, and one thread. Stores
 * to a page become visible late, and in any order but that of a fence. A reader in another process reads the
 * sequence, the page in two halves, and the sequence again.
 *
 * Whose the page and the word are is the address space's mark, which the kernel clears in the child of a fork; whoever
 * finds it cleared sets it, to a number that was never one here. A guest (vfork) has the parent's memory, another
 * process's number and descriptors, and may end at any moment. The child of a fork may have its parent's number, in a
 * namespace of its own. The program closes the page's descriptor once.
 *
 * What the reader believes was written in one go; the child comes to write a page of its own; nobody leaves a page
 * that is his own, a guest makes none and leaves no word taken, and a page that was closed is shown again.
 */
#define PARENT 1
#define CHILD 2
#define NOBODY 0
#define WRITERS 3     /* the housekeeper, the thread, and the one of the child */
#define GUEST 3

/* By address space. */
byte taken[3];        /* the word: a mark */
byte mark[3], marks[3];
byte made[3];         /* the mark of the one whose page it has */
byte held[3];         /* that page, or 0 */
bool shown = true;    /* the parent's page has a descriptor */
byte number[3];       /* the process's */

byte sequence[3];     /* of the page that the process has made */
byte left[3], right[3];

#define EMPTY 255
byte page[WRITERS];         /* where the stores of a writer go */
byte sequence_buffer[WRITERS] = EMPTY;
byte left_buffer[WRITERS] = EMPTY;
byte right_buffer[WRITERS] = EMPTY;

bool has_guest_ended;

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

/* The mark of the address space. */
inline know() {
#ifdef KNOW_BY_NUMBER
    own = number_of_own
#else
    own = mark[space];
    if
    :: own == 0 ->
#ifdef MARK_WITHOUT_COUNT
        own = marks[space] + 1;
#else
        d_step { marks[space]++; own = marks[space] };
#endif
        d_step { if :: mark[space] == 0 -> mark[space] = own :: else fi };
        own = mark[space];
#ifdef MARK_WITHOUT_COUNT
        marks[space] = own
#endif
    :: else
    fi
#endif
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
    taken[space] = NOBODY
}

/* false where another thread of the process is at it. What a thread of the parent has taken is nothing to the child. */
inline take() {
    know();
#ifdef TAKE_BLINDLY
    got = true;
    taken[space] = own
#else
#ifdef TAKE_FROM_NOBODY
    d_step { got = (taken[space] == NOBODY); if :: got -> taken[space] = own :: else fi }
#else
    d_step { got = (taken[space] != own); if :: got -> taken[space] = own :: else fi }
#endif
#endif
}

/* With the word: leaves the page of another address space, and makes one where there is none. */
inline look() {
#ifndef KEEP_PARENTS_PAGE
    if
    :: held[space] != 0 && made[space] != own ->
        assert(space == CHILD);
        held[space] = 0
    :: else
    fi;
#endif
    if
    :: held[space] == 0 -> d_step { held[space] = space; made[space] = own }
    :: else
    fi
}

proctype thread_of_child() {
    byte me = 2, space = CHILD, number_of_own = number[CHILD], own, before;
    bool got;
    take();
    assert(got);                /* it is alone */
    look();
    page[me] = held[space];
    assert(page[me] == CHILD);  /* the page says whose it is */
    write_page();
    give()
}

/* Allocates, and comes along a slow path; the thread that made it waits. */
proctype guest() {
    byte space = PARENT, number_of_own = GUEST, own;
    bool got;
#ifdef GUEST_TAKES
    take();
    if
    :: got ->
        if
        :: goto ended           /* killed */
        :: true
        fi;
        assert(held[space] != 0);
        taken[space] = NOBODY
    :: else
    fi;
#endif
#ifdef KNOW_BY_NUMBER
    take();
    if
    :: got -> look(); taken[space] = NOBODY
    :: else
    fi;
#endif
ended:
    has_guest_ended = true
}

inline fork() {
    if
    :: number[CHILD] = PARENT
    :: number[CHILD] = CHILD
    fi;
    d_step {
        taken[CHILD] = taken[PARENT];
        marks[CHILD] = marks[PARENT];
        made[CHILD] = made[PARENT];
        held[CHILD] = held[PARENT]
    };
    run thread_of_child()
}

active [2] proctype writer() {
    byte me = _pid - 1, space = PARENT, number_of_own = PARENT, own, before;
    bool got, has_forked;
    page[me] = PARENT;
    if
    :: me == 1 -> fork(); has_forked = true /* in the middle of whatever the housekeeper does */
    :: me == 1 -> run guest(); has_guest_ended
    :: me == 1 -> shown = false
    :: true
    fi;
    take();
    if
    :: got ->
        look();
#ifndef KEEP_HIDDEN
        if
        :: me == 1 && !shown -> shown = true   /* the housekeeper has other descriptors */
        :: else
        fi;
#endif
        assert(me == 0 || shown);
        write_page();
        give()
    :: else
    fi;
    if
    :: me == 1 && shown && !has_forked && !has_guest_ended -> fork()
    :: else
    fi
}

active proctype last() {
    timeout;
    assert(taken[PARENT] == NOBODY)
}

active proctype reader() {
    byte one, other, first, again;
    first = sequence[PARENT];
    one = left[PARENT];
    other = right[PARENT];
    again = sequence[PARENT];
    assert(first != again || first % 2 != 0 || one == other)
}
