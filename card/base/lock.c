/*
 * A mutex that knows which process it belongs to. In a forked child the first
 * to take it makes it anew and holds it before any other thread may try.
 */
#include "card/base/lock.h"

#include <sched.h>
#include <unistd.h>

#include "card/error.h"

int lock_init(struct lock *l)
{
    if (pthread_mutex_init(&l->mutex, NULL) != 0)
        return card_fail(CARD_E_MEMORY, "no memory for a lock");
    atomic_init(&l->owner_pid, (long)getpid());
    return 0;
}

void lock_destroy(struct lock *l)
{
    pthread_mutex_destroy(&l->mutex);
}

/*
 * True if this thread made the mutex anew, and holds it. The mark of a remake
 * carries the process too: a process forked in the middle of one must not wait
 * for a thread it does not have.
 */
static bool remake_after_fork(struct lock *l)
{
    long self = (long)getpid();
    long owner = atomic_load(&l->owner_pid);

    while (owner != self) {
        if (owner == -self) {
            sched_yield();
            owner = atomic_load(&l->owner_pid);
            continue;
        }
        if (!atomic_compare_exchange_weak(&l->owner_pid, &owner, -self))
            continue;
        /* Nobody in this process holds the parent's: it is not destroyed */
        pthread_mutex_init(&l->mutex, NULL);
        pthread_mutex_lock(&l->mutex);
        atomic_store(&l->owner_pid, self);
        return true;
    }
    return false;
}

bool lock_take(struct lock *l)
{
    if (remake_after_fork(l))
        return true;
    pthread_mutex_lock(&l->mutex);
    return false;
}

void lock_release(struct lock *l)
{
    pthread_mutex_unlock(&l->mutex);
}
