/* SPDX-License-Identifier: MIT */
#include "live.h"

#include <errno.h>
#include <signal.h>

#include "account/account.h"
#include "config.h"
#include "freehold.h"
#include "orders.h"
#include "os.h"
#include "report.h"
#include "superslab/call.h"
#include "superslab/purge.h"
#include "types.h"

#define LIVE_ALWAYS  1      /* what FREEHOLD_LIVE is, if it is no signal's number */
#define PERIOD       2000u  /* milliseconds between two writings */
#define PERIOD_ASKED 500u   /* the same while a reader asks, and between two looks whether one does */
#define ASKED_FOR    3000u  /* milliseconds that a reader's asking is good for */
#define COST         100u   /* a walk may take one part in so many of the time */
#define WAIT         2000u  /* milliseconds for somebody else who is at it */
#define RENEWAL      10000u /* the same after a renewal that nobody could have seen */

/* Atomic: LIVE_WANTED is stored where no page can be made, for a slow path of the program's to make it. */
enum live_state { LIVE_OFF, LIVE_WANTED, LIVE_ON };
static _Atomic uint32_t live_state;

static _Atomic uint64_t next_look; /* atomic: milliseconds; of slow paths */

static _Atomic uint32_t taken; /* atomic: as self of whoever is at what follows, or 0 */

/* All of it whoever has taken the word. */
static struct {
    struct shared shared;    /* the page */
    struct account *account; /* the walk that is under way, or done */
    uint32_t owner;          /* as self: whose page it is */
    uint32_t asked, purges;  /* what readers had written when they were looked at last */
    uint64_t asked_at;       /* milliseconds */
    uint64_t due_at;         /* milliseconds: the next walk */
    uint64_t renew_at;       /* milliseconds: not before */
    bool is_under_way;       /* a walk */
} live;

/* Whose memory this is. The kernel clears it in the child of a fork, whatever number that has in a namespace
 * of its own; but not in that of a vfork, which is a guest in its parent's. Atomic: 0 at first. */
static struct space {
    _Atomic uint32_t mark;            /* as no other of this memory's past */
    _Atomic uint32_t process;         /* of which it is */
} unmarked;                           /* stands for it where the kernel clears nothing; never written to */
static _Atomic(struct space *) space; /* atomic: made once */
static _Atomic uint32_t marks;        /* atomic: that there have been, which a child goes on to count */

static void make_space(void) {
    struct space *none = NULL, *made = os_map_cleared(UNIT);
    made = made == NULL ? &unmarked : made;
    /* Release; partner: space_of. */
    if (!atomic_compare_exchange_strong_explicit(&space, &none, made, memory_order_release,
                                                 memory_order_relaxed) &&
        made != &unmarked)
        os_unmap(made, UNIT);
}

static struct space *space_of(void) {
    if (atomic_load_explicit(&space, memory_order_relaxed) == NULL)
        make_space();
    return atomic_load_explicit(&space, memory_order_acquire);
}

/* Counts first: a child that is forked meanwhile finds another mark. */
static void set_mark(struct space *here) {
    uint32_t none = 0, next = atomic_fetch_add_explicit(&marks, 1, memory_order_seq_cst) + 1;
    if (atomic_compare_exchange_strong_explicit(&here->mark, &none, next, memory_order_seq_cst,
                                                memory_order_seq_cst))
        atomic_store_explicit(&here->process, os_process(), memory_order_relaxed);
}

/* Names the address space. */
static uint32_t self(void) {
    struct space *here = space_of();
    if (here == &unmarked)
        return os_process();
    if (atomic_load_explicit(&here->mark, memory_order_relaxed) == 0)
        set_mark(here);
    return atomic_load_explicit(&here->mark, memory_order_relaxed);
}

/* A process in another's memory: its descriptors are not those of the page, and it may end at any moment. */
static bool is_guest(void) {
    (void)self();
    uint32_t process = atomic_load_explicit(&space_of()->process, memory_order_relaxed);
    return process != 0 && process != os_process();
}

static struct fh_live *page(void) {
    return live.shared.address;
}

/* A thread of a parent that was at it is not there in the child. */
static bool take(void) {
    uint32_t own = self(), before = atomic_load_explicit(&taken, memory_order_relaxed);
    /* Acquire; partner: give. */
    return before != own && !is_guest() &&
           atomic_compare_exchange_strong_explicit(&taken, &before, own, memory_order_acquire,
                                                   memory_order_relaxed);
}

