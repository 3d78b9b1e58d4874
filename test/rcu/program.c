/* SPDX-License-Identifier: MIT
 *
 * A program that uses liburcu in its own ways. usage: FLAVOUR lock|call|fork|exit. Each must end, as it does
 * on the C library's malloc: lock waits for a mutex inside a read section while the mutex' holder allocates;
 * call frees in callbacks; fork forks with the handlers that liburcu asks for; exit ends many registered
 * threads. */
#define URCU_API_MAP
#if defined FLAVOUR_bp
#include <urcu/urcu-bp.h>
#elif defined FLAVOUR_mb
#include <urcu/urcu-mb.h>
#elif defined FLAVOUR_memb
#include <urcu/urcu-memb.h>
#else
#include <urcu/urcu-qsbr.h>
#endif

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <urcu/compiler.h>

#include "conformance/probe.h"

#define WATCHDOG 60 /* seconds */
#define BLOCKS   2000
#define ROUNDS   20
#define THREADS  4
#define LIVES    2000
#define CALLS    20000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(void *) shelf[BLOCKS];

static void trade(size_t seed) {
    for (size_t i = 0; i < BLOCKS; i++) {
        free(atomic_exchange(&shelf[(i * 7 + seed) % BLOCKS], malloc(16 + (i * seed) % 3000)));
    }
}

#define BULK 20000

/* All that an allocator does at leisure, it does now: there is address space to be given back. */
static void use_malloc(size_t seed) {
    void **bulk = malloc(BULK * sizeof(*bulk));
    trade(seed);
    for (size_t i = 0; i < BULK; i++) {
        bulk[i] = malloc(1000);
    }
    for (size_t i = 0; i < BULK; i++) {
        free(bulk[i]);
    }
    free(bulk);
    malloc_trim(0);
}

/* For bp this registers nothing. */
static void enter_thread(void) {
    rcu_register_thread();
}

static void leave_thread(void) {
    rcu_unregister_thread();
}

/* From here to rest_end the thread is no reader; only qsbr has to be told. */
static void rest_start(void) {
#ifdef FLAVOUR_qsbr
    rcu_thread_offline();
#endif
}

static void rest_end(void) {
#ifdef FLAVOUR_qsbr
    rcu_thread_online();
#endif
}

static void rest_once(void) {
#ifdef FLAVOUR_qsbr
    rcu_quiescent_state();
#endif
}

static atomic_bool is_held;
static atomic_bool is_reading;

/* Allocates while somebody waits for the lock inside a read section. */
static void *hold(void *unused) {
    (void)unused;
    enter_thread();
    pthread_mutex_lock(&lock);
    atomic_store(&is_held, true);
    rest_start();
    while (!atomic_load(&is_reading)) {
        sched_yield();
    }
    usleep(2000); /* until the reader waits */
    use_malloc(3);
    pthread_mutex_unlock(&lock);
    rest_end();
    leave_thread();
    return NULL;
}

static void *read_and_wait(void *unused) {
    (void)unused;
    enter_thread();
    while (!atomic_load(&is_held)) {
        sched_yield();
    }
    rcu_read_lock();
    atomic_store(&is_reading, true);
    pthread_mutex_lock(&lock);
    trade(5);
    pthread_mutex_unlock(&lock);
    rcu_read_unlock();
    leave_thread();
    return NULL;
}

static void wait_for_a_lock(void) {
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t holder;
        pthread_t reader;
        atomic_store(&is_held, false);
        atomic_store(&is_reading, false);
        REQUIRE(pthread_create(&holder, NULL, hold, NULL) == 0);
        REQUIRE(pthread_create(&reader, NULL, read_and_wait, NULL) == 0);
        REQUIRE(pthread_join(holder, NULL) == 0 && pthread_join(reader, NULL) == 0);
        use_malloc((size_t)round);
    }
}

struct node {
    struct rcu_head head;
    char contents[100];
};

static struct node *current;
static atomic_size_t freed;

static void free_node(struct rcu_head *head) {
    struct node *node = caa_container_of(head, struct node, head);
    REQUIRE(block_holds(node->contents, sizeof(node->contents), 1));
    free(node);
    atomic_fetch_add(&freed, 1);
}

