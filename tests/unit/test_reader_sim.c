/*
 * Door 1 of the simulator: faults really fire, transactions are exclusive,
 * and what happens to a card between two of them is told.
 */
#include "tests/unit/test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/error.h"
#include "tests/sim/cps3.h"
#include "tests/sim/reader_sim.h"

enum { ROUNDS = 200, THREADS = 4 };

static const uint8_t select_app[] = {0x00, 0xA4, 0x04, 0x0C, 0x0D, 0xE8, 0x28,
                                     0xBD, 0x08, 0x0F, 0x80, 0x25, 0x00, 0x00,
                                     0x01, 0xFF, 0x00, 0x10};
static const uint8_t verify_pin[] = {0x00, 0x20, 0x00, 0x01, 0x08, 0x31, 0x32,
                                     0x33, 0x34, 0xFF, 0xFF, 0xFF, 0xFF};
static const uint8_t verify_wrong[] = {0x00, 0x20, 0x00, 0x01, 0x08,
                                       0x39, 0x39, 0x39, 0x39, 0xFF,
                                       0xFF, 0xFF, 0xFF};
static const uint8_t query[] = {0x00, 0x20, 0x00, 0x01, 0x00};
static const uint8_t read_serial[] = {0x00, 0xB0, 0x9C, 0x00, 0x0C};

struct fixture {
    struct sim_world *world;
    struct applet *card;
    struct reader reader;
};

static void reader_for(struct fixture *f, struct reader *r)
{
    memset(r, 0, sizeof(*r));
    r->ops = &reader_sim;
    r->io = f->world;
    snprintf(r->name, sizeof(r->name), "Sim 0");
}

static int setup(void **state)
{
    struct cps3_options options = {.dir = getenv("TESSERA_SIM_DIR")};
    struct fixture *f = calloc(1, sizeof(*f));

    if (f == NULL || cps3_new(&options, &f->card) < 0
        || sim_world_new(&f->world) < 0
        || sim_world_add(f->world, "Sim 0", f->card) != 0)
        return -1;
    reader_for(f, &f->reader);
    *state = f;
    return f->reader.ops->connect(&f->reader);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    f->reader.ops->disconnect(&f->reader);
    sim_world_free(f->world);
    f->card->ops->free(f->card);
    free(f);
    return 0;
}

static int send_to(struct reader *r, struct bytes command, struct buf *rsp)
{
    rsp->len = 0;
    return r->ops->transmit(r, command, rsp);
}

/* The status word of an answer, or the error. */
static int status_of(struct reader *r, struct bytes command)
{
    uint8_t room[600];
    struct buf rsp = BUF_ON(room);
    int rc = send_to(r, command, &rsp);

    return rc < 0 ? rc : room[rsp.len - 2] << 8 | room[rsp.len - 1];
}

static unsigned pin_tries(const struct fixture *f)
{
    struct applet_tries tries;

    f->card->ops->tries(f->card, &tries);
    return tries.pin;
}

static void test_list_names_readers_that_hold_a_card(void **state)
{
    struct fixture *f = *state;
    static struct reader_list list;

    assert_int_equal(sim_world_add(f->world, "Sim 1", NULL), 1);
    assert_int_equal(reader_sim.list(f->world, &list), 0);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.names[0], "Sim 0");
    sim_world_insert(f->world, 0, NULL);
    assert_int_equal(reader_sim.list(f->world, &list), CARD_E_NO_CARD);
    sim_world_service(f->world, false);
    assert_int_equal(reader_sim.list(f->world, &list), CARD_E_NO_SERVICE);
}

static void test_connect_fills_atr_and_protocol(void **state)
{
    struct fixture *f = *state;

    assert_bytes_hex(bytes_from(f->reader.atr, f->reader.atr_len),
                     "3BAC00402A001225006480000310009000");
    assert_int_equal(f->reader.protocol, READER_T0);
}

