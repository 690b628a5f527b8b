/*
 * The card layer on a simulated CPS3: search, signatures, decryption, PIN
 * policy, sharing with other programs, fork and threads.
 */
#include <setjmp.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <pthread.h>

#include "card/wire/apdu.h"
#include "tests/unit/card_world.h"

static const struct card_unpad pkcs1 = {.padding = CARD_UNPAD_PKCS1};

#define AUTH "card:usage=auth?pin-value=1234"
#define SIGN "card:usage=sign?pin-value=1234"

/* ---- search -------------------------------------------------------------- */

static void test_search_without_kinds_gives_auth_before_sign(void **state)
{
    static const struct {
        enum card_kind kind;
        const char *label;
    } expected[] = {
        {CARD_KIND_PRIVATE, "CPS_PRIV_AUT"                      },
        {CARD_KIND_PUBLIC,  "CPS_PRIV_AUT"                      },
        {CARD_KIND_CERT,    "Certificat d'Authentification CPS" },
        {CARD_KIND_PRIVATE, "CPS_PRIV_SIG"                      },
        {CARD_KIND_PUBLIC,  "CPS_PRIV_SIG"                      },
        {CARD_KIND_CERT,    "Certificat de Signature CPS"       },
    };
    struct card_world w;
    struct card_search *search;
    struct card_object found;
    struct card_uri uri;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    assert_int_equal(card_uri_parse("card:", &uri), 0);
    assert_int_equal(card_search_new(w.ctx, &uri,
                                     CARD_KIND_CERT | CARD_KIND_PUBLIC |
                                         CARD_KIND_PRIVATE, &search), 0);
    for (size_t i = 0; i < nitems(expected); i++) {
        assert_false(card_search_done(search));
        assert_int_equal(card_search_next(search, &found), 0);
        assert_int_equal(found.kind, expected[i].kind);
        assert_string_equal(found.label, expected[i].label);
        card_key_free(found.key);
    }
    assert_true(card_search_done(search));
    assert_int_equal(card_search_next(search, &found), CARD_E_NOT_FOUND);
    assert_int_equal(sim_world_count_ins(w.sim, INS_VERIFY), 0);
    card_search_free(search);
    world_close(&w);
}

/* The command log holds a SELECT of this file. */
static bool was_selected(struct card_world *w, uint8_t fid_high,
                         uint8_t fid_low)
{
    for (size_t i = 0; i < sim_world_logged(w->sim); i++) {
        struct bytes c = sim_world_command(w->sim, i);

        if (c.len >= 7 && c.data[1] == INS_SELECT &&
            c.data[c.len - 2] == fid_high && c.data[c.len - 1] == fid_low)
            return true;
    }
    return false;
}

static void test_search_one_certificate_reads_no_other_file(void **state)
{
    struct card_world w;
    struct card_object found;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    assert_int_equal(world_find(&w, "card:usage=auth", CARD_KIND_CERT, &found),
                     0);
    assert_true(was_selected(&w, 0x71, 0x02));
    assert_false(was_selected(&w, 0x71, 0x01)); /* the other certificate */
    assert_false(was_selected(&w, 0x70, 0x01)); /* AODF: no PIN is needed */
    assert_false(was_selected(&w, 0x50, 0x32)); /* TokenInfo: not asked for */
    assert_int_equal(sim_world_count_ins(w.sim, INS_VERIFY), 0);
    world_close(&w);
}

static void test_search_attributes_narrow_what_is_found(void **state)
{
    static const struct {
        const char *uri;
        const char *label; /* NULL: nothing */
    } rows[] = {
        {"pkcs11:token=CPS3v3-2300081197;object=CPS_PRIV_SIG",
                                                       "CPS_PRIV_SIG"},
        {"pkcs11:serial=99002752;type=private",        "CPS_PRIV_AUT"},
        {"pkcs11:manufacturer=ASIP%20SANTE",           "CPS_PRIV_AUT"},
        {"card:usage=decrypt",                         "CPS_PRIV_AUT"},
        {"card:usage=sign;reader=Sim",                 "CPS_PRIV_SIG"},
        {"card:driver=ias;model=IAS%20ECC",            "CPS_PRIV_AUT"},
        {"card:id=%E8%28%BD%08%0F%80%25%00%00%01%FF%00%10%01",
                                                       "CPS_PRIV_SIG"},
        {"pkcs11:token=other",                         NULL          },
        {"card:serial=12345678",                       NULL          },
        {"card:reader=Other",                          NULL          },
        {"card:issuer=Nobody",                         NULL          },
        {"pkcs11:slot-id=0",                           NULL          },
        {"card:type=data",                             NULL          },
    };
    struct card_world w;
    struct card_object found;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    for (size_t i = 0; i < nitems(rows); i++) {
        int rc = world_find(&w, rows[i].uri, CARD_KIND_PRIVATE, &found);

        if (rows[i].label == NULL) {
            assert_int_equal(rc, CARD_E_NOT_FOUND);
            assert_string_not_equal(card_error_sentence(), "");
            continue;
        }
        if (rc != 0)
            fail_msg("%s: %s", rows[i].uri, card_error_sentence());
        assert_string_equal(card_key_info(found.key)->label, rows[i].label);
        card_key_free(found.key);
    }
    world_close(&w);
}

