/*
 * OpenPGP cards: one PIN behind two references, the KDF, hostile answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "card/driver/openpgp_data.h"
#include "card/wire/apdu.h"
#include "tests/unit/card_world.h"

#define SETTINGS(...) (const char *const[]){__VA_ARGS__, NULL}
#define PIN "?pin-value=123456"
#define AUT "card:usage=auth" PIN
#define SIG "card:usage=sign" PIN

static const char *const v3[] = {NULL};

/* ---- PIN ----------------------------------------------------------------- */

/* 81 is good for one signature, or for several: each is given the PIN. */
static void test_signature_key_gets_the_pin_each_time(void **state)
{
    static const char *const rules[] = {"several=no", "several=yes"};
    struct card_key *key;
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < nitems(rules); i++) {
        world_open_family(&w, "openpgp", SETTINGS(rules[i]));
        key = world_key(&w, SIG);
        assert_int_equal(card_key_info(key)->user_consent, i == 0);
        for (int n = 0; n < 3; n++)
            assert_int_equal(world_sign_and_check(key, "sign.pem"), 0);
        assert_int_equal(sim_world_count_ins(w.sim, INS_VERIFY), 3);
        for (size_t n = 0; n < sim_world_logged(w.sim); n++) {
            struct bytes c = sim_world_command(w.sim, n);

            if (c.data[1] == INS_VERIFY)
                assert_int_equal(c.data[3], 0x81);
        }
        card_key_free(key);
        world_close(&w);
    }
}

static bool is_verified(struct card_world *w, uint8_t ref)
{
    const uint8_t query[] = {0x00, INS_VERIFY, 0x00, ref};
    uint8_t space[64];
    struct buf answer = BUF_ON(space);

    assert_int_equal(w->card->ops->process(w->card, BYTES_OF(query),
                                           &answer), 0);
    return answer.len == 2 && answer.data[0] == 0x90;
}

static void test_signature_key_leaves_nothing_verified(void **state)
{
    struct card_key *key;
    struct card_world w;

    (void)state;
    world_open_family(&w, "openpgp", SETTINGS("card=gnuk", "several=yes"));
    key = world_key(&w, SIG);
    assert_int_equal(world_sign_and_check(key, "sign.pem"), 0);
    assert_false(is_verified(&w, 0x81));
    card_key_free(key);
    key = world_key(&w, AUT);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    assert_true(is_verified(&w, 0x82));
    card_key_free(key);
    world_close(&w);
}

static void test_pin_rejected_costs_one_try_under_both_names(void **state)
{
    static const char *const refusals[] = {"refusal=6982", "refusal=63c"};
    struct card_key *aut, *sig;
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < 2 * nitems(refusals); i++) {
        world_open_family(&w, "openpgp",
                          SETTINGS(refusals[i / 2],
                                   i % 2 == 0 ? "kdf=no" : "kdf=yes"));
        aut = world_key(&w, "card:usage=auth?pin-value=654321"
                        "&pin-rule=not-last");
        sig = world_key(&w, "card:usage=sign?pin-value=654321"
                        "&pin-rule=not-last");
        assert_int_equal(world_sign_and_check(aut, "auth.pem"),
                         CARD_E_PIN_WRONG);
        assert_int_equal(world_sign_and_check(aut, "auth.pem"),
                         CARD_E_PIN_REFUSED);
        assert_int_equal(world_sign_and_check(sig, "sign.pem"),
                         CARD_E_PIN_REFUSED);
        assert_int_equal(world_pin_tries(&w), 2);
        card_key_free(aut);
        card_key_free(sig);
        world_close(&w);
    }
}

/* The card tells no maximum: three tries left are taken for all of them. */
static void test_pin_stored_goes_out_with_three_tries_left(void **state)
{
    struct card_key *key;
    struct card_world w;

    (void)state;
    world_open_family(&w, "openpgp", v3);
    key = world_key(&w, AUT);
    assert_int_equal(w.card->ops->set_tries(w.card, 2), 0);
    assert_int_equal(world_sign_and_check(key, "auth.pem"),
                     CARD_E_PIN_REFUSED);
    assert_int_equal(w.card->ops->set_tries(w.card, 3), 0);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    card_key_free(key);
    world_close(&w);
}

static void test_pin_locked_is_told_and_not_presented(void **state)
{
    struct card_key *key;
    struct card_world w;

    (void)state;
    world_open_family(&w, "openpgp", v3);
    key = world_key(&w, AUT);
    assert_int_equal(w.card->ops->set_tries(w.card, 0), 0);
    assert_int_equal(world_sign_and_check(key, "auth.pem"),
                     CARD_E_PIN_LOCKED);
    assert_int_equal(sim_world_count_ins(w.sim, INS_VERIFY), 0);
    card_key_free(key);
    world_close(&w);
}