static void test_connect_to_nothing_says_why(void **state)
{
    struct fixture *f = *state;
    struct reader r;

    reader_for(f, &r);
    sim_world_insert(f->world, 0, NULL);
    assert_int_equal(r.ops->connect(&r), CARD_E_NO_CARD);
    snprintf(r.name, sizeof(r.name), "Sim 9");
    assert_int_equal(r.ops->connect(&r), CARD_E_NO_READER);
    sim_world_service(f->world, false);
    assert_int_equal(r.ops->connect(&r), CARD_E_NO_SERVICE);
}

static void test_transmit_outside_a_transaction_is_refused(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(status_of(&f->reader, BYTES_OF(query)),
                     CARD_E_ARGUMENT);
}

static void test_counts_and_log_tell_what_was_sent(void **state)
{
    struct fixture *f = *state;
    struct reader *r = &f->reader;
    struct sim_counts counts;

    assert_int_equal(r->ops->begin(r), 0);
    assert_int_equal(status_of(r, BYTES_OF(select_app)), 0x9000);
    assert_int_equal(status_of(r, BYTES_OF(query)), 0x63C3);
    r->ops->end(r, READER_LEAVE);
    counts = sim_world_counts(f->world);
    assert_int_equal(counts.connects, 1);
    assert_int_equal(counts.begins, 1);
    assert_int_equal(counts.ends, 1);
    assert_int_equal(counts.transmits, 2);
    assert_int_equal(sim_world_logged(f->world), 2);
    assert_int_equal(sim_world_count_ins(f->world, 0x20), 1);
    assert_bytes_hex(sim_world_command(f->world, 1), "0020000100");
    assert_int_equal(sim_world_command(f->world, 2).len, 0);
    sim_world_reset_counts(f->world);
    assert_int_equal(sim_world_logged(f->world), 0);
}

static const struct {
    enum sim_fault kind;
    int want; /* error or status word, for read_serial */
} faults[] = {
    {SIM_FAULT_NO_SERVICE, CARD_E_NO_SERVICE},
    {SIM_FAULT_REMOVED,    CARD_E_REMOVED   },
    {SIM_FAULT_RESET,      CARD_E_RESET     },
    {SIM_FAULT_COMM,       CARD_E_COMM      },
    {SIM_FAULT_TIMEOUT,    CARD_E_TIMEOUT   },
    {SIM_FAULT_EMPTY,      CARD_E_PROTOCOL  },
    {SIM_FAULT_ONE_BYTE,   CARD_E_PROTOCOL  },
    {SIM_FAULT_TRUNCATED,  0x0001           }, /* 5A0A8025000001 */
    {SIM_FAULT_OVERLONG,   0x9000           },
    {SIM_FAULT_6F00,       0x6F00           },
    {SIM_FAULT_6982,       0x6982           },
    {SIM_FAULT_6983,       0x6983           },
    {SIM_FAULT_6A82,       0x6A82           },
    {SIM_FAULT_6100,       0x6100           },
    {SIM_FAULT_6C00,       0x6C00           },
};

/* Get going again as a program has to after any error. */
static void recover(struct reader *r)
{
    int rc;

    r->ops->end(r, READER_LEAVE);
    if ((rc = r->ops->begin(r)) == CARD_E_RESET)
        rc = r->ops->begin(r);
    if (rc < 0) {
        r->ops->disconnect(r);
        assert_int_equal(r->ops->connect(r), 0);
        assert_int_equal(r->ops->begin(r), 0);
    }
}

static void test_each_fault_fires_at_the_nth_transmit_once(void **state)
{
    struct fixture *f = *state;
    struct reader *r = &f->reader;

    assert_int_equal(nitems(faults), SIM_FAULT_END - 1);
    assert_int_equal(r->ops->begin(r), 0);
    for (size_t i = 0; i < nitems(faults); i++) {
        sim_world_fault(f->world, 3, faults[i].kind, false);
        assert_int_equal(status_of(r, BYTES_OF(read_serial)), 0x9000);
        assert_int_equal(status_of(r, BYTES_OF(read_serial)), 0x9000);
        assert_int_equal(status_of(r, BYTES_OF(read_serial)), faults[i].want);
        recover(r);
        assert_int_equal(status_of(r, BYTES_OF(read_serial)), 0x9000);
    }
}

