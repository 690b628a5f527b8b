/*
 * The mutex that a forked child finds free.
 */
#define _DEFAULT_SOURCE /* usleep */

#include "card/base/lock.h"

#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/test.h"

enum { THREADS = 4, ROUNDS = 2000, DEADLINE = 30 /* seconds, in a child */ };

struct shared {
    struct lock lock;
    pthread_barrier_t start;
    atomic_bool held, let_go;
    atomic_int firsts;
    long counter; /* guarded by lock */
    bool guarded_reset; /* guarded: the first in a child sets it */
    atomic_int unguarded; /* threads that came before the first had reset */
};

static void *hold(void *arg)
{
    struct shared *s = arg;

    lock_take(&s->lock);
    atomic_store(&s->held, true);
    while (!atomic_load(&s->let_go))
        usleep(1000);
    lock_release(&s->lock);
    return NULL;
}

static void *count(void *arg)
{
    struct shared *s = arg;

    pthread_barrier_wait(&s->start);
    for (int i = 0; i < ROUNDS; i++) {
        if (lock_take(&s->lock)) {
            atomic_fetch_add(&s->firsts, 1);
            usleep(1000); /* time for the others to come, if they can */
            s->guarded_reset = true;
        } else if (!s->guarded_reset) {
            atomic_fetch_add(&s->unguarded, 1);
        }
        s->counter++;
        lock_release(&s->lock);
    }
    return NULL;
}

static bool race(struct shared *s)
{
    pthread_t threads[THREADS];

    if (pthread_barrier_init(&s->start, NULL, THREADS) != 0)
        return false;
    for (size_t i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, count, s) != 0)
            return false;
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&s->start);
    return s->counter == (long)THREADS * ROUNDS;
}

/* 0 if the child exits with 0 before its deadline. */
static int wait_for(pid_t child)
{
    int status = -1;

    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void start_holder(struct shared *s, pthread_t *thread)
{
    assert_int_equal(lock_init(&s->lock), 0);
    assert_int_equal(pthread_create(thread, NULL, hold, s), 0);
    while (!atomic_load(&s->held))
        usleep(1000);
}

static void stop_holder(struct shared *s, pthread_t thread)
{
    atomic_store(&s->let_go, true);
    pthread_join(thread, NULL);
    lock_destroy(&s->lock);
}

static void test_take_when_same_process_then_not_first(void **state)
{
    struct shared s = {.guarded_reset = true};

    (void)state;
    assert_int_equal(lock_init(&s.lock), 0);
    assert_false(lock_take(&s.lock));
    lock_release(&s.lock);
    assert_true(race(&s));
    assert_int_equal(s.firsts, 0);
    lock_destroy(&s.lock);
}

static void test_take_when_forked_while_held_then_free_and_once(void **state)
{
    struct shared s = {.counter = 0};
    pthread_t holder;
    pid_t child;

    (void)state;
    start_holder(&s, &holder);
    child = fork();
    if (child == 0) {
        alarm(DEADLINE);
        if (!lock_take(&s.lock))
            _exit(1);
        lock_release(&s.lock);
        if (lock_take(&s.lock))
            _exit(2);
        lock_release(&s.lock);
        _exit(0);
    }
    assert_int_equal(wait_for(child), 0);
    stop_holder(&s, holder);
}

static void test_take_when_threads_race_in_child_then_one_is_first(void **state)
{
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); /* it cannot follow threads of a child of a threaded process */
#endif
    for (int i = 0; i < 20; i++) {
        struct shared s = {.counter = 0};
        pthread_t holder;
        pid_t child;

        start_holder(&s, &holder);
        child = fork();
        if (child == 0) {
            alarm(DEADLINE);
            _exit(race(&s) && s.firsts == 1 && s.unguarded == 0 ? 0 : 1);
        }
        assert_int_equal(wait_for(child), 0);
        stop_holder(&s, holder);
    }
}

static void test_take_when_grandchild_then_first_again(void **state)
{
    struct shared s = {.counter = 0};
    pthread_t holder;
    pid_t child;

    (void)state;
    start_holder(&s, &holder);
    child = fork();
    if (child == 0) {
        pid_t grandchild;

        alarm(DEADLINE);
        if (!lock_take(&s.lock))
            _exit(1);
        grandchild = fork(); /* while the lock is held */
        if (grandchild == 0) {
            alarm(DEADLINE);
            _exit(lock_take(&s.lock) ? 0 : 1);
        }
        _exit(wait_for(grandchild) == 0 ? 0 : 2);
    }
    assert_int_equal(wait_for(child), 0);
    stop_holder(&s, holder);
}

static void test_take_when_forked_amid_a_remake_then_remade(void **state)
{
    struct shared s = {.counter = 0};
    pid_t child;

    (void)state;
    assert_int_equal(lock_init(&s.lock), 0);
    atomic_store(&s.lock.owner_pid, -(long)getpid());
    child = fork();
    if (child == 0) {
        alarm(DEADLINE);
        _exit(lock_take(&s.lock) ? 0 : 1);
    }
    assert_int_equal(wait_for(child), 0);
    lock_destroy(&s.lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_take_when_same_process_then_not_first),
        cmocka_unit_test(test_take_when_forked_while_held_then_free_and_once),
        cmocka_unit_test(
            test_take_when_threads_race_in_child_then_one_is_first),
        cmocka_unit_test(test_take_when_grandchild_then_first_again),
        cmocka_unit_test(test_take_when_forked_amid_a_remake_then_remade)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
