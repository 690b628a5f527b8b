/*
 * start_cost CONF_A CONF_B ROUNDS COMMAND [ARG...]: run a command under one
 * OPENSSL_CONF and the other in turn, and print the difference of the median
 * times (B - A) and both of them, in milliseconds, to standard error.
 */
#define _POSIX_C_SOURCE 200809L

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

enum { MAX_ROUNDS = 1000 };

extern char **environ;

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double run_ms(const char *conf, char **argv)
{
    double start = now_ms();
    int status = 0;
    pid_t pid;

    if (setenv("OPENSSL_CONF", conf, 1) != 0 ||
        posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0 ||
        waitpid(pid, &status, 0) != pid || status != 0) {
        fprintf(stderr, "start_cost: %s failed under %s\n", argv[0], conf);
        exit(1);
    }
    return now_ms() - start;
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof(*v), compare);
    return v[n / 2];
}

int main(int argc, char **argv)
{
    static double a[MAX_ROUNDS], b[MAX_ROUNDS];
    size_t rounds = argc > 4 ? strtoul(argv[3], NULL, 10) : 0;

    if (rounds == 0 || rounds > MAX_ROUNDS)
        return 2;
    run_ms(argv[1], argv + 4); /* warm the caches */
    run_ms(argv[2], argv + 4);
    for (size_t i = 0; i < rounds; i++) {
        a[i] = run_ms(argv[1], argv + 4);
        b[i] = run_ms(argv[2], argv + 4);
    }
    /* standard output is the command's */
    fprintf(stderr, "%.2f %.2f %.2f\n", median(b, rounds) - median(a, rounds),
            median(a, rounds), median(b, rounds));
    return 0;
}