static void test_pin_of_a_person_is_told_the_tries(void **state)
{
    struct card_key *key;
    struct card_world w;

    (void)state;
    world_open_family(&w, "openpgp", v3);
    world_person(&w, "654321", "123456");
    key = world_key(&w, "card:usage=auth");
    assert_int_equal(world_sign_and_check(key, "auth.pem"), CARD_E_PIN_WRONG);
    assert_int_equal(w.person.last.tries_left, 3);
    assert_int_equal(world_pin_tries(&w), 2);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    assert_int_equal(w.person.last.tries_left, 2);
    card_key_free(key);
    world_close(&w);
}

static void test_pin_too_short_is_not_presented(void **state)
{
    static const char *const kdfs[] = {"kdf=no", "kdf=yes"};
    struct card_key *key;
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < nitems(kdfs); i++) {
        world_open_family(&w, "openpgp", SETTINGS(kdfs[i]));
        key = world_key(&w, "card:usage=auth?pin-value=12345");
        assert_int_equal(world_sign_and_check(key, "auth.pem"),
                         CARD_E_PIN_FORMAT);
        assert_int_equal(sim_world_count_ins(w.sim, INS_VERIFY), 0);
        card_key_free(key);
        world_close(&w);
    }
}

static void test_pin_may_be_utf8(void **state)
{
    struct card_key *key;
    struct card_world w;

    (void)state;
    world_open_family(&w, "openpgp", SETTINGS("pin=caf\xC3\xA9 noir"));
    key = world_key(&w, "card:usage=auth?pin-value=caf%C3%A9%20noir");
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    card_key_free(key);
    world_close(&w);
}

/* ---- KDF ----------------------------------------------------------------- */

static void test_kdf_that_cannot_be_computed_presents_nothing(void **state)
{
    static const char *const kdfs[] = {"kdf=huge", "kdf=unknown"};
    struct card_key *key;
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < nitems(kdfs); i++) {
        world_open_family(&w, "openpgp", SETTINGS(kdfs[i]));
        key = world_key(&w, AUT);
        assert_int_equal(world_sign_and_check(key, "auth.pem"),
                         CARD_E_UNSUPPORTED);
        assert_int_equal(sim_world_count_ins(w.sim, INS_VERIFY), 0);
        assert_int_equal(world_pin_tries(&w), 3);
        card_key_free(key);
        world_close(&w);
    }
}

static void test_kdf_hashes_as_s2k_does(void **state)
{
    /* By hashlib over salt and PIN: cut in the third, cut, and once whole. */
    static const struct {
        const char *object, *derived;
    } rows[] = {
        {"810103 820108 830400000020 84083031323334353637",
         "06AE94F4A3991CD3A503890F96A62822FC33578ECCB73759A07D16B1B0D5D614"},
        {"810103 82010A 8304000186A0 84083031323334353637",
         "9CB102D4452E431F9338C837AC67D713794D3CA93B03D53F9E08216A83B61EC6"
         "C0FCAE8F416CB8AD7D180A46DAB0C48E7E6A5F2A533D62555FD66F99F0DCE34F"},
        {"810103 820108 830400000001 84083031323334353637",
         "E4B90D63237D4E6F88E6E894D473B8763673BA0B23D6E4760FB1FE0D719BDDBC"},
    };
    struct crypto *crypto;

    (void)state;
    assert_int_equal(crypto_new(&crypto), 0);
    for (size_t i = 0; i < nitems(rows); i++) {
        uint8_t object_space[64], space[CARD_MAX_HASH];
        struct buf object = BUF_ON(object_space), derived = BUF_ON(space);
        char hex[2 * CARD_MAX_HASH + 1];
        struct openpgp_kdf kdf;

        assert_int_equal(bytes_from_hex(rows[i].object, &object), 0);
        assert_int_equal(openpgp_parse_kdf(buf_view(&object), &kdf), 0);
        assert_int_equal(openpgp_derive_pin(crypto, &kdf, OPENPGP_USER,
                                        bytes_of_string("123456"), &derived),
                         0);
        bytes_to_hex(buf_view(&derived), hex, sizeof(hex));
        assert_string_equal(hex, rows[i].derived);
    }
    crypto_free(crypto);
}

/* ---- hostile answers ----------------------------------------------------- */

