/*
 * A mutex that a forked child finds free: the thread that held it in the parent
 * does not exist in the child. It needs no atfork handler, which clone() would
 * not run.
 */
#ifndef CARD_BASE_LOCK_H
#define CARD_BASE_LOCK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct lock {
    pthread_mutex_t mutex;
    atomic_long owner_pid; /* negative: that process is remaking it */
};

/* 0 or CARD_E_MEMORY. */
int lock_init(struct lock *l);
void lock_destroy(struct lock *l);
/*
 * Lock it; true if this process is a forked child that locks it for the first
 * time, so what it guards belongs to the parent.
 */
bool lock_take(struct lock *l);
void lock_release(struct lock *l);

#endif