static void test_lasting_fault_fires_from_then_on(void **state)
{
    struct fixture *f = *state;
    struct reader *r = &f->reader;

    assert_int_equal(r->ops->begin(r), 0);
    for (size_t i = 0; i < nitems(faults); i++) {
        sim_world_fault(f->world, 1, faults[i].kind, true);
        for (int n = 0; n < 3; n++) {
            assert_int_equal(status_of(r, BYTES_OF(read_serial)),
                             faults[i].want);
            recover(r);
        }
        sim_world_fault(f->world, 0, SIM_FAULT_NONE, false);
        assert_int_equal(status_of(r, BYTES_OF(read_serial)), 0x9000);
    }
}

static void test_status_fault_does_not_execute(void **state)
{
    struct fixture *f = *state;
    struct reader *r = &f->reader;

    assert_int_equal(r->ops->begin(r), 0);
    sim_world_fault(f->world, 1, SIM_FAULT_6983, false);
    assert_int_equal(status_of(r, BYTES_OF(verify_wrong)), 0x6983);
    assert_int_equal(pin_tries(f), 3);
    sim_world_fault(f->world, 1, SIM_FAULT_EMPTY, false);
    assert_int_equal(status_of(r, BYTES_OF(verify_wrong)), CARD_E_PROTOCOL);
    assert_int_equal(pin_tries(f), 2);
}

static void test_overlong_answer_that_does_not_fit_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct reader *r = &f->reader;
    uint8_t room[258];
    struct buf rsp = BUF_ON(room);

    assert_int_equal(r->ops->begin(r), 0);
    sim_world_fault(f->world, 1, SIM_FAULT_OVERLONG, false);
    assert_int_equal(send_to(r, BYTES_OF(read_serial), &rsp),
                     CARD_E_PROTOCOL);
}

static void test_tear_before_and_after_execution(void **state)
{
    struct fixture *f = *state;
    struct reader *r = &f->reader;

    assert_int_equal(r->ops->begin(r), 0);
    sim_world_tear(f->world, 2, SIM_TEAR_BEFORE);
    assert_int_equal(status_of(r, BYTES_OF(query)), 0x63C3);
    assert_int_equal(status_of(r, BYTES_OF(verify_wrong)), CARD_E_REMOVED);
    assert_int_equal(pin_tries(f), 3);
    recover(r);
    sim_world_tear(f->world, 1, SIM_TEAR_AFTER);
    assert_int_equal(status_of(r, BYTES_OF(verify_wrong)), CARD_E_REMOVED);
    assert_int_equal(pin_tries(f), 2);
    recover(r);
    assert_int_equal(status_of(r, BYTES_OF(query)), 0x63C2);
}

static void test_pull_during_a_transaction_loses_the_connection(void **state)
{
    struct fixture *f = *state;
    struct reader *r = &f->reader;

    assert_int_equal(r->ops->begin(r), 0);
    sim_world_insert(f->world, 0, NULL);
    assert_int_equal(status_of(r, BYTES_OF(query)), CARD_E_REMOVED);
    sim_world_insert(f->world, 0, f->card);
    assert_int_equal(status_of(r, BYTES_OF(query)), CARD_E_REMOVED);
    r->ops->end(r, READER_LEAVE);
    assert_int_equal(r->ops->begin(r), CARD_E_REMOVED);
    r->ops->disconnect(r);
    assert_int_equal(r->ops->connect(r), 0);
    assert_int_equal(r->ops->begin(r), 0);
    assert_int_equal(status_of(r, BYTES_OF(query)), 0x63C3);
}