static void test_search_one_bad_certificate_hides_no_other(void **state)
{
    static const uint8_t garbage[300] = {0x30, 0x82, 0x01, 0x00};
    struct cps3_options options = {.override_count = 1};
    struct card_world w;
    struct card_object found;

    (void)state;
    options.overrides[0] =
        (struct cps3_override){"3F0000017102", BYTES_OF(garbage)}; /* auth */
    world_open(&w, options);
    assert_int_equal(world_find(&w, "card:", CARD_KIND_PRIVATE, &found), 0);
    assert_string_equal(card_key_info(found.key)->label, "CPS_PRIV_SIG");
    card_key_free(found.key);
    assert_int_equal(world_find(&w, AUTH, CARD_KIND_PRIVATE, &found),
                     CARD_E_PROTOCOL);
    assert_int_equal(world_find(&w, "card:subject=899700245667",
                                CARD_KIND_CERT, &found), 0);
    world_close(&w);
}

static void test_search_two_cards_that_match_is_an_error(void **state)
{
    struct cps3_options options = {.dir = world_dir(), .serial = "11112222"};
    struct card_world w;
    struct card_object found;
    struct applet *second;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    assert_int_equal(cps3_new(&options, &second), 0);
    assert_int_equal(sim_world_add(w.sim, "Sim 1", second), 1);
    assert_int_equal(world_find(&w, AUTH, CARD_KIND_PRIVATE, &found),
                     CARD_E_AMBIGUOUS);
    assert_non_null(strstr(card_error_sentence(), "99002752"));
    assert_non_null(strstr(card_error_sentence(), "11112222"));
    assert_int_equal(world_find(&w, "card:usage=auth;serial=11112222",
                                CARD_KIND_PRIVATE, &found), 0);
    card_key_free(found.key);
    assert_int_equal(sim_world_count_ins(w.sim, INS_VERIFY), 0);
    card_context_free(w.ctx);
    w.ctx = NULL;
    second->ops->free(second);
    world_close(&w);
}

/* The card that was meant may be the one that cannot be read just now. */
static void test_search_no_key_of_another_card_while_one_fails(void **state)
{
    struct cps3_options options = {.dir = world_dir(), .serial = "11112222"};
    struct card_world w;
    struct card_object found;
    struct applet *second;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    assert_int_equal(cps3_new(&options, &second), 0);
    assert_int_equal(sim_world_add(w.sim, "Sim 1", second), 1);
    sim_world_fault(w.sim, 1, SIM_FAULT_COMM, false);
    assert_int_equal(world_find(&w, AUTH, CARD_KIND_PRIVATE, &found),
                     CARD_E_COMM);
    assert_non_null(strstr(card_error_sentence(), "serial="));
    sim_world_fault(w.sim, 1, SIM_FAULT_COMM, false);
    assert_int_equal(world_find(&w, "card:usage=auth;serial=11112222",
                                CARD_KIND_PRIVATE, &found), 0);
    card_key_free(found.key);
    card_context_free(w.ctx);
    w.ctx = NULL;
    second->ops->free(second);
    world_close(&w);
}

static void test_search_without_card_or_service_names_it(void **state)
{
    struct card_world w;
    struct card_object found;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    sim_world_insert(w.sim, 0, NULL);
    assert_int_equal(world_find(&w, AUTH, CARD_KIND_PRIVATE, &found),
                     CARD_E_NO_CARD);
    sim_world_service(w.sim, false);
    assert_int_equal(world_find(&w, AUTH, CARD_KIND_PRIVATE, &found),
                     CARD_E_NO_SERVICE);
    world_close(&w);
}

/* ---- signatures ---------------------------------------------------------- */

static void test_auth_signature_costs_at_most_31_then_3(void **state)
{
    struct card_world w;
    struct card_key *key;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    key = world_key(&w, AUTH);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    assert_true(world_transmits(&w) <= 31);
    sim_world_reset_counts(w.sim);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    assert_int_equal(world_transmits(&w), 3);
    card_key_free(key);
    world_close(&w);
}

static void test_sign_key_costs_at_most_6_more_and_ends_unverified(void **state)
{
    struct card_world w;
    struct card_key *key;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    key = world_key(&w, SIGN);
    assert_int_equal(world_sign_and_check(key, "sign.pem"), 0);
    sim_world_reset_counts(w.sim);
    assert_int_equal(world_sign_and_check(key, "sign.pem"), 0);
    assert_true(world_transmits(&w) <= 6);
    assert_int_equal(sim_world_count_ins(w.sim, INS_VERIFY), 2); /* + query */
    card_key_free(key);
    world_close(&w);
}

static void test_sign_key_finishes_the_hash_on_a_card_that_insists(void **state)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_world w;
    struct card_key *key;

    (void)state;
    world_open(&w, (struct cps3_options){.no_finished_hash = true});
    key = world_key(&w, SIGN);
    assert_int_equal(world_sign_and_check(key, "sign.pem"), 0);
    sim_world_reset_counts(w.sim);
    assert_int_equal(world_sign_and_check(key, "sign.pem"), 0);
    assert_int_equal(sim_world_count_ins(w.sim, INS_PSO), 2); /* not refused */
    assert_int_equal(world_sign(key, "x", false, &sig), CARD_E_STATUS);
    assert_int_equal(world_pin_tries(&w), 3);
    card_key_free(key);
    world_close(&w);
}