/* Nothing that lies gets the PIN wrong, and every use comes to its end. */
static void test_hostile_answers_end_and_cost_no_try(void **state)
{
    static const char *const settings[][2] = {
        {"damage", "lengths"}, {"damage", "6c"}, {"endless", "yes"},
        {"status", "short"},
    };
    struct card_object found;
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < 2 * nitems(settings); i++) {
        world_open_family(&w, "openpgp", SETTINGS(i % 2 == 0 ? "tag=yes"
                                                             : "tag=no"));
        world_set(&w, settings[i / 2][0], settings[i / 2][1]);
        if (world_find(&w, AUT, CARD_KIND_PRIVATE, &found) == 0) {
            assert_int_not_equal(world_sign_and_check(found.key, "auth.pem"),
                                 0);
            card_key_free(found.key);
        }
        assert_int_equal(world_pin_tries(&w), 3);
        world_close(&w);
    }
}

static void test_pw_status_that_is_cut_tells_no_tries(void **state)
{
    static const uint8_t status[] = {0x01, 0x7F, 0x7F, 0x7F, 3, 1, 2};
    struct openpgp_pw_status pw;

    (void)state;
    assert_true(openpgp_parse_pw_status(BYTES_OF(status), &pw));
    assert_true(pw.several && !pw.of[OPENPGP_USER].pin_block);
    assert_int_equal(pw.of[OPENPGP_USER].max_len, 127);
    assert_int_equal(pw.of[OPENPGP_USER].tries, 3);
    assert_int_equal(pw.of[OPENPGP_CODE].tries, 1);
    assert_int_equal(pw.of[OPENPGP_ADMIN].tries, 2);
    for (size_t len = 0; len < sizeof(status); len++) {
        assert_false(openpgp_parse_pw_status(bytes_from(status, len), &pw));
        assert_int_equal(pw.of[OPENPGP_USER].tries, CARD_TRIES_UNKNOWN);
    }
}

/* Whatever it is cut to or however a bit is changed, it is read or refused. */
static void test_parse_of_damaged_data_stays_inside(void **state)
{
    static const uint8_t get[] = {0x00, 0xCA, 0x00, 0x6E, 0x00, 0x00, 0x00};
    static const uint8_t select[] = {0x00, 0xA4, 0x04, 0x00, 0x06, 0xD2,
                                     0x76, 0x00, 0x01, 0x24, 0x01};
    uint8_t space[1024], *copy;
    struct buf answer = BUF_ON(space);
    struct openpgp_data data;
    struct card_world w;

    (void)state;
    world_open_family(&w, "openpgp", SETTINGS("card=yubikey", "keys=nist"));
    w.card->ops->process(w.card, BYTES_OF(select), &answer);
    answer.len = 0;
    w.card->ops->process(w.card, BYTES_OF(get), &answer);
    world_close(&w);
    answer.len -= 2;
    assert_in_range(answer.len, 257, sizeof(space));
    assert_int_equal(openpgp_parse(buf_view(&answer), &data), 0);
    assert_true(data.extended && data.chaining && data.certs && data.kdf);
    assert_string_equal(data.keys[OPENPGP_SIG].curve->name, "P-384");
    for (size_t len = 0; len < answer.len; len++) {
        copy = malloc(len + 1);
        assert_non_null(copy);
        memcpy(copy + 1, answer.data, len); /* ends where the memory ends */
        openpgp_parse(bytes_from(copy + 1, len), &data);
        free(copy);
    }
    for (size_t i = 0; i < answer.len * 8; i++) {
        answer.data[i / 8] ^= (uint8_t)(1U << i % 8);
        openpgp_parse(buf_view(&answer), &data);
        assert_in_range(data.mark_len, 0, OPENPGP_MARK);
        answer.data[i / 8] ^= (uint8_t)(1U << i % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signature_key_gets_the_pin_each_time),
        cmocka_unit_test(test_signature_key_leaves_nothing_verified),
        cmocka_unit_test(test_pin_rejected_costs_one_try_under_both_names),
        cmocka_unit_test(test_pin_stored_goes_out_with_three_tries_left),
        cmocka_unit_test(test_pin_locked_is_told_and_not_presented),
        cmocka_unit_test(test_pin_of_a_person_is_told_the_tries),
        cmocka_unit_test(test_pin_too_short_is_not_presented),
        cmocka_unit_test(test_pin_may_be_utf8),
        cmocka_unit_test(test_kdf_that_cannot_be_computed_presents_nothing),
        cmocka_unit_test(test_kdf_hashes_as_s2k_does),
        cmocka_unit_test(test_hostile_answers_end_and_cost_no_try),
        cmocka_unit_test(test_pw_status_that_is_cut_tells_no_tries),
        cmocka_unit_test(test_parse_of_damaged_data_stays_inside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
