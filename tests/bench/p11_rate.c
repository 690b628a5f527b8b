/*
 * Threads that repeat something until the time is over.
 */
#include "tests/bench/p11_rate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

struct runner {
    pthread_t thread;
    bool (*step)(void *worker);
    void *worker;
    unsigned long done;
    bool failed;
};

static atomic_bool over;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *run(void *arg)
{
    struct runner *r = arg;

    while (!r->failed && !atomic_load(&over)) {
        r->failed = !r->step(r->worker);
        r->done++;
    }
    return NULL;
}

double rate(size_t threads, unsigned long ms, bool (*step)(void *worker),
            void *worker, size_t size)
{
    struct runner runners[RATE_MAX_THREADS];
    struct timespec span = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    bool failed = threads > RATE_MAX_THREADS;
    double start = now(), done = 0;
    size_t n;

    atomic_store(&over, false);
    for (n = 0; !failed && n < threads; n++) {
        runners[n] =
            (struct runner){.step = step, .worker = (char *)worker + n * size};
        failed =
            pthread_create(&runners[n].thread, NULL, run, &runners[n]) != 0;
        if (failed)
            break;
    }
    nanosleep(&span, NULL);
    atomic_store(&over, true);
    while (n-- > 0) {
        pthread_join(runners[n].thread, NULL);
        failed = failed || runners[n].failed;
        done += (double)runners[n].done;
    }
    return failed ? -1 : done / (now() - start);
}