static void test_sign_other_hashes_as_the_key_can(void **state)
{
    struct card_tbs tbs = {.hash = CARD_HASH_SHA512, .len = 64};
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_world w;
    struct card_key *key;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    key = world_key(&w, AUTH);
    assert_int_equal(card_sign(key, &tbs, &sig), 0);
    tbs.hash = CARD_HASH_NONE; /* MD5 || SHA-1 of TLS 1.0 */
    tbs.len = 36;
    assert_int_equal(card_sign(key, &tbs, &sig), 0);
    tbs.len = 103; /* over 40 % of the modulus */
    assert_int_equal(card_sign(key, &tbs, &sig), CARD_E_UNSUPPORTED);
    sig.cap = 255;
    assert_int_equal(card_sign(key, &tbs, &sig), CARD_E_BUFFER);
    card_key_free(key);
    sig.cap = sizeof(space);
    key = world_key(&w, SIGN);
    tbs = (struct card_tbs){.hash = CARD_HASH_SHA512, .len = 64};
    assert_int_equal(card_sign(key, &tbs, &sig), CARD_E_UNSUPPORTED);
    assert_int_equal(card_decrypt(key, &pkcs1, bytes_from(space, 256), &sig),
                     CARD_E_UNSUPPORTED);
    card_key_free(key);
    world_close(&w);
}

/*
 * A shared key is tried once more, as another program may have moved the card:
 * then what it signed "the time before" is the right thing. A signature key
 * signs once.
 */
static void test_wrong_signatures_never_leave(void **state)
{
    static const enum cps3_wrong kinds[] = {
        CPS3_SIGN_FLIP_BIT, CPS3_SIGN_PREVIOUS, CPS3_SIGN_OTHER_KEY};
    static const char *const pems[] = {"auth.pem", "sign.pem"};
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_world w;
    struct card_key *keys[2];

    (void)state;
    world_open(&w, (struct cps3_options){0});
    keys[0] = world_key(&w, AUTH);
    keys[1] = world_key(&w, SIGN);
    for (size_t i = 0; i < nitems(kinds); i++)
        for (size_t k = 0; k < 2; k++) {
            bool second_is_right = kinds[i] == CPS3_SIGN_PREVIOUS && k == 0;

            assert_int_equal(world_sign(keys[k], "first", true, &sig), 0);
            cps3_settings(w.card)->wrong = kinds[i];
            assert_int_equal(world_sign_and_check(keys[k], pems[k]),
                             second_is_right ? 0 : CARD_E_SELF_CHECK);
            cps3_settings(w.card)->wrong = CPS3_SIGN_RIGHT;
        }
    assert_int_equal(world_pin_tries(&w), 3);
    card_key_free(keys[0]);
    card_key_free(keys[1]);
    world_close(&w);
}

static void test_variants_of_the_card_sign_too(void **state)
{
    static const struct cps3_options variants[] = {
        {.t1 = true}, {.tail = CPS3_TAIL_6282}, {.actualisation = true},
        {.cert_padding = 400}};
    struct card_world w;
    struct card_key *key;

    (void)state;
    for (size_t i = 0; i < nitems(variants); i++) {
        world_open(&w, variants[i]);
        key = world_key(&w, AUTH);
        assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
        card_key_free(key);
        key = world_key(&w, SIGN);
        assert_int_equal(world_sign_and_check(key, "sign.pem"), 0);
        card_key_free(key);
        world_close(&w);
    }
}

/* ---- decryption ---------------------------------------------------------- */

static void test_decrypt_bad_padding_looks_like_good(void **state)
{
    uint8_t cryptogram[256] = {0}, one[256], two[256];
    struct buf first = BUF_ON(one), second = BUF_ON(two);
    struct bytes in = bytes_from(cryptogram, sizeof(cryptogram));
    struct card_world w;
    struct card_key *key;
    unsigned cost;

    (void)state;
    memset(cryptogram, 0x11, sizeof(cryptogram));
    world_open(&w, (struct cps3_options){0});
    key = world_key(&w, AUTH);
    assert_int_equal(card_decrypt(key, &pkcs1, in, &first), 0);
    sim_world_reset_counts(w.sim);
    assert_int_equal(card_decrypt(key, &pkcs1, in, &first), 0);
    cost = world_transmits(&w);
    sim_world_reset_counts(w.sim);
    assert_int_equal(card_decrypt(key, &pkcs1, in, &second), 0);
    assert_int_equal(world_transmits(&w), cost);
    assert_true(bytes_equal(buf_view(&first), buf_view(&second)));
    assert_string_equal(card_error_sentence(), "");
    in.len = 255;
    assert_int_equal(card_decrypt(key, &pkcs1, in, &first), CARD_E_ARGUMENT);
    card_key_free(key);
    world_close(&w);
}

/* ---- PIN policy ---------------------------------------------------------- */