static void give(void) {
    atomic_store_explicit(&taken, 0, memory_order_release);
}

static bool is_own(void) {
    return live.owner == self();
}

static void set_state(enum live_state state) {
    atomic_store_explicit(&live_state, state, memory_order_relaxed);
}

/* Without a page: it is closed, or it is another process's. */
static void end(void) {
    if (page() != NULL)
        os_unshare(&live.shared);
    if (live.account != NULL)
        account_free(live.account);
    live.shared.address = NULL;
    live.account = NULL;
    live.is_under_way = false;
}

/* An empty page, which is to be written soon. */
static void page_make(void) {
    image_make(page(), true);
    page()->process_id = os_process();
    live.owner = self();
    live.asked = live.purges = 0;
    live.asked_at = live.due_at = 0;
    live.is_under_way = false;
}

/* false, and nothing is left, where the kernel has none for us. */
static bool begin(void) {
    if (page() != NULL && !is_own())
        end();
    if (page() != NULL)
        return true;
    live.account = account_make(true);
    if (live.account == NULL || !os_share(&live.shared, FH_LIVE_NAME, image_length(true))) {
        end();
        return false;
    }
    page_make();
    return true;
}

/* The program has closed the descriptor of the page: another one takes its place. Not where a thread has
 * descriptors of its own, which nobody would look at. */
static void show_again(uint64_t now) {
    struct shared closed = live.shared;
    if (now < live.renew_at || os_has_shared(&closed) || os_shows_shared(&closed))
        return;
    live.renew_at = now + RENEWAL;
    if (!os_share(&live.shared, FH_LIVE_NAME, image_length(true)))
        return;
    if (os_shows_shared(&live.shared)) {
        os_unshare(&closed);
        page_make();
        live.renew_at = now;
    } else {
        os_unshare(&live.shared);
        live.shared = closed;
    }
}

/* Odd while it is written. The stores between are plain: readers look at the sequence before and after. */
static void write_page(void) {
    struct fh_live *to = page();
    uint64_t sequence = __atomic_load_n(&to->sequence, __ATOMIC_RELAXED);
    __atomic_store_n(&to->sequence, sequence + 1, __ATOMIC_RELAXED);
    fence_store_load(); /* between that and what is copied; partner: the reader's two looks */
    image_copy(to, live.account->image);
    __atomic_store_n(&to->sequence, sequence + 2, __ATOMIC_RELEASE);
}

/* A walk that took long is not soon taken again. */
static void set_due(uint64_t now) {
    struct fh_live *image = live.account->image;
    bool is_asked = live.asked_at != 0 && now - live.asked_at < ASKED_FOR;
    uint64_t rest = image->took_ns * COST / 1000000, period = is_asked ? PERIOD_ASKED : PERIOD;
    image->period_ms = rest > period ? rest : period;
    live.due_at = now + image->period_ms;
}

static void walk(const struct slice *slice) {
    if (!live.is_under_way)
        account_begin(live.account);
    live.is_under_way = !account_walk(live.account, slice);
    if (!live.is_under_way) {
        set_due(os_clock());
        write_page();
    }
}

/* What readers have written to the page since. */
static void obey(uint64_t now) {
    uint32_t asked = __atomic_load_n(&page()->wanted, __ATOMIC_RELAXED);
    uint32_t purges = __atomic_load_n(&page()->purge_wanted, __ATOMIC_RELAXED);
    if (asked != live.asked) {
        if (live.due_at > now + PERIOD_ASKED &&
            live.account->image->took_ns * COST < PERIOD_ASKED * 1000000ul)
            live.due_at = now + PERIOD_ASKED;
        live.asked = asked;
        live.asked_at = now;
    }
    if (purges != live.purges) {
        purge_all();
        live.purges = purges;
        live.due_at = now;
        live.is_under_way = false;
        __atomic_store_n(&page()->purge_done, purges, __ATOMIC_RELAXED);
    }
}

/* A child of a fork, which has no page, makes one if every process is to have one. */
static void leave_parents(void) {
    end();
    if (atomic_load_explicit(&live_state, memory_order_relaxed) == LIVE_ON)
        set_state(config.live == LIVE_ALWAYS ? LIVE_WANTED : LIVE_OFF);
}

