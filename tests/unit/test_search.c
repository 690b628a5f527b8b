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

#include "tests/sim/multi.h"
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

static void remove_folder(const char *path)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

static void close_many(struct many *m)
{
    card_context_free(m->w.ctx);
    m->w.ctx = NULL;
    world_close(&m->w);
    for (int i = 0; i < CARDS - 1; i++)
        m->more[i]->ops->free(m->more[i]);
    remove_folder(m->cache);
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
    /* At most two APDUs tell who each of the eight others is. */
    assert_in_range(last, first + 8, first + 8 * 2);
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


/* ---- several applications on one card ------------------------------------ */

#define PIN "?pin-value=123456"
#define PIV_KEY "card:usage=auth" PIN
#define OPENPGP_KEY "card:driver=openpgp;usage=auth" PIN

/* PIV signs with RSA, OpenPGP with EC. */
static void open_yubikey(struct card_world *w)
{
    static const char *const settings[] = {"openpgp.keys=nist", NULL};

    world_open_family(w, "yubikey", settings);
}

/* PIV's: no others. */
static void set_keys(struct card_world *w, const char *auth, const char *sign)
{
    world_set(w, "piv.9a", auth);
    world_set(w, "piv.9c", sign);
    world_set(w, "piv.9d", "none");
    world_set(w, "piv.9e", "none");
}

static void must_sign(struct card_key *key, const char *pem)
{
    if (world_sign_and_check(key, pem) < 0)
        fail_msg("%s: %s", pem, card_error_sentence());
}

/* A new key of that URI is the one with this certificate. */
static void must_find(struct card_world *w, const char *uri, const char *pem)
{
    struct card_key *key = world_key(w, uri);

    must_sign(key, pem);
    card_key_free(key);
}

static void no_try_is_lost(struct card_world *w)
{
    static const char *const names[] = {"piv", "openpgp"};

    for (size_t i = 0; i < nitems(names); i++) {
        struct applet *part = multi_part(w->card, names[i]);
        struct applet_tries tries;

        part->ops->tries(part, &tries);
        assert_int_equal(tries.pin, 3);
    }
}

static void test_first_application_gives_the_key(void **state)
{
    struct card_world w;

    (void)state;
    open_yubikey(&w);
    must_find(&w, PIV_KEY, "auth.pem");
    world_restart(&w);
    must_find(&w, OPENPGP_KEY, "ec-auth.pem");
    no_try_is_lost(&w);
    world_close(&w);
}

static unsigned count_certs(struct card_world *w, const char *text)
{
    struct card_search *search;
    struct card_object found;
    struct card_uri uri;
    unsigned count = 0;

    assert_int_equal(card_uri_parse(text, &uri), 0);
    assert_int_equal(card_search_new(w->ctx, &uri, CARD_KIND_CERT, &search),
                     0);
    while (card_search_next(search, &found) == 0)
        count++;
    card_search_free(search);
    return count;
}

static void test_list_has_all_applications(void **state)
{
    struct card_world w;

    (void)state;
    open_yubikey(&w);
    assert_int_equal(count_certs(&w, "card:"), 4 + 3);
    assert_int_equal(count_certs(&w, "card:driver=piv"), 4);
    assert_int_equal(count_certs(&w, "card:driver=openpgp"), 3);
    world_close(&w);
}

static void test_application_without_the_key_lets_others_give_it(void **state)
{
    struct card_world w;

    (void)state;
    open_yubikey(&w);
    set_keys(&w, "none", "none");
    must_find(&w, PIV_KEY, "ec-auth.pem");
    world_set(&w, "piv.9c", "sign");
    world_restart(&w);
    must_find(&w, PIV_KEY, "ec-auth.pem");
    must_find(&w, "card:usage=sign" PIN, "sign.pem");
    no_try_is_lost(&w);
    world_close(&w);
}

/* What is open already, or was seen last, changes no answer. */
static void test_order_of_applications_is_always_the_same(void **state)
{
    char cache[] = "/tmp/tessera-search-XXXXXX";
    struct card_key *held;
    struct card_world w;

    (void)state;
    open_yubikey(&w);
    held = world_key(&w, OPENPGP_KEY);
    must_find(&w, PIV_KEY, "auth.pem");
    card_key_free(held);
    set_keys(&w, "none", "sign");
    world_restart(&w);
    held = world_key(&w, PIV_KEY); /* there is but OpenPGP's */
    must_find(&w, "card:usage=sign" PIN, "sign.pem");
    must_sign(held, "ec-auth.pem");
    card_key_free(held);
    assert_non_null(mkdtemp(cache));
    w.settings.cache = cache;
    set_keys(&w, "none", "none");
    world_restart(&w);
    must_find(&w, PIV_KEY, "ec-auth.pem");
    set_keys(&w, "auth", "none");
    world_restart(&w);
    must_find(&w, PIV_KEY, "auth.pem");
    world_close(&w);
    remove_folder(cache);
}

/* SELECT of one makes the card forget the PIN of the other. */
static void test_keys_of_two_applications_are_used_by_turns(void **state)
{
    struct card_key *piv, *openpgp;
    struct card_world w;

    (void)state;
    open_yubikey(&w);
    piv = world_key(&w, PIV_KEY);
    openpgp = world_key(&w, OPENPGP_KEY);
    for (int i = 0; i < 3; i++) {
        must_sign(piv, "auth.pem");
        must_sign(openpgp, "ec-auth.pem");
        must_sign(openpgp, "ec-auth.pem");
    }
    no_try_is_lost(&w);
    card_key_free(piv);
    card_key_free(openpgp);
    world_close(&w);
}

/* ---- cards others hold --------------------------------------------------- */

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
        cmocka_unit_test(test_first_application_gives_the_key),
        cmocka_unit_test(test_list_has_all_applications),
        cmocka_unit_test(test_application_without_the_key_lets_others_give_it),
        cmocka_unit_test(test_order_of_applications_is_always_the_same),
        cmocka_unit_test(test_keys_of_two_applications_are_used_by_turns),
        cmocka_unit_test(test_card_in_use_does_not_block_the_search),
        cmocka_unit_test(test_card_in_use_is_not_passed_over_for_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