static void test_wrong_stored_pin_costs_one_try_over_restarts(void **state)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_world w;
    struct card_key *key;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    for (int i = 0; i < 20; i++) {
        key = world_key(&w, "card:usage=auth?pin-value=9999");
        assert_int_equal(world_sign(key, "x", true, &sig),
                         i == 0 ? CARD_E_PIN_WRONG : CARD_E_PIN_REFUSED);
        assert_int_equal(world_sign(key, "x", true, &sig), CARD_E_PIN_REFUSED);
        assert_int_equal(world_pin_tries(&w), 2);
        card_key_free(key);
        world_restart(&w);
    }
    key = world_key(&w, AUTH); /* the right one, but stored: not full */
    assert_int_equal(world_sign(key, "x", true, &sig), CARD_E_PIN_REFUSED);
    assert_non_null(strstr(card_error_sentence(), "2 of 3"));
    card_key_free(key);

    world_person(&w, "1234", NULL); /* by hand */
    key = world_key(&w, "card:usage=auth");
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    card_key_free(key);
    assert_int_equal(world_pin_tries(&w), 3);
    world_restart(&w);
    key = world_key(&w, AUTH); /* and the stored one serves again */
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    card_key_free(key);
    world_close(&w);
}

static void test_refused_stored_pin_asks_the_person_there(void **state)
{
    struct card_world w;
    struct card_key *key;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    w.card->ops->set_tries(w.card, 2);
    world_person(&w, "1234", NULL);
    key = world_key(&w, AUTH);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    assert_int_equal(w.person.asked, 1);
    assert_int_equal(w.person.last.tries_left, 2);
    assert_non_null(w.person.last.refused);
    assert_false(w.person.last.last_try);
    card_key_free(key);
    world_close(&w);
}

static void test_last_try_is_for_a_person_who_was_told(void **state)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_world w;
    struct card_key *key;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    w.card->ops->set_tries(w.card, 1);
    key = world_key(&w, "card:usage=auth?pin-value=1234&pin-rule=not-last");
    assert_int_equal(world_sign(key, "x", true, &sig), CARD_E_PIN_REFUSED);
    card_key_free(key);
    assert_int_equal(world_pin_tries(&w), 1);
    world_person(&w, "1234", NULL);
    key = world_key(&w, "card:usage=auth");
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    assert_true(w.person.last.last_try);
    card_key_free(key);
    world_close(&w);
}

static void test_locked_pin_is_not_presented(void **state)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_world w;
    struct card_key *key;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    w.card->ops->set_tries(w.card, 0);
    world_person(&w, "1234", NULL);
    key = world_key(&w, AUTH);
    assert_int_equal(world_sign(key, "x", true, &sig), CARD_E_PIN_LOCKED);
    assert_int_equal(w.person.asked, 0);
    card_key_free(key);
    world_close(&w);
}

static void test_person_is_asked_once_for_auth_each_time_for_sign(void **state)
{
    struct card_world w;
    struct card_key *key;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    world_person(&w, "1234", "1234");
    key = world_key(&w, "card:usage=auth");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
        sim_world_other(w.sim, 0, SIM_OTHER_RESET); /* re-login: not asked */
    }
    assert_int_equal(w.person.asked, 1);
    card_key_free(key);

    world_person(&w, "1234", "1234");
    key = world_key(&w, "card:usage=sign");
    assert_int_equal(world_sign_and_check(key, "sign.pem"), 0);
    assert_int_equal(world_sign_and_check(key, "sign.pem"), 0);
    assert_int_equal(w.person.asked, 2);
    card_key_free(key);
    world_close(&w);
}

static void test_typed_wrong_pin_is_not_followed_by_another(void **state)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_world w;
    struct card_key *key;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    world_person(&w, "4321", "1234");
    key = world_key(&w, "card:usage=auth");
    assert_int_equal(world_sign(key, "x", true, &sig), CARD_E_PIN_WRONG);
    assert_int_equal(w.person.asked, 1);
    assert_int_equal(world_pin_tries(&w), 2);
    assert_int_equal(world_sign(key, "x", true, &sig), 0);
    assert_int_equal(world_pin_tries(&w), 3);
    card_key_free(key);
    world_close(&w);
}

static void lose_a_try(struct person *self, void *arg)
{
    struct card_world *w = arg;

    if (self->asked == 1)
        w->card->ops->set_tries(w->card, 1);
}

static void test_tries_lost_while_typing_are_told_before_the_last(void **state)
{
    struct card_world w;
    struct card_key *key;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    w.card->ops->set_tries(w.card, 2);
    world_person(&w, "4321", "1234");
    w.person.meanwhile = lose_a_try;
    w.person.meanwhile_arg = &w;
    key = world_key(&w, "card:usage=auth");
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    assert_int_equal(w.person.asked, 2); /* 4321 never reached the card */
    assert_true(w.person.last.last_try);
    assert_int_equal(world_pin_tries(&w), 3);
    card_key_free(key);
    world_close(&w);
}

struct asker {
    struct card_key *key;
    int rc;
};

static void *sign_in_thread(void *arg)
{
    struct asker *a = arg;
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);

    a->rc = world_sign(a->key, "x", true, &sig);
    return NULL;
}