/* With the word. The housekeeper has descriptors of its own, where nobody would find the page's. */
static void step(bool is_housekeeper, const struct slice *slice) {
    uint64_t now = os_clock();
    if (!is_housekeeper && page() != NULL && !is_own())
        leave_parents();
    if (!is_housekeeper && atomic_load_explicit(&live_state, memory_order_relaxed) == LIVE_WANTED)
        set_state(begin() ? LIVE_ON : LIVE_OFF);
    if (!is_housekeeper && page() != NULL)
        show_again(now);
    if (page() == NULL || !is_own() || is_housekeeper != housekeeper_works())
        return;
    obey(now);
    if (is_housekeeper)
        orders_obey(page());
    if (live.is_under_way || now >= live.due_at)
        walk(slice);
}

/* The task of the housekeeper and of slow paths: after how many milliseconds it is to be called again. */
static uint64_t work(bool is_housekeeper) {
    if (atomic_load_explicit(&live_state, memory_order_relaxed) == LIVE_OFF || os_is_in_sandbox())
        return PURGE_NOTHING;
    if ((!is_housekeeper && os_clock() < atomic_load_explicit(&next_look, memory_order_relaxed)) || !take())
        return PERIOD_ASKED;
    int error = errno;
    struct slice slice = is_housekeeper ? slice_large(false) : slice_small(false);
    step(is_housekeeper, &slice);
    bool is_under_way = live.is_under_way;
    if (!is_housekeeper)
        atomic_store_explicit(&next_look, os_clock() + (is_under_way ? 1 : PERIOD_ASKED),
                              memory_order_relaxed);
    give();
    errno = error;
    return is_under_way ? 0 : PERIOD_ASKED;
}

static bool take_patiently(void) {
    for (unsigned i = 0; !take(); i++) {
        if (i == WAIT)
            return false;
        os_pause(1);
    }
    return true;
}

/* In a sandbox that may kill for every call that is made here, the page stays as it is. */
static int leave_as_it_is(int on) {
    if (on == 0) {
        set_state(LIVE_OFF);
        return 0;
    }
    errno = EPERM;
    return -1;
}

int fh_live(int on) {
    if (os_is_in_sandbox())
        return leave_as_it_is(on);
    if (is_guest()) {
        errno = EPERM;
        return -1;
    }
    if (!take_patiently()) {
        errno = EBUSY;
        return -1;
    }
    struct slice slice = slice_endless();
    bool is_on = on != 0 && begin();
    int error = errno;
    set_state(is_on ? LIVE_ON : LIVE_OFF);
    if (is_on) {
        housekeeper_add(work);
        live.is_under_way = false;
        walk(&slice);
    } else
        end();
    give();
    errno = error;
    return is_on == (on != 0) ? 0 : -1;
}

/* Whoever is at it now, or the next slow path, makes what the handler cannot. */
static void on_signal(int number) {
    int error = errno;
    (void)number;
    if (os_is_in_sandbox())
        return;
    uint32_t off = LIVE_OFF;
    (void)atomic_compare_exchange_strong_explicit(&live_state, &off, LIVE_WANTED, memory_order_relaxed,
                                                  memory_order_relaxed);
    if (off == LIVE_ON && !is_own()) /* the page is a parent's */
        set_state(LIVE_WANTED);
    if (atomic_load_explicit(&live_state, memory_order_relaxed) == LIVE_WANTED && take()) {
        set_state(begin() ? LIVE_ON : LIVE_OFF);
        give();
    }
    (void)housekeeper_call();
    errno = error;
}

/* To return from such a signal's handler repeats the fault for ever. */
static bool is_of_fault(int number) {
    return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL ||
           number == SIGTRAP || number == SIGABRT || number == SIGSYS;
}

void live_start(void) {
    if (config.live == 0)
        return;
    housekeeper_add(work);
    if (config.live == LIVE_ALWAYS) {
        int error = errno;
        (void)fh_live(1);
        errno = error;
    } else if (is_of_fault((int)config.live))
        report_notice("FREEHOLD_LIVE is the number of a signal that ends a process; there is no live page. "
                      "Take that of another one, as 10 for SIGUSR1.");
    else {
        struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK};
        sigaction((int)config.live, &action, NULL);
    }
}
