/* SPDX-License-Identifier: MIT
 *
 * The life of a granule: free, a SuperSlab, in limbo, free, a huge block, free, and so on. Three arenas, for
 * ever, make a SuperSlab of it, take a unit and give it back, retire the SuperSlab when its units are all free,
 * end its time in limbo, take the granule for a huge block, free that, keep it, take it again or give it back, and
 * purge the granule while it is free. Two
 * units stand for the 64; of the table of slots there are two. That nobody looks at a SuperSlab any more when it
 * leaves limbo is for grace.pml to show.
 */
#define SLOTS 2
#define UNITS 2
#define ALL_FREE 3
#define NONE 0
#define FREE 9

#define FREED 7 /* registered for a granule whose huge block was freed */
#define HUGE 8  /* registered for a huge block */

#define GRANULE_FREE 0
#define GRANULE_LIMBO 1
#define GRANULE_USED 2
#define GRANULE_HIDDEN 3 /* while it is purged; the code calls that LIMBO, too */

byte free_units[SLOTS]; /* the word of the slot, a set of bits */
bool is_vacant[SLOTS] = true;
byte granule = GRANULE_FREE;
byte registry;     /* what is registered for the granule: a slot's number + 1, HUGE, FREED or NONE */
byte owner[UNITS]; /* in the descriptor: of the slab in that unit */
byte users;        /* of the granule: a SuperSlab, limbo, a huge block */
bool huge_is_live; /* the owner of the huge block's descriptor is OWNER_HUGE */
bool recent;       /* the huge block is kept for its length */
bool superslabs_lock;

inline mutex_lock(mutex) {
    atomic { !mutex -> mutex = true }
}

inline mutex_unlock(mutex) {
    mutex = false
}

/* What happens under regions_lock is one step. won: whether the granule was free. */
inline region_take() {
    d_step {
        won = granule == GRANULE_FREE;
        if
        :: won ->
            granule = GRANULE_USED;
            users++;
            assert(users == 1)
        :: else
        fi
    }
}

inline region_hold() {
    granule = GRANULE_LIMBO
}

inline region_give() {
    d_step {
        assert(granule != GRANULE_FREE);
        users--;
        granule = GRANULE_FREE
    }
}

/* A granule that is purged is nobody else's meanwhile. */
inline granule_purge() {
    d_step {
        won = granule == GRANULE_FREE;
#ifndef PURGE_OUTSIDE
        if
        :: won ->
            granule = GRANULE_HIDDEN;
            users++;
            assert(users == 1)
        :: else
        fi
#endif
    }
    if
    :: won ->
        registry = NONE;
#ifndef PURGE_OUTSIDE
        region_give()
#endif
    :: else
    fi;
    won = false
}

inline superslab_make() {
    mutex_lock(superslabs_lock);
    slot = SLOTS;
    if
    :: is_vacant[0] -> slot = 0
    :: is_vacant[1] -> slot = 1
    :: else
    fi;
    won = false;
    if
    :: slot != SLOTS -> region_take()
    :: else
    fi;
    if
    :: won ->
        assert(registry == NONE || registry == FREED);
        registry = slot + 1;
        owner[0] = FREE;
        owner[1] = FREE;
        is_vacant[slot] = false;
        free_units[slot] = ALL_FREE
    :: else -> slot = SLOTS
    fi;
    won = false;
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
#ifdef HOLD_BEFORE_UNREGISTER
        region_hold();
        region_give();
#endif
        assert(registry == slot + 1);
        registry = NONE;
#ifndef HOLD_BEFORE_UNREGISTER
        region_hold();
#endif
        mutex_lock(superslabs_lock);
        is_vacant[slot] = true;
        mutex_unlock(superslabs_lock)
    :: else
    fi;
    won = false
}

/* After its grace periods; whoever has taken it from the list is the only one to do so. */
inline limbo_leave() {
    d_step {
        won = granule == GRANULE_LIMBO;
        if
        :: won -> granule = GRANULE_USED
        :: else
        fi
    };
    if
    :: won -> region_give()
    :: else
    fi;
    won = false
}

inline huge_take() {
    region_take();
    if
    :: won ->
        assert(!huge_is_live);
        huge_is_live = true;
        d_step {
            assert(registry == NONE || registry == FREED);
            registry = HUGE /* from here on its user may free it */
        }
    :: else
    fi;
    won = false
}

inline huge_release() {
    assert(!huge_is_live && granule == GRANULE_USED && users == 1);
#ifdef GIVE_BEFORE_REGISTER
    region_give();
    registry = FREED
#else
    registry = FREED;
    region_give()
#endif
}

/* By two threads at a time: one of them is refused. */
inline huge_give() {
    d_step {
        won = registry == HUGE && huge_is_live;
#ifndef KEEP_BEFORE_END
        if
        :: won -> huge_is_live = false
        :: else
        fi
#endif
    };
    if
    :: won ->
        if
        :: recent = true
#ifndef KEEP_BEFORE_END
        :: huge_release()
#endif
        fi;
#ifdef KEEP_BEFORE_END
        huge_is_live = false
#endif
    :: else
    fi;
    won = false
}

/* Whoever gets it uses it again, or gives it back with all that is kept. */
inline recent_take() {
    d_step {
        won = recent;
#ifndef TAKE_BY_LOAD_AND_STORE
        recent = false
#endif
    };
    if
    :: won ->
#ifdef TAKE_BY_LOAD_AND_STORE
        recent = false;
#endif
        assert(!huge_is_live && granule == GRANULE_USED && users == 1 && registry == HUGE);
        if
        :: huge_is_live = true
        :: huge_release()
        fi
    :: else
    fi;
    won = false
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

#define IS_MINE (granule == GRANULE_USED && registry == slot + 1 && owner[unit] == me)

proctype arena(byte me) {
    byte slot = SLOTS, unit, seen;
    bool won;
end:
    do
    :: superslab_make() -> slot = SLOTS
    :: limbo_leave()
    :: huge_take()
    :: huge_give()
    :: recent_take()
    :: granule_purge()
    :: slot == SLOTS -> slot = 0
    :: slot == SLOTS -> slot = 1
    :: slot != SLOTS -> superslab_retire(); slot = SLOTS
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
        seen = 0;
        slot = SLOTS
    od
}

init {
    atomic {
        run arena(1);
        run arena(2);
        run arena(3)
    }
}