static void sign_in_threads(struct card_key *key, struct asker *askers,
                            size_t count)
{
    pthread_t threads[8];

    assert_true(count <= nitems(threads));
    for (size_t i = 0; i < count; i++) {
        askers[i] = (struct asker){.key = key};
        assert_int_equal(pthread_create(&threads[i], NULL, sign_in_thread,
                                        &askers[i]), 0);
    }
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static void test_threads_ask_one_person_once(void **state)
{
    struct asker askers[4];
    struct card_world w;
    struct card_key *key;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    world_person(&w, "1234", "1234");
    key = world_key(&w, "card:usage=auth");
    sign_in_threads(key, askers, nitems(askers));
    for (size_t i = 0; i < nitems(askers); i++)
        assert_int_equal(askers[i].rc, 0);
    assert_int_equal(w.person.asked, 1);
    card_key_free(key);
    world_close(&w);
}

static void test_threads_and_a_wrong_pin_tell_the_last_try(void **state)
{
    struct asker askers[2];
    struct card_world w;
    struct card_key *key;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    world_person(&w, "4321", "4321");
    key = world_key(&w, "card:usage=auth");
    sign_in_threads(key, askers, nitems(askers));
    assert_int_equal(world_pin_tries(&w), 1);
    assert_int_equal(w.person.last.tries_left, 2); /* not 3 again */
    card_key_free(key);
    world_close(&w);
}

static void sign_in_callback(struct person *self, void *arg)
{
    struct asker *a = arg;

    (void)self;
    sign_in_thread(a);
}

static void test_callback_that_uses_the_card_is_not_asked_itself(void **state)
{
    struct asker inner;
    struct card_world w;
    struct card_key *key;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    world_person(&w, "1234", NULL);
    key = world_key(&w, "card:usage=auth");
    inner = (struct asker){.key = key};
    w.person.meanwhile = sign_in_callback;
    w.person.meanwhile_arg = &inner;
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    assert_int_equal(inner.rc, CARD_E_PIN_NEEDED);
    assert_int_equal(w.person.asked, 1);
    card_key_free(key);
    world_close(&w);
}

static void test_refusals_say_what_would_help(void **state)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_world w;
    struct card_key *key;
    card_ask_pin_fn *ask;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    world_person(&w, "1234", NULL);
    ask = w.settings.ask_pin;
    w.settings.ask_pin = NULL;
    w.settings.pin = secret_new(bytes_of_string("1234"));
    world_restart(&w);
    key = world_key(&w, "card:usage=sign");
    assert_int_equal(world_sign(key, "x", true, &sig), CARD_E_PIN_NEEDED);
    assert_non_null(strstr(card_error_sentence(), "pin-for-signature"));
    card_key_free(key);
    secret_free(w.settings.pin);
    w.settings.pin = NULL;
    world_restart(&w);
    w.card->ops->set_tries(w.card, 2);
    key = world_key(&w, "card:usage=auth"); /* a password file answers */
    assert_int_equal(card_key_fetch_pin(key, ask, &w.person), 0);
    assert_int_equal(w.person.asked, 0);
    assert_int_equal(world_sign(key, "x", true, &sig), CARD_E_PIN_REFUSED);
    assert_non_null(strstr(card_error_sentence(), "2 of 3"));
    card_key_free(key);
    world_close(&w);
}

static void test_malformed_pin_is_not_sent(void **state)
{
    static const char *const uris[] = {
        "card:usage=auth?pin-value=123", "card:usage=auth?pin-value=12ab",
        "card:usage=auth?pin-value=123456789"};
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_world w;
    struct card_key *key;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    for (size_t i = 0; i < nitems(uris); i++) {
        key = world_key(&w, uris[i]);
        assert_int_equal(world_sign(key, "x", true, &sig), CARD_E_PIN_FORMAT);
        card_key_free(key);
    }
    assert_int_equal(world_pin_tries(&w), 3);
    world_close(&w);
}

static void test_general_pin_does_not_sign_documents_unless_told(void **state)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_world w;
    struct card_key *key;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    w.settings.pin = secret_new(bytes_of_string("1234"));
    world_restart(&w);
    key = world_key(&w, "card:usage=auth");
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    card_key_free(key);
    key = world_key(&w, "card:usage=sign");
    assert_int_equal(world_sign(key, "x", true, &sig), CARD_E_PIN_NEEDED);
    card_key_free(key);
    w.settings.pin_for_signature = true;
    world_restart(&w);
    key = world_key(&w, "card:usage=sign");
    assert_int_equal(world_sign_and_check(key, "sign.pem"), 0);
    card_key_free(key);
    secret_free(w.settings.pin);
    world_close(&w);
}

static void test_card_without_pin_objects_serves_by_the_aodf(void **state)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_world w;
    struct card_key *key;

    (void)state;
    world_open(&w, (struct cps3_options){.no_sdo = true});
    key = world_key(&w, AUTH); /* no card begins with 2, whatever the maximum */
    w.card->ops->set_tries(w.card, 2);
    assert_int_equal(world_sign(key, "x", true, &sig), CARD_E_PIN_REFUSED);
    w.card->ops->set_tries(w.card, 3);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    card_key_free(key);
    sim_world_other(w.sim, 0, SIM_OTHER_RESET);
    key = world_key(&w, AUTH "&pin-rule=not-last");
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    card_key_free(key);
    sim_world_other(w.sim, 0, SIM_OTHER_RESET);
    world_person(&w, "1234", NULL);
    key = world_key(&w, "card:usage=auth");
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    assert_int_equal(w.person.last.tries_left, 3);
    card_key_free(key);
    world_close(&w);
}

