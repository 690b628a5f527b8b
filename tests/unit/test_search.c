/*
 * Searches among many cards: which are asked, in what order, and which are
 * left alone; cards that others hold; several applications on one card.
 */
#define _XOPEN_SOURCE 700 /* mkdtemp */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/card_world.h"

enum { CARDS = 9 };

/* CPS3 cards 99000000, 99000001... in readers "Sim 0", "Sim 1"... */
struct many {
    struct card_world w;
    struct applet *more[CARDS - 1];
    char cache[32];
};

static void open_many(struct many *m)
{
    strcpy(m->cache, "/tmp/tessera-search-XXXXXX");
    assert_non_null(mkdtemp(m->cache));
    world_open(&m->w, (struct cps3_options){.serial = "99000000"});
    for (int i = 0; i < CARDS - 1; i++) {
        char serial[] = "99000000", name[] = "Sim 0";
        const struct cps3_options options = {.dir = world_dir(),
                                             .serial = serial};

        serial[7] = name[4] = (char)('1' + i);
        assert_int_equal(cps3_new(&options, &m->more[i]), 0);
        assert_int_equal(sim_world_add(m->w.sim, name, m->more[i]), i + 1);
    }
    world_restart(&m->w);
}

static void close_many(struct many *m)
{
    char command[64];

    card_context_free(m->w.ctx);
    m->w.ctx = NULL;
    world_close(&m->w);
    for (int i = 0; i < CARDS - 1; i++)
        m->more[i]->ops->free(m->more[i]);
    snprintf(command, sizeof(command), "rm -rf '%s'", m->cache);
    assert_int_equal(system(command), 0);
}

/* APDUs of a program that signs once with that URI. */
static unsigned cost_of(struct many *m, const char *uri)
{
    struct card_key *key;

    world_restart(&m->w);
    sim_world_reset_counts(m->w.sim);
    key = world_key(&m->w, uri);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    card_key_free(key);
    return world_transmits(&m->w);
}

static void test_serial_found_ends_the_search(void **state)
{
    struct many m;
    unsigned first, last;

    (void)state;
    open_many(&m);
    first = cost_of(&m, "card:serial=99000000;usage=auth?pin-value=1234");
    last = cost_of(&m, "card:serial=99000008;usage=auth?pin-value=1234");
    /* Two APDUs tell who each of the eight others is. */
    assert_int_equal(last, first + 8 * 2);
    close_many(&m);
}

static void test_card_seen_before_is_asked_first(void **state)
{
    static const char uri[] = "card:serial=99000008;usage=auth?pin-value=1234";
    struct many m;
    unsigned alone;

    (void)state;
    open_many(&m);
    alone = cost_of(&m, "card:reader=Sim 8;usage=auth?pin-value=1234");
    m.w.settings.cache = m.cache;
    cost_of(&m, uri);
    assert_true(cost_of(&m, uri) <= alone);
    close_many(&m);
}

/* A hint decides an order, never an answer. */
static void test_cards_that_changed_places_are_found(void **state)
{
    static const char uri[] = "card:serial=99000008;usage=auth?pin-value=1234";
    struct many m;

    (void)state;
    open_many(&m);
    m.w.settings.cache = m.cache;
    cost_of(&m, uri);
    sim_world_insert(m.w.sim, 8, NULL);
    sim_world_insert(m.w.sim, 3, NULL);
    sim_world_insert(m.w.sim, 8, m.more[2]);
    sim_world_insert(m.w.sim, 3, m.more[7]);
    cost_of(&m, uri);
    close_many(&m);
}

static void hold(struct many *m, struct reader *r, const char *name)
{
    memset(r, 0, sizeof(*r));
    r->ops = &reader_sim;
    r->io = m->w.sim;
    snprintf(r->name, sizeof(r->name), "%s", name);
    assert_int_equal(r->ops->connect(r), 0);
    assert_int_equal(r->ops->begin(r), 0);
}

static void let_go(struct reader *r)
{
    r->ops->end(r, READER_LEAVE);
    r->ops->disconnect(r);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void test_card_in_use_does_not_block_the_search(void **state)
{
    struct many m;
    struct reader r;
    double start;

    (void)state;
    open_many(&m);
    hold(&m, &r, "Sim 0");
    start = now();
    cost_of(&m, "card:serial=99000008;usage=auth?pin-value=1234");
    assert_true(now() - start < 5.0);
    let_go(&r);
    close_many(&m);
}

/* It may be the card that was meant: no other gets the PIN instead. */
static void test_card_in_use_is_not_passed_over_for_another(void **state)
{
    struct card_object found;
    struct many m;
    struct reader r;

    (void)state;
    open_many(&m);
    for (int i = 2; i < CARDS; i++)
        sim_world_insert(m.w.sim, i, NULL);
    sim_world_patience(m.w.sim, 1000);
    hold(&m, &r, "Sim 0");
    assert_int_equal(world_find(&m.w, "card:usage=auth?pin-value=1234",
                                CARD_KIND_PRIVATE, &found),
                     CARD_E_BUSY);
    assert_non_null(strstr(card_error_sentence(), "serial="));
    let_go(&r);
    close_many(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_serial_found_ends_the_search),
        cmocka_unit_test(test_card_seen_before_is_asked_first),
        cmocka_unit_test(test_cards_that_changed_places_are_found),
        cmocka_unit_test(test_card_in_use_does_not_block_the_search),
        cmocka_unit_test(test_card_in_use_is_not_passed_over_for_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
