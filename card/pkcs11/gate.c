/*
 * The gate to the modules: who is inside one. A fork waits for them, because it
 * copies locks that threads hold which the child does not have, and a module,
 * SoftHSM for one, would wait for those for ever; so does the end of the
 * process, because it takes away what a module works with. The handlers stay
 * good because the plugins are never unmapped.
 */
#include "card/pkcs11/p11.h"

#include <stdlib.h>
#include <time.h>

enum { WAIT_S = 2 }; /* for a token that waits for a finger, in vain */

static struct {
    pthread_once_t once;
    bool usable;
    struct lock lock; /* guards what follows */
    pthread_cond_t changed;
    unsigned inside;  /* threads */
    unsigned closing; /* forks that wait */
    atomic_bool ending;
} gate = {.once = PTHREAD_ONCE_INIT};

static _Thread_local unsigned depth; /* this thread's entries */

/* A forked child has this one thread. */
static void take(void)
{
    if (!lock_take(&gate.lock))
        return;
    pthread_cond_init(&gate.changed, NULL);
    gate.inside = depth > 0 ? 1 : 0;
    gate.closing = 0;
}

/* With the lock held. A module that forks, and so is inside, waits for none. */
static void wait_for_others(void)
{
    struct timespec until;
    int rc = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    while (depth == 0 && gate.inside > 0 && rc == 0)
        rc = pthread_cond_timedwait(&gate.changed, &gate.lock.mutex, &until);
}

/* Before a fork, and held over it. */
static void close_gate(void)
{
    take();
    gate.closing++;
    wait_for_others();
}

/* In the parent; a child makes the lock anew when it first comes here. */
static void open_gate(void)
{
    gate.closing--;
    pthread_cond_broadcast(&gate.changed);
    lock_release(&gate.lock);
}

void p11_end(void)
{
    atomic_store(&gate.ending, true);
    take();
    wait_for_others();
    lock_release(&gate.lock);
}

static void init_gate(void)
{
    gate.usable = lock_init(&gate.lock) == 0 &&
                  pthread_cond_init(&gate.changed, NULL) == 0 &&
                  pthread_atfork(close_gate, open_gate, NULL) == 0 &&
                  atexit(p11_end) == 0;
}

bool p11_gate_init(void)
{
    return pthread_once(&gate.once, init_gate) == 0 && gate.usable;
}

bool p11_is_inside(void)
{
    return depth > 0;
}

int p11_enter(void)
{
    bool ending;

    if (depth > 0) {
        depth++;
        return 0;
    }
    take();
    while (gate.closing > 0)
        pthread_cond_wait(&gate.changed, &gate.lock.mutex);
    ending = atomic_load(&gate.ending);
    if (!ending) {
        gate.inside++;
        depth++;
    }
    lock_release(&gate.lock);
    return ending ? card_fail(CARD_E_NO_SERVICE, "the process is ending") : 0;
}

void p11_leave(void)
{
    if (depth > 1) {
        depth--;
        return;
    }
    take(); /* counts this thread as inside, in a child too */
    depth = 0;
    gate.inside--;
    pthread_cond_broadcast(&gate.changed);
    lock_release(&gate.lock);
}
