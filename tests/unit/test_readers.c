/*
 * Watching readers: what is told at once, what ends a wait, and what does not.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "card/error.h"
#include "tests/sim/cps3.h"
#include "tests/sim/reader_sim.h"
#include "tests/unit/fake_reader.h"
#include "tests/unit/test.h"

struct fixture {
    struct sim_world *world;
    struct applet *card;
    struct reader_states states;
};

static int setup(void **state)
{
    struct cps3_options options = {.dir = getenv("TESSERA_SIM_DIR")};
    struct fixture *f = calloc(1, sizeof(*f));

    if (f == NULL || cps3_new(&options, &f->card) < 0 ||
        sim_world_new(&f->world) < 0)
        return -1;
    *state = f;
    return 0;
}

/* With the readers "Sim 0", which holds the card, and "Sim 1". */
static int setup_two(void **state)
{
    struct fixture *f;

    if (setup(state) < 0)
        return -1;
    f = *state;
    return sim_world_add(f->world, "Sim 0", f->card) == 0 &&
                   sim_world_add(f->world, "Sim 1", NULL) == 1 ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    sim_world_free(f->world);
    f->card->ops->free(f->card);
    free(f);
    return 0;
}

static int look(struct fixture *f, int timeout_ms)
{
    return reader_sim.states(f->world, &f->states, timeout_ms);
}

/* What another thread does to the world once somebody waits. */
struct event {
    struct fixture *f;
    void (*happens)(struct fixture *f);
};

static void *cause(void *arg)
{
    const struct event *e = arg;
    const struct timespec pause = {.tv_nsec = 1000000};

    while (sim_world_counts(e->f->world).waits == 0)
        nanosleep(&pause, NULL);
    e->happens(e->f);
    return NULL;
}

/* Wait, and let that happen meanwhile. */
static int wait_while(struct fixture *f, void (*happens)(struct fixture *f),
                      int timeout_ms)
{
    struct event e = {f, happens};
    pthread_t thread;
    int rc;

    sim_world_reset_counts(f->world);
    assert_int_equal(pthread_create(&thread, NULL, cause, &e), 0);
    alarm(60);
    rc = look(f, timeout_ms);
    alarm(0);
    pthread_join(thread, NULL);
    return rc;
}

static void pull(struct fixture *f)
{
    sim_world_insert(f->world, 0, NULL);
}

static void insert_in_second(struct fixture *f)
{
    sim_world_insert(f->world, 1, f->card);
}

static void pull_and_put_back(struct fixture *f)
{
    sim_world_insert(f->world, 0, NULL);
    sim_world_insert(f->world, 0, f->card);
}

static void plug_in(struct fixture *f)
{
    sim_world_add(f->world, "Sim new", NULL);
}

static void plug_out_first(struct fixture *f)
{
    sim_world_plug(f->world, 0, false);
}

static void stop_service(struct fixture *f)
{
    sim_world_service(f->world, false);
}

static void connect_and_leave(struct fixture *f)
{
    struct reader r = {.ops = &reader_sim, .io = f->world, .name = "Sim 0"};

    assert_int_equal(r.ops->connect(&r), 0);
    assert_int_equal(r.ops->begin(&r), 0);
    r.ops->end(&r, READER_LEAVE);
    r.ops->disconnect(&r);
}

static void test_states_when_new_then_all_readers_at_once(void **state)
{
    struct fixture *f = *state;
    const struct reader_state *r = f->states.readers;
    struct bytes atr = f->card->ops->atr(f->card);

    assert_int_equal(look(f, -1), 0);
    assert_true(f->states.known);
    assert_int_equal(f->states.count, 2);
    assert_string_equal(r[0].name, "Sim 0");
    assert_int_equal(r[0].presence, READER_PRESENT);
    assert_int_equal(r[0].atr_len, atr.len);
    assert_memory_equal(r[0].atr, atr.data, atr.len);
    assert_string_equal(r[1].name, "Sim 1");
    assert_int_equal(r[1].presence, READER_EMPTY);
    assert_int_equal(r[1].atr_len, 0);
}

static void test_states_when_nothing_differs_then_timeout(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(look(f, 0), 0);
    assert_int_equal(look(f, 0), CARD_E_TIMEOUT);
    assert_int_equal(look(f, 30), CARD_E_TIMEOUT);
    assert_int_equal(f->states.count, 2);
    assert_int_equal(f->states.readers[0].presence, READER_PRESENT);
}

static void test_states_when_card_comes_or_goes_then_told(void **state)
{
    struct fixture *f = *state;
    const struct reader_state *r = f->states.readers;

    assert_int_equal(look(f, 0), 0);
    assert_int_equal(wait_while(f, pull, -1), 0);
    assert_int_equal(r[0].presence, READER_EMPTY);
    assert_int_equal(r[0].atr_len, 0);
    assert_int_equal(wait_while(f, insert_in_second, 60000), 0);
    assert_int_equal(r[1].presence, READER_PRESENT);
    assert_int_equal(look(f, 0), CARD_E_TIMEOUT);
}

