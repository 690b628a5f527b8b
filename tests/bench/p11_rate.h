/*
 * How often something can be done in a second, by several threads at once.
 */
#ifndef TESTS_BENCH_P11_RATE_H
#define TESTS_BENCH_P11_RATE_H

#include <stdbool.h>
#include <stddef.h>

enum { RATE_MAX_THREADS = 64 };

/*
 * Thread i repeats step(worker + i * size) for that many milliseconds. Returns
 * how often all of them did it in a second; negative if a step failed.
 */
double rate(size_t threads, unsigned long ms, bool (*step)(void *worker),
            void *worker, size_t size);

#endif