static void test_service_restart_loses_the_connection(void **state)
{
    struct fixture *f = *state;
    struct reader *r = &f->reader;

    sim_world_service(f->world, false);
    assert_int_equal(r->ops->begin(r), CARD_E_NO_SERVICE);
    sim_world_service(f->world, true);
    assert_int_equal(r->ops->begin(r), CARD_E_NO_SERVICE);
    r->ops->disconnect(r);
    assert_int_equal(r->ops->connect(r), 0);
    assert_int_equal(r->ops->begin(r), 0);
}

static void test_reset_by_others_is_told_once_and_loses_the_pin(void **state)
{
    struct fixture *f = *state;
    struct reader *r = &f->reader;

    assert_int_equal(r->ops->begin(r), 0);
    assert_int_equal(status_of(r, BYTES_OF(verify_pin)), 0x9000);
    assert_false(sim_world_other(f->world, 0, SIM_OTHER_RESET));
    r->ops->end(r, READER_LEAVE);
    assert_int_equal(r->ops->begin(r), 0);
    assert_int_equal(status_of(r, BYTES_OF(query)), 0x9000);
    r->ops->end(r, READER_LEAVE);
    assert_true(sim_world_other(f->world, 0, SIM_OTHER_RESET));
    assert_int_equal(r->ops->begin(r), CARD_E_RESET);
    assert_int_equal(status_of(r, BYTES_OF(query)), CARD_E_ARGUMENT);
    assert_int_equal(r->ops->begin(r), 0);
    assert_int_equal(status_of(r, BYTES_OF(query)), 0x63C3);
}

static void test_intrusion_comes_before_the_nth_begin(void **state)
{
    struct fixture *f = *state;
    struct reader *r = &f->reader;

    sim_world_intrude(f->world, 2, SIM_OTHER_APPLICATION);
    assert_int_equal(r->ops->begin(r), 0);
    assert_int_equal(status_of(r, BYTES_OF(query)), 0x63C3);
    r->ops->end(r, READER_LEAVE);
    assert_int_equal(r->ops->begin(r), 0);
    assert_int_equal(status_of(r, BYTES_OF(query)), 0x6E00);
    assert_int_equal(status_of(r, BYTES_OF(select_app)), 0x9000);
    r->ops->end(r, READER_LEAVE);
    sim_world_intrude(f->world, 1, SIM_OTHER_RESET);
    assert_int_equal(r->ops->begin(r), CARD_E_RESET);
    assert_int_equal(r->ops->begin(r), 0);
    r->ops->end(r, READER_LEAVE);
    assert_int_equal(sim_world_count_ins(f->world, 0xA4), 1);
}

static void test_end_with_reset_is_news_to_others_only(void **state)
{
    struct fixture *f = *state;
    struct reader *r = &f->reader;
    struct reader other;

    reader_for(f, &other);
    assert_int_equal(other.ops->connect(&other), 0);
    assert_int_equal(r->ops->begin(r), 0);
    assert_int_equal(status_of(r, BYTES_OF(verify_pin)), 0x9000);
    r->ops->end(r, READER_RESET);
    assert_int_equal(r->ops->begin(r), 0);
    assert_int_equal(status_of(r, BYTES_OF(query)), 0x63C3);
    r->ops->end(r, READER_LEAVE);
    assert_int_equal(other.ops->begin(&other), CARD_E_RESET);
    other.ops->disconnect(&other);
}

static void test_card_without_users_loses_power(void **state)
{
    struct fixture *f = *state;
    struct reader *r = &f->reader;

    assert_int_equal(r->ops->begin(r), 0);
    assert_int_equal(status_of(r, BYTES_OF(verify_pin)), 0x9000);
    r->ops->end(r, READER_LEAVE);
    r->ops->disconnect(r);
    assert_int_equal(r->ops->connect(r), 0);
    assert_int_equal(r->ops->begin(r), 0);
    assert_int_equal(status_of(r, BYTES_OF(query)), 0x63C3);
}