static void test_fetched_pin_serves_a_signature_key_once(void **state)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_world w;
    struct card_key *key;
    card_ask_pin_fn *ask;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    world_person(&w, "1234", "1234");
    ask = w.settings.ask_pin;
    w.settings.ask_pin = NULL; /* only the callback at load answers */
    world_restart(&w);
    key = world_key(&w, "card:usage=sign");
    assert_int_equal(card_key_fetch_pin(key, ask, &w.person), 0);
    assert_int_equal(w.person.last.tries_left, 3);
    assert_int_equal(world_sign_and_check(key, "sign.pem"), 0);
    assert_int_equal(world_sign(key, "x", true, &sig), CARD_E_PIN_NEEDED);
    card_key_free(key);
    key = world_key(&w, AUTH); /* stored: the callback is not asked */
    assert_int_equal(card_key_fetch_pin(key, ask, &w.person), 0);
    assert_int_equal(w.person.asked, 1);
    card_key_free(key);
    world_close(&w);
}

static void test_key_loaded_while_verified_fetches_its_pin_too(void **state)
{
    struct card_world w;
    struct card_key *keys[2];
    card_ask_pin_fn *ask;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    world_person(&w, "1234", "1234");
    ask = w.settings.ask_pin;
    w.settings.ask_pin = NULL;
    world_restart(&w);
    for (size_t i = 0; i < 2; i++) {
        keys[i] = world_key(&w, "card:usage=auth");
        assert_int_equal(card_key_fetch_pin(keys[i], ask, &w.person), 0);
        assert_int_equal(world_sign_and_check(keys[i], "auth.pem"), 0);
    }
    card_key_free(keys[0]);
    assert_true(sim_world_other(w.sim, 0, SIM_OTHER_RESET));
    assert_int_equal(world_sign_and_check(keys[1], "auth.pem"), 0);
    card_key_free(keys[1]);
    world_close(&w);
}

/* ---- other programs, lost cards ------------------------------------------ */

static void test_use_goes_on_after_other_programs(void **state)
{
    static const enum sim_intrusion kinds[] = {
        SIM_OTHER_RESET, SIM_OTHER_APPLICATION, SIM_OTHER_FILE};
    struct card_world w;
    struct card_key *keys[2];

    (void)state;
    world_open(&w, (struct cps3_options){0});
    keys[0] = world_key(&w, AUTH);
    keys[1] = world_key(&w, SIGN);
    for (size_t i = 0; i < nitems(kinds); i++) {
        assert_int_equal(world_sign_and_check(keys[0], "auth.pem"), 0);
        assert_true(sim_world_other(w.sim, 0, kinds[i]));
        assert_int_equal(world_sign_and_check(keys[0], "auth.pem"), 0);
        assert_true(sim_world_other(w.sim, 0, kinds[i]));
        assert_int_equal(world_sign_and_check(keys[1], "sign.pem"), 0);
    }
    assert_int_equal(world_pin_tries(&w), 3);
    card_key_free(keys[0]);
    card_key_free(keys[1]);
    world_close(&w);
}

static void test_card_pulled_and_put_back_serves_again(void **state)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_world w;
    struct card_key *key;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    key = world_key(&w, AUTH);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    sim_world_insert(w.sim, 0, NULL);
    assert_int_equal(world_sign(key, "x", true, &sig), CARD_E_NO_CARD);
    assert_non_null(strstr(card_error_sentence(), "Sim 0"));
    sim_world_insert(w.sim, 0, w.card);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    sim_world_service(w.sim, false);
    assert_int_equal(world_sign(key, "x", true, &sig), CARD_E_NO_SERVICE);
    sim_world_service(w.sim, true);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    card_key_free(key);
    world_close(&w);
}

static void test_another_card_in_the_reader_is_refused(void **state)
{
    struct cps3_options options = {.dir = world_dir(), .serial = "11112222"};
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_world w;
    struct card_key *key;
    struct applet *other;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    key = world_key(&w, AUTH);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    assert_int_equal(cps3_new(&options, &other), 0);
    sim_world_reset_counts(w.sim);
    sim_world_insert(w.sim, 0, other);
    assert_int_equal(world_sign(key, "x", true, &sig), CARD_E_OTHER_CARD);
    assert_int_equal(sim_world_count_ins(w.sim, INS_VERIFY), 0);
    sim_world_insert(w.sim, 0, w.card);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    card_key_free(key);
    card_context_free(w.ctx);
    w.ctx = NULL;
    other->ops->free(other);
    world_close(&w);
}

static void test_another_card_hidden_by_a_reset_gets_no_pin(void **state)
{
    struct cps3_options options = {.dir = world_dir(), .serial = "11112222"};
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_world w;
    struct card_key *key;
    struct applet *other;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    key = world_key(&w, AUTH);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    assert_int_equal(cps3_new(&options, &other), 0);
    sim_world_insert(w.sim, 0, other);
    assert_true(sim_world_other(w.sim, 0, SIM_OTHER_RESET));
    sim_world_reset_counts(w.sim);
    assert_int_equal(world_sign(key, "x", true, &sig), CARD_E_OTHER_CARD);
    assert_int_equal(sim_world_count_ins(w.sim, INS_VERIFY), 0);
    card_key_free(key);
    card_context_free(w.ctx);
    w.ctx = NULL;
    other->ops->free(other);
    world_close(&w);
}