/* The card is there again, but it is not known to be the same. */
static void test_states_when_card_did_both_then_told(void **state)
{
    struct fixture *f = *state;
    uint32_t events;

    assert_int_equal(look(f, 0), 0);
    events = f->states.readers[0].events;
    pull_and_put_back(f);
    assert_int_equal(look(f, 0), 0);
    assert_int_equal(f->states.readers[0].presence, READER_PRESENT);
    assert_int_equal(f->states.readers[0].events, events + 2);
}

static void test_states_when_reader_plugged_then_told(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(look(f, 0), 0);
    assert_int_equal(wait_while(f, plug_in, -1), 0);
    assert_int_equal(f->states.count, 3);
    assert_int_equal(wait_while(f, plug_out_first, -1), 0);
    assert_int_equal(f->states.count, 2);
    assert_string_equal(f->states.readers[0].name, "Sim 1");
    assert_int_equal(look(f, 0), CARD_E_TIMEOUT);
}

static void test_states_when_no_reader_then_first_one_is_told(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(look(f, -1), 0);
    assert_int_equal(f->states.count, 0);
    assert_int_equal(look(f, 0), CARD_E_TIMEOUT);
    assert_int_equal(wait_while(f, plug_in, -1), 0);
    assert_int_equal(f->states.count, 1);
    assert_string_equal(f->states.readers[0].name, "Sim new");
}

static void test_states_when_used_then_not_woken(void **state)
{
    struct fixture *f = *state;
    struct reader r = {.ops = &reader_sim, .io = f->world, .name = "Sim 0"};

    assert_int_equal(look(f, 0), 0);
    assert_int_equal(wait_while(f, connect_and_leave, 200), CARD_E_TIMEOUT);
    assert_int_equal(r.ops->connect(&r), 0);
    assert_int_equal(look(f, 0), CARD_E_TIMEOUT);
    r.ops->disconnect(&r);
}

static void test_states_when_service_stops_then_last_is_kept(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(look(f, 0), 0);
    assert_int_equal(wait_while(f, stop_service, -1), CARD_E_NO_SERVICE);
    assert_int_equal(f->states.count, 2);
    sim_world_insert(f->world, 0, NULL);
    assert_int_equal(look(f, -1), CARD_E_NO_SERVICE);
    sim_world_service(f->world, true);
    assert_int_equal(look(f, -1), 0);
    assert_int_equal(f->states.readers[0].presence, READER_EMPTY);
}

static void test_states_when_recorded_then_passed_on(void **state)
{
    struct fixture *f = *state;
    char path[] = "/tmp/test_readers.XXXXXX";
    struct reader_states states = {.count = 0};
    struct reader_trace *trace;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(reader_trace_new(&reader_sim, f->world, path, &trace), 0);
    assert_int_equal(reader_trace.states(trace, &states, 0), 0);
    assert_int_equal(states.count, 2);
    assert_int_equal(reader_trace.states(trace, &states, 0), CARD_E_TIMEOUT);
    reader_trace_free(trace);
    assert_int_equal(reader_trace_new(&fake_reader, NULL, path, &trace), 0);
    assert_int_equal(reader_trace.states(trace, &states, 0),
                     CARD_E_UNSUPPORTED);
    reader_trace_free(trace);
    unlink(path);
}

static void test_same_when_one_thing_differs_then_not(void **state)
{
    static const struct reader_states base = {
        .readers = {{.name = "R", .atr = {0x3B, 0x00}, .atr_len = 2,
                     .presence = READER_PRESENT, .events = 3}},
        .count = 1, .known = true};
    struct reader_states other = base;

    (void)state;
    assert_true(reader_states_same(&base, &other));
    other = base, other.readers[0].events++;
    assert_false(reader_states_same(&base, &other));
    other = base, other.readers[0].presence = READER_MUTE;
    assert_false(reader_states_same(&base, &other));
    other = base, other.readers[0].atr[1] = 1;
    assert_false(reader_states_same(&base, &other));
    other = base, other.readers[0].atr_len = 1;
    assert_false(reader_states_same(&base, &other));
    other = base, other.readers[0].name[0] = 'Q';
    assert_false(reader_states_same(&base, &other));
    other = base, other.count = 0;
    assert_false(reader_states_same(&base, &other));
    other = base, other.known = false;
    assert_false(reader_states_same(&base, &other));
}

#define TEST_TWO(function)                                                     \
    cmocka_unit_test_setup_teardown(function, setup_two, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_TWO(test_states_when_new_then_all_readers_at_once),
        TEST_TWO(test_states_when_nothing_differs_then_timeout),
        TEST_TWO(test_states_when_card_comes_or_goes_then_told),
        TEST_TWO(test_states_when_card_did_both_then_told),
        TEST_TWO(test_states_when_reader_plugged_then_told),
        cmocka_unit_test_setup_teardown(
            test_states_when_no_reader_then_first_one_is_told, setup,
            teardown),
        TEST_TWO(test_states_when_used_then_not_woken),
        TEST_TWO(test_states_when_service_stops_then_last_is_kept),
        TEST_TWO(test_states_when_recorded_then_passed_on),
        cmocka_unit_test(test_same_when_one_thing_differs_then_not)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
