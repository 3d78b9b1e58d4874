/* SPDX-License-Identifier: MIT
 *
 * The bitmap of free units against retirement: three arenas, for ever, take a unit and give it back, map a
 * SuperSlab, or retire one whose units are all free. Two units stand for the 64, and all SuperSlabs are
 * mapped at the same place, which the kernel gives again as soon as it is unmapped; of the table of slots
 * there are two. That nobody looks at a SuperSlab any more when it is unmapped is for grace.pml to show.
 */
#define SLOTS 2
#define UNITS 2
#define ALL_FREE 3
#define NONE 0
#define FREE 9

byte free_units[SLOTS]; /* the word of the slot, a set of bits */
bool is_vacant[SLOTS] = true;
bool is_mapped;
byte registry;     /* what is registered for the place: a slot's number + 1, or NONE */
byte owner[UNITS]; /* in the descriptor: of the slab in that unit */
bool superslabs_lock;

inline mutex_lock(mutex) {
    atomic { !mutex -> mutex = true }
}

inline mutex_unlock(mutex) {
    mutex = false
}

inline superslab_make() {
    mutex_lock(superslabs_lock);
    slot = SLOTS;
    if
    :: !is_mapped && is_vacant[0] -> slot = 0
    :: !is_mapped && is_vacant[1] -> slot = 1
    :: else
    fi;
    if
    :: slot != SLOTS ->
        is_mapped = true;
        assert(registry == NONE);
        registry = slot + 1;
        owner[0] = FREE;
        owner[1] = FREE;
        is_vacant[slot] = false;
        free_units[slot] = ALL_FREE
    :: else
    fi;
    mutex_unlock(superslabs_lock)
}

/* Only the slot is known to the caller, and type-stable: what it holds is read after the CAS. */
inline superslab_retire() {
    d_step {
        won = free_units[slot] == ALL_FREE;
#ifndef RETIRE_BY_LOAD_AND_STORE
        if
        :: won -> free_units[slot] = 0
        :: else
        fi
#endif
    };
    if
    :: won ->
#ifdef RETIRE_BY_LOAD_AND_STORE
        free_units[slot] = 0;
#endif
        assert(owner[0] == FREE && owner[1] == FREE);
#ifdef UNMAP_BEFORE_UNREGISTER
        is_mapped = false;
#endif
        assert(registry == slot + 1);
        registry = NONE;
        is_vacant[slot] = true;
#ifndef UNMAP_BEFORE_UNREGISTER
        is_mapped = false
#endif
    :: else
    fi
}

inline units_take() {
    seen = free_units[slot];
    if
    :: seen & 1 -> unit = 0
    :: seen & 2 -> unit = 1
    :: seen == 0
    fi;
    d_step {
        won = seen != 0 && free_units[slot] == seen;
        if
        :: won -> free_units[slot] = seen & ~(1 << unit)
        :: else
        fi
    }
}

inline units_give() {
    d_step { free_units[slot] = free_units[slot] | 1 << unit }
}

inline slab_make() {
    assert(owner[unit] == FREE);
    owner[unit] = me
}

inline slab_give_up() {
#ifdef GIVE_BEFORE_FREE
    units_give();
    owner[unit] = FREE
#else
    owner[unit] = FREE;
    units_give()
#endif
}

#define IS_MINE (is_mapped && registry == slot + 1 && owner[unit] == me)

proctype arena(byte me) {
    byte slot, unit, seen;
    bool won;
end:
    do
    :: superslab_make()
    :: slot = 0
    :: slot = 1
    :: slot != SLOTS -> superslab_retire()
    :: slot != SLOTS ->
        units_take();
        if
        :: won ->
            slab_make();
            assert(IS_MINE);
            slab_give_up()
        :: else
        fi;
        won = false;
        unit = 0;
        seen = 0
    od
}

init {
    atomic {
        run arena(1);
        run arena(2);
        run arena(3)
    }
}