static void *open_in_thread(void *arg)
{
    struct asker *a = arg;

    a->key = world_key((void *)a->key, AUTH);
    return NULL;
}

static void test_threads_that_open_share_one_card(void **state)
{
    pthread_t threads[4];
    struct asker askers[nitems(threads)];
    struct card_world w;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    for (size_t i = 0; i < nitems(threads); i++) {
        askers[i].key = (void *)&w;
        assert_int_equal(pthread_create(&threads[i], NULL, open_in_thread,
                                        &askers[i]), 0);
    }
    for (size_t i = 0; i < nitems(threads); i++)
        pthread_join(threads[i], NULL);
    sim_world_reset_counts(w.sim);
    assert_int_equal(world_sign_and_check(askers[0].key, "auth.pem"), 0);
    for (size_t i = 1; i < nitems(threads); i++)
        assert_int_equal(world_sign_and_check(askers[i].key, "auth.pem"), 0);
    assert_int_equal(sim_world_count_ins(w.sim, INS_VERIFY), 1);
    for (size_t i = 0; i < nitems(threads); i++)
        card_key_free(askers[i].key);
    world_close(&w);
}

static void test_unknown_card_says_so_with_its_atr(void **state)
{
    struct card_world w;
    struct card_object found;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    assert_int_equal(world_find(&w, "card:driver=other", CARD_KIND_PRIVATE,
                                &found), CARD_E_NOT_MINE);
    assert_non_null(strstr(card_error_sentence(), "3BAC0040"));
    world_close(&w);
}

/* ---- hostile cards ------------------------------------------------------- */

static void test_endless_answers_end_in_an_error(void **state)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_world w;
    struct card_key *key;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    key = world_key(&w, AUTH);
    cps3_settings(w.card)->endless = true;
    assert_true(world_sign(key, "x", true, &sig) < 0);
    cps3_settings(w.card)->endless = false;
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    assert_int_equal(world_pin_tries(&w), 3);
    card_key_free(key);
    world_close(&w);
}

static void test_malformed_files_end_in_an_error(void **state)
{
    static const char *const paths[] = {"3F0000015031", "3F0000017001",
                                        "3F0000017002", "3F0000017005",
                                        "3F0000017102", "3F00D003"};
    static const uint8_t loop[] = {0xA0, 0x06, 0x30, 0x04, 0x04, 0x02, 0x50,
                                   0x31};
    static const uint8_t lies[] = {0x30, 0x82, 0xFF, 0xFF, 0x30, 0x7F};
    static const uint8_t zeros[64];
    const struct bytes contents[] = {BYTES_OF(loop), BYTES_OF(lies),
                                     BYTES_OF(zeros), bytes_from(zeros, 0)};
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_world w;
    struct card_object found;

    (void)state;
    for (size_t i = 0; i < nitems(paths); i++)
        for (size_t j = 0; j < nitems(contents); j++) {
            struct cps3_options options = {.override_count = 1};
            int rc;

            options.overrides[0] =
                (struct cps3_override){paths[i], contents[j]};
            world_open(&w, options);
            rc = world_find(&w, AUTH, CARD_KIND_PRIVATE, &found);
            if (rc == 0) {
                rc = world_sign(found.key, "x", true, &sig);
                card_key_free(found.key);
            }
            if (rc == 0)
                fail_msg("%s with content %zu still signed", paths[i], j);
            assert_string_not_equal(card_error_sentence(), "");
            assert_int_equal(world_pin_tries(&w), 3);
            world_close(&w);
        }
}

/* ---- fork, threads ------------------------------------------------------- */