static void take_lock(void) {
    rest_start();
    pthread_mutex_lock(&lock);
    rest_end();
}

static void replace(void) {
    struct node *node = malloc(sizeof(*node));
    block_fill(node->contents, sizeof(node->contents), 1);
    take_lock();
    struct node *old = rcu_xchg_pointer(&current, node);
    if (old) {
        call_rcu(&old->head, free_node); /* whole, as far as a fork can see */
    }
    pthread_mutex_unlock(&lock);
}

static void *read_and_replace(void *unused) {
    (void)unused;
    enter_thread();
    for (int i = 0; i < CALLS / THREADS; i++) {
        rcu_read_lock();
        struct node *node = rcu_dereference(current);
        REQUIRE(node == NULL || block_holds(node->contents, sizeof(node->contents), 1));
        free(malloc(100));
        rcu_read_unlock();
        replace();
        rest_once();
    }
    leave_thread();
    return NULL;
}

static void run_threads(void *(*function)(void *)) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, function, NULL) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    }
}

static void call_back(void) {
    run_threads(read_and_replace);
    rcu_barrier();
    REQUIRE(atomic_load(&freed) == CALLS / THREADS * THREADS - 1);
    use_malloc(11);
}

static atomic_bool stop;

static void *churn(void *unused) {
    (void)unused;
    enter_thread();
    for (size_t seed = 1; !atomic_load(&stop); seed++) {
        rcu_read_lock();
        trade(seed);
        rcu_read_unlock();
        replace();
        rest_once();
    }
    leave_thread();
    return NULL;
}

/* Only of bp does a child know which readers it still has; but all can allocate. */
static void live_as_child(void) {
    alarm(WATCHDOG);
    use_malloc(13);
#ifdef FLAVOUR_bp
    replace();
    synchronize_rcu();
    run_threads(read_and_replace);
    use_malloc(17);
#endif
    _exit(0);
}

/* The handlers of a program that forks with threads: its own lock, which another thread may hold; call_rcu's
 * threads, and for bp the registry. */
static void before_fork(void) {
    pthread_mutex_lock(&lock);
    call_rcu_before_fork();
#ifdef FLAVOUR_bp
    urcu_bp_before_fork();
#endif
    free(malloc(1000));
}

static void after_fork_parent(void) {
#ifdef FLAVOUR_bp
    urcu_bp_after_fork_parent();
#endif
    call_rcu_after_fork_parent();
    pthread_mutex_unlock(&lock);
}

static void after_fork_child(void) {
#ifdef FLAVOUR_bp
    urcu_bp_after_fork_child();
    call_rcu_after_fork_child();
#endif
    pthread_mutex_unlock(&lock);
    live_as_child();
}

static void fork_and_wait(void) {
    int status = 0;
    before_fork();
    pid_t child = fork();
    if (child == 0) {
        after_fork_child();
    }
    after_fork_parent();
    REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void fork_with_handlers(void) {
    pthread_t churner;
    REQUIRE(pthread_create(&churner, NULL, churn, NULL) == 0);
    for (int round = 0; round < ROUNDS; round++) {
        fork_and_wait();
    }
    atomic_store(&stop, true);
    REQUIRE(pthread_join(churner, NULL) == 0);
}

static void *live(void *unused) {
    (void)unused;
    enter_thread();
    rcu_read_lock();
    for (size_t i = 0; i < 20; i++) {
        free(atomic_exchange(&shelf[i], malloc(100 * i + 1)));
    }
    rcu_read_unlock();
    leave_thread();
    for (size_t i = 0; i < 20; i++) {
        free(atomic_exchange(&shelf[i], malloc(10 * i + 1)));
    }
    return NULL;
}

static void end_threads(void) {
    for (int i = 0; i < LIVES / THREADS; i++) {
        run_threads(live);
        if (i % 50 == 0) {
            synchronize_rcu();
            malloc_trim(0);
        }
    }
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*run)(void);
    } cases[] = {
        {"lock", wait_for_a_lock}, {"call", call_back}, {"fork", fork_with_handlers}, {"exit", end_threads}};
    alarm(WATCHDOG);
    for (size_t i = 0; argc == 2 && i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (strcmp(cases[i].name, argv[1]) == 0) {
            cases[i].run();
            return 0;
        }
    }
    return 2;
}