static void test_begin_gives_up_when_others_hold_the_card(void **state)
{
    struct fixture *f = *state;
    struct reader *r = &f->reader;
    struct reader other;

    reader_for(f, &other);
    sim_world_patience(f->world, 20);
    assert_int_equal(other.ops->connect(&other), 0);
    assert_int_equal(r->ops->begin(r), 0);
    assert_int_equal(other.ops->begin(&other), CARD_E_BUSY);
    r->ops->forget(r);
    assert_null(r->link);
    assert_int_equal(other.ops->begin(&other), 0);
    other.ops->disconnect(&other);
}

/* Select a file of its own, read it: others' selections must not show. */
struct contender {
    struct fixture *fixture;
    uint8_t sfi, first;
    unsigned failures;
};

static void *contend(void *arg)
{
    struct contender *c = arg;
    const uint8_t select[] = {0x00, 0xB0, (uint8_t)(0x80 | c->sfi), 0x00, 1};
    const uint8_t read[] = {0x00, 0xB0, 0x00, 0x00, 0x01};
    uint8_t room[600];
    struct buf rsp = BUF_ON(room);
    struct reader r;

    reader_for(c->fixture, &r);
    if (r.ops->connect(&r) < 0)
        c->failures++;
    for (int i = 0; i < ROUNDS && r.link != NULL; i++) {
        if (r.ops->begin(&r) < 0 || send_to(&r, BYTES_OF(select), &rsp) < 0
            || send_to(&r, BYTES_OF(read), &rsp) < 0 || rsp.len != 3
            || room[0] != c->first)
            c->failures++;
        r.ops->end(&r, READER_LEAVE);
    }
    r.ops->disconnect(&r);
    return NULL;
}

static void test_threads_take_turns(void **state)
{
    struct fixture *f = *state;
    struct contender contenders[THREADS];
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        contenders[i].fixture = f;
        contenders[i].failures = 0;
        contenders[i].sfi = i % 2 == 0 ? 0x1C : 0x1E;
        contenders[i].first = i % 2 == 0 ? 0x5A : 0x61;
        assert_int_equal(
            pthread_create(&threads[i], NULL, contend, &contenders[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(contenders[i].failures, 0);
    }
    assert_int_equal(sim_world_counts(f->world).transmits,
                     2 * ROUNDS * THREADS);
}

static void test_seventeenth_reader_is_refused(void **state)
{
    struct fixture *f = *state;

    for (int i = 1; i < SIM_MAX_READERS; i++)
        assert_int_equal(sim_world_add(f->world, "more", NULL), i);
    assert_int_equal(sim_world_add(f->world, "more", NULL), CARD_E_LIMIT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_list_names_readers_that_hold_a_card),
        TEST(test_connect_fills_atr_and_protocol),
        TEST(test_connect_to_nothing_says_why),
        TEST(test_transmit_outside_a_transaction_is_refused),
        TEST(test_counts_and_log_tell_what_was_sent),
        TEST(test_each_fault_fires_at_the_nth_transmit_once),
        TEST(test_lasting_fault_fires_from_then_on),
        TEST(test_status_fault_does_not_execute),
        TEST(test_overlong_answer_that_does_not_fit_is_an_error),
        TEST(test_tear_before_and_after_execution),
        TEST(test_pull_during_a_transaction_loses_the_connection),
        TEST(test_service_restart_loses_the_connection),
        TEST(test_reset_by_others_is_told_once_and_loses_the_pin),
        TEST(test_intrusion_comes_before_the_nth_begin),
        TEST(test_end_with_reset_is_news_to_others_only),
        TEST(test_card_without_users_loses_power),
        TEST(test_begin_gives_up_when_others_hold_the_card),
        TEST(test_threads_take_turns),
        TEST(test_seventeenth_reader_is_refused),
    };

    if (getenv("TESSERA_SIM_DIR") == NULL) {
        fputs("TESSERA_SIM_DIR must name mkcard's folder\n", stderr);
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