/* A child signs; its exit status tells. */
static void child_signs(struct card_world *w, struct card_key *key)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        struct card_key *own = key != NULL ? key : world_key(w, AUTH);

        _exit(world_sign_and_check(own, "auth.pem") == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_fork_before_and_after_load_both_sign(void **state)
{
    struct card_world w;
    struct card_key *key;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    child_signs(&w, NULL);
    key = world_key(&w, AUTH);
    child_signs(&w, key);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    child_signs(&w, key);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    card_key_free(key);
    world_close(&w);
}

static void fork_in_callback(struct person *self, void *arg)
{
    pid_t *child = arg;

    (void)self;
    *child = fork();
    if (*child == 0)
        alarm(20);
}

/* Both have a person's answer and both go on, as a server's might. */
static void test_fork_in_the_callback_child_and_parent_sign(void **state)
{
    struct card_world w;
    struct card_key *key;
    pid_t child = -1;
    int rc, status;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    world_person(&w, "1234", NULL);
    key = world_key(&w, "card:usage=auth");
    w.person.meanwhile = fork_in_callback;
    w.person.meanwhile_arg = &child;
    rc = world_sign_and_check(key, "auth.pem");
    if (child == 0) {
        w.person.meanwhile = NULL;
        if (rc == 0)
            rc = world_sign_and_check(key, "auth.pem");
        _exit(rc == 0 && w.person.asked == 1 ? 0 : 1);
    }
    assert_true(child > 0);
    assert_int_equal(rc, 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    assert_int_equal(w.person.asked, 1);
    card_key_free(key);
    world_close(&w);
}

struct busy {
    struct card_key *key;
    atomic_bool stop;
    int rc;
    unsigned done;
};

static void *sign_until_stopped(void *arg)
{
    struct busy *b = arg;

    while (!atomic_load(&b->stop) && b->rc == 0) {
        b->rc = world_sign_and_check(b->key, "auth.pem");
        b->done++;
    }
    return NULL;
}

static void test_fork_while_threads_sign_child_and_parent_sign(void **state)
{
    struct card_world w;
    struct busy busy[4];
    pthread_t threads[nitems(busy)];
    struct card_key *key;

    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* the sanitizer's own locks do not survive such a fork */
#endif
    world_open(&w, (struct cps3_options){0});
    key = world_key(&w, AUTH);
    for (size_t i = 0; i < nitems(busy); i++) {
        busy[i] = (struct busy){.key = key};
        assert_int_equal(pthread_create(&threads[i], NULL, sign_until_stopped,
                                        &busy[i]), 0);
    }
    for (int i = 0; i < 20; i++) {
        pid_t pid = sim_world_fork(w.sim);
        int status;

        assert_true(pid >= 0);
        if (pid == 0) {
            uint8_t space[CARD_MAX_SIGNATURE];
            struct buf sig = BUF_ON(space);

            alarm(20);
            _exit(world_sign(key, "child", true, &sig) == 0 ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
    for (size_t i = 0; i < nitems(busy); i++) {
        atomic_store(&busy[i].stop, true);
        pthread_join(threads[i], NULL);
        assert_int_equal(busy[i].rc, 0);
        assert_true(busy[i].done > 0);
    }
    assert_int_equal(world_pin_tries(&w), 3);
    card_key_free(key);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_search_without_kinds_gives_auth_before_sign),
        cmocka_unit_test(test_search_one_certificate_reads_no_other_file),
        cmocka_unit_test(test_search_attributes_narrow_what_is_found),
        cmocka_unit_test(test_search_one_bad_certificate_hides_no_other),
        cmocka_unit_test(test_search_two_cards_that_match_is_an_error),
        cmocka_unit_test(test_search_no_key_of_another_card_while_one_fails),
        cmocka_unit_test(test_search_without_card_or_service_names_it),
        cmocka_unit_test(test_auth_signature_costs_at_most_31_then_3),
        cmocka_unit_test(
            test_sign_key_costs_at_most_6_more_and_ends_unverified),
        cmocka_unit_test(
            test_sign_key_finishes_the_hash_on_a_card_that_insists),
        cmocka_unit_test(test_sign_other_hashes_as_the_key_can),
        cmocka_unit_test(test_wrong_signatures_never_leave),
        cmocka_unit_test(test_variants_of_the_card_sign_too),
        cmocka_unit_test(test_decrypt_bad_padding_looks_like_good),
        cmocka_unit_test(test_wrong_stored_pin_costs_one_try_over_restarts),
        cmocka_unit_test(test_refused_stored_pin_asks_the_person_there),
        cmocka_unit_test(test_last_try_is_for_a_person_who_was_told),
        cmocka_unit_test(test_locked_pin_is_not_presented),
        cmocka_unit_test(test_person_is_asked_once_for_auth_each_time_for_sign),
        cmocka_unit_test(test_typed_wrong_pin_is_not_followed_by_another),
        cmocka_unit_test(test_tries_lost_while_typing_are_told_before_the_last),
        cmocka_unit_test(test_threads_ask_one_person_once),
        cmocka_unit_test(test_threads_and_a_wrong_pin_tell_the_last_try),
        cmocka_unit_test(test_callback_that_uses_the_card_is_not_asked_itself),
        cmocka_unit_test(test_refusals_say_what_would_help),
        cmocka_unit_test(test_malformed_pin_is_not_sent),
        cmocka_unit_test(test_general_pin_does_not_sign_documents_unless_told),
        cmocka_unit_test(test_card_without_pin_objects_serves_by_the_aodf),
        cmocka_unit_test(test_fetched_pin_serves_a_signature_key_once),
        cmocka_unit_test(test_key_loaded_while_verified_fetches_its_pin_too),
        cmocka_unit_test(test_use_goes_on_after_other_programs),
        cmocka_unit_test(test_card_pulled_and_put_back_serves_again),
        cmocka_unit_test(test_another_card_in_the_reader_is_refused),
        cmocka_unit_test(test_another_card_hidden_by_a_reset_gets_no_pin),
        cmocka_unit_test(test_threads_that_open_share_one_card),
        cmocka_unit_test(test_unknown_card_says_so_with_its_atr),
        cmocka_unit_test(test_endless_answers_end_in_an_error),
        cmocka_unit_test(test_malformed_files_end_in_an_error),
        cmocka_unit_test(test_fork_before_and_after_load_both_sign),
        cmocka_unit_test(test_fork_in_the_callback_child_and_parent_sign),
        cmocka_unit_test(test_fork_while_threads_sign_child_and_parent_sign),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
