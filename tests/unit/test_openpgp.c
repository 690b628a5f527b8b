/*
 * OpenPGP cards: what is found on each kind of card, what keys do, and how many
 * APDUs that takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "card/wire/apdu.h"
#include "tests/unit/card_world.h"

#define SETTINGS(...) (const char *const[]){__VA_ARGS__, NULL}
#define PIN "?pin-value=123456"
#define AUT "card:usage=auth" PIN
#define DEC "card:usage=decrypt" PIN
#define SIG "card:usage=sign" PIN

enum { INS_SELECT_DATA = 0xA5 };
enum { ALL = CARD_KIND_PRIVATE | CARD_KIND_PUBLIC | CARD_KIND_CERT };

static const char *const v3[] = {NULL};

/* ---- search -------------------------------------------------------------- */

/* The kinds and labels of all that is found: "k Label|p Label|c Label". */
static void list(struct card_world *w, char *out, size_t cap)
{
    struct card_search *search;
    struct card_object found;
    struct card_uri uri;
    size_t len = 0;

    out[0] = '\0';
    assert_int_equal(card_uri_parse("card:", &uri), 0);
    assert_int_equal(card_search_new(w->ctx, &uri, ALL, &search), 0);
    while (card_search_next(search, &found) == 0 && len < cap) {
        len += (size_t)snprintf(out + len, cap - len, "%s%c %s",
                                len > 0 ? "|" : "",
                                found.kind == CARD_KIND_PRIVATE  ? 'k'
                                : found.kind == CARD_KIND_PUBLIC ? 'p'
                                                                 : 'c',
                                found.label);
        card_key_free(found.key);
    }
    card_search_free(search);
}

#define KEY(label) "k " label "|p " label
#define KEY_AND_CERT(label) KEY(label) "|c " label

static void test_search_lists_what_each_card_has(void **state)
{
    static const char all[] = KEY_AND_CERT("Authentication key") "|"
        KEY_AND_CERT("Signature key") "|" KEY_AND_CERT("Encryption key");
    static const char bare[] = KEY("Authentication key") "|"
        KEY("Signature key") "|" KEY("Encryption key");
    static const struct {
        const char *settings[4];
        const char *found;
    } rows[] = {
        {{"card=v3", NULL}, all},
        {{"card=yubikey", NULL}, all},
        {{"certs=no", "tag=no", NULL}, bare},
        {{"card=gnuk", "keys=25519", NULL}, bare},
        {{"card=v2", NULL}, KEY_AND_CERT("Authentication key") "|"
         KEY("Signature key") "|" KEY("Encryption key")},
    };
    char found[512];
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < nitems(rows); i++) {
        world_open_family(&w, "openpgp", rows[i].settings);
        list(&w, found, sizeof(found));
        assert_string_equal(found, rows[i].found);
        assert_int_equal(sim_world_count_ins(w.sim, INS_VERIFY), 0);
        if (strcmp(rows[i].settings[0], "card=v2") == 0)
            assert_int_equal(sim_world_count_ins(w.sim, INS_SELECT_DATA), 0);
        world_close(&w);
    }
}

static void test_search_names_the_card_as_gpg_does(void **state)
{
    struct card_object found;
    struct card_world w;

    (void)state;
    world_open_family(&w, "openpgp", SETTINGS("card=yubikey",
                                              "serial=12345678"));
    assert_int_equal(world_find(&w, "card:serial=000612345678;usage=sign;"
                                "token=TESTEUR%20ELODIE;"
                                "model=OpenPGP%20card%203.4",
                                CARD_KIND_PRIVATE, &found), 0);
    assert_non_null(strstr(card_key_name(found.key),
                           "OpenPGP card 0006 12345678"));
    card_key_free(found.key);
    world_close(&w);
}

/* Whoever wants certificates too gets a key with its own. */
static struct card_key *key_with_cert(struct card_world *w, const char *uri)
{
    struct card_object found;

    assert_int_equal(world_find(w, uri, CARD_KIND_PRIVATE | CARD_KIND_CERT,
                                &found), 0);
    assert_true(found.cert.len > 0);
    return found.key;
}

/* SELECT DATA was sent, and the certificate did not come: it is sent again. */
static void test_search_after_a_fault_reads_the_right_certificate(void **state)
{
    struct card_key *aut, *sig;
    struct card_world w;

    (void)state;
    world_open_family(&w, "openpgp", v3);
    aut = key_with_cert(&w, AUT); /* so that the card stays open */
    sim_world_reset_counts(w.sim);
    sim_world_fault(w.sim, 3, SIM_FAULT_6F00, false);
    sig = key_with_cert(&w, SIG);
    assert_int_equal(sim_world_count_ins(w.sim, INS_SELECT_DATA), 2);
    assert_int_equal(world_sign_and_check(sig, "sign.pem"), 0);
    card_key_free(sig);
    card_key_free(aut);
    world_close(&w);
}

/* Another program selected a certificate. */
static void test_search_selects_the_certificate_it_wants(void **state)
{
    struct card_key *key, *sig;
    struct card_world w;

    (void)state;
    world_open_family(&w, "openpgp", SETTINGS("occurrence=stays"));
    sig = key_with_cert(&w, SIG);
    key = key_with_cert(&w, AUT);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    card_key_free(key);
    card_key_free(sig);
    world_close(&w);
}

static void test_search_leaves_curves_out_that_are_not_supported(void **state)
{
    static const char *const curves[][2] = {
        {"curve=brainpool", "brainpoolP256r1"},
        {"curve=secp256k1", "secp256k1"},
    };
    struct card_object found;
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < nitems(curves); i++) {
        world_open_family(&w, "openpgp", SETTINGS("keys=nist", "certs=no",
                                                  curves[i][0]));
        assert_int_equal(world_find(&w, AUT, CARD_KIND_PRIVATE, &found),
                         CARD_E_UNSUPPORTED);
        assert_non_null(strstr(card_error_sentence(), curves[i][1]));
        assert_int_equal(world_find(&w, SIG, CARD_KIND_PRIVATE, &found), 0);
        card_key_free(found.key);
        world_close(&w);
    }
}

static void test_probe_leaves_another_card_alone(void **state)
{
    struct card_object found;
    struct card_world w;

    (void)state;
    world_open(&w, (struct cps3_options){.t1 = true});
    assert_int_equal(world_find(&w, "card:driver=openpgp", CARD_KIND_PRIVATE,
                                &found), CARD_E_NOT_MINE);
    assert_int_equal(world_transmits(&w), 1);
    world_close(&w);
}

/* ---- keys ---------------------------------------------------------------- */

static void use_all(struct card_world *w, const char *const pems[3])
{
    struct card_key *key = world_key(w, AUT);

    for (int i = 0; i < 3; i++)
        assert_int_equal(world_sign_and_check(key, pems[2]), 0);
    card_key_free(key);
    key = world_key(w, SIG);
    for (int i = 0; i < 3; i++)
        assert_int_equal(world_sign_and_check(key, pems[0]), 0);
    card_key_free(key);
    key = world_key(w, DEC);
    for (int i = 0; i < 2; i++)
        assert_int_equal(card_key_info(key)->type == CARD_KEY_RSA
                             ? world_decrypt_and_check(key, pems[1], false)
                             : world_derive_and_check(key, pems[1]), 0);
    card_key_free(key);
    assert_int_equal(world_pin_tries(w), 3);
}

static void test_keys_of_each_kind_work_on_each_card(void **state)
{
    static const struct {
        const char *keys;
        const char *pems[3]; /* SIG, DEC, AUT */
    } kinds[] = {
        {"keys=rsa", {"sign.pem", "decrypt.pem", "auth.pem"}},
        {"keys=mixed", {"sign.pem", "ec-decrypt.pem", "ed-auth.pem"}},
        {"keys=nist", {"ec-sign.pem", "ec-decrypt.pem", "ec-auth.pem"}},
        {"keys=25519", {"ed-auth.pem", "x-decrypt.pem", "ed-auth.pem"}},
    };
    static const char *const cards[][3] = {
        {"card=v3", "tag=yes", "kdf=no"},
        {"card=v3", "certs=no", "prefix=yes"},
        {"card=v2", "tag=no", "refusal=63c"},
        {"card=gnuk", "kdf=yes", "tag=no"},
        {"card=yubikey", "kdf=yes", "several=yes"},
        {"card=v3", "t1=no", "kdf=no"},
        {"card=gnuk", "t1=no", "kdf=no"},
    };
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < nitems(cards); i++)
        for (size_t j = 0; j < nitems(kinds); j++) {
            world_open_family(&w, "openpgp",
                              SETTINGS(cards[i][0], cards[i][1], cards[i][2],
                                       kinds[j].keys));
            use_all(&w, kinds[j].pems);
            world_close(&w);
        }
}

/* The longest hash is cut to the curve's length, and a short one filled. */
static void test_sign_ecdsa_takes_hashes_of_any_length(void **state)
{
    static const enum card_hash hashes[] = {CARD_HASH_SHA1, CARD_HASH_SHA256,
                                            CARD_HASH_SHA512};
    static const char *const uris[] = {AUT, SIG};
    uint8_t space[CARD_MAX_SIGNATURE];
    struct card_world w;

    (void)state;
    world_open_family(&w, "openpgp", SETTINGS("keys=nist"));
    for (size_t i = 0; i < 2 * nitems(uris) * nitems(hashes); i++) {
        struct card_key *key = world_key(&w, uris[i % nitems(uris)]);
        struct card_tbs tbs = {.hash = hashes[i / 2 % nitems(hashes)]};
        struct buf sig = BUF_ON(space);

        if (i == nitems(uris) * nitems(hashes))
            world_set(&w, "numbers", "signed");
        tbs.len = hash_len(tbs.hash);
        memset(tbs.value, 0xA5, tbs.len);
        assert_int_equal(card_sign(key, &tbs, &sig), 0); /* self-checked */
        card_key_free(key);
    }
    world_close(&w);
}

static void test_sign_refuses_what_the_card_cannot(void **state)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_tbs tbs = {.hash = CARD_HASH_NONE, .len = 103};
    struct card_key *key;
    struct card_world w;

    (void)state;
    world_open_family(&w, "openpgp", v3);
    key = world_key(&w, AUT);
    assert_int_equal(card_sign(key, &tbs, &sig), CARD_E_UNSUPPORTED);
    assert_non_null(strstr(card_error_sentence(), "102 bytes"));
    assert_int_equal(world_sign_pss_and_check(key, "auth.pem"),
                     CARD_E_UNSUPPORTED);
    card_key_free(key);
    world_close(&w);
}

static void test_sign_eddsa_sends_the_message_whole(void **state)
{
    static const char *const cards[] = {"card=v3", "card=gnuk"};
    static uint8_t text[2000];
    uint8_t space[CARD_MAX_SIGNATURE];
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < nitems(cards); i++) {
        struct card_tbs tbs = {.message = bytes_from(text, 1000)};
        struct buf sig = BUF_ON(space);
        struct card_key *key;

        world_open_family(&w, "openpgp", SETTINGS(cards[i], "keys=mixed"));
        key = world_key(&w, AUT);
        assert_int_equal(card_sign(key, &tbs, &sig), 0);
        tbs.message = BYTES_OF(text);
        assert_int_equal(card_sign(key, &tbs, &sig), CARD_E_UNSUPPORTED);
        assert_non_null(strstr(card_error_sentence(), "too long"));
        card_key_free(key);
        world_close(&w);
    }
}

static void test_sign_says_that_a_touch_was_missing(void **state)
{
    struct card_key *key;
    struct card_world w;

    (void)state;
    world_open_family(&w, "openpgp", SETTINGS("card=yubikey",
                                              "touch=nobody"));
    key = world_key(&w, AUT);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), CARD_E_CANCELLED);
    assert_non_null(strstr(card_error_sentence(), "touch"));
    assert_int_equal(sim_world_count_ins(w.sim, INS_INTERNAL_AUTHENTICATE),
                     1);
    card_key_free(key);
    key = world_key(&w, DEC);
    assert_int_equal(world_decrypt_and_check(key, "decrypt.pem", false),
                     CARD_E_CANCELLED);
    card_key_free(key);
    world_close(&w);
}

static void test_sign_discards_what_another_key_made(void **state)
{
    static const char *const wrongs[] = {"flip", "other"};
    struct card_key *key;
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < nitems(wrongs); i++) {
        world_open_family(&w, "openpgp", SETTINGS("certs=no"));
        world_set(&w, "wrong", wrongs[i]);
        key = world_key(&w, AUT);
        assert_int_equal(world_sign_and_check(key, "auth.pem"),
                         CARD_E_SELF_CHECK);
        card_key_free(key);
        world_close(&w);
    }
}

/* ---- APDUs --------------------------------------------------------------- */

/* From the start to a signature, and one more: counts of what was sent. */
static void count(const char *const settings[], unsigned max_data,
                  const char *pem, unsigned *first, unsigned *next)
{
    struct card_key *key;
    struct card_world w;

    world_open_family(&w, "openpgp", settings);
    sim_world_max_data(w.sim, max_data);
    key = world_key(&w, "card:driver=openpgp;usage=auth" PIN);
    assert_int_equal(world_sign_and_check(key, pem), 0);
    *first = world_transmits(&w);
    assert_int_equal(world_sign_and_check(key, pem), 0);
    *next = world_transmits(&w) - *first;
    card_key_free(key);
    world_close(&w);
}

static void test_apdus_to_the_first_signature_are_at_most_ten(void **state)
{
    static const struct {
        const char *keys, *pem;
    } rows[] = {
        {"keys=rsa", "auth.pem"},
        {"keys=nist", "ec-auth.pem"},
        {"keys=mixed", "ed-auth.pem"},
    };
    unsigned first, next;

    (void)state;
    for (size_t i = 0; i < nitems(rows); i++) {
        count(SETTINGS("certs=no", "extended=no", rows[i].keys), 0,
              rows[i].pem, &first, &next);
        print_message("%s, T=1, short: %u, then %u\n", rows[i].keys, first,
                      next);
        assert_in_range(first, 1, 10);
        assert_in_range(next, 1, 2);
        count(SETTINGS("card=yubikey", rows[i].keys), 65536, rows[i].pem,
              &first, &next);
        print_message("%s, T=1, extended, certificate: %u, then %u\n",
                      rows[i].keys, first, next);
        assert_in_range(first, 1, 10);
        assert_in_range(next, 1, 2);
    }
}

/* Cryptograms of 257 bytes, to a card that takes extended length. */
static void test_reader_decides_whether_length_is_extended(void **state)
{
    static const struct {
        unsigned max_data, commands;
    } rows[] = {{0, 2}, {READER_SHORT_DATA, 2}, {65536, 1}};
    struct card_key *key;
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < nitems(rows); i++) {
        world_open_family(&w, "openpgp", v3);
        sim_world_max_data(w.sim, rows[i].max_data);
        key = world_key(&w, DEC);
        assert_int_equal(world_decrypt_and_check(key, "decrypt.pem", false), 0);
        assert_int_equal(sim_world_count_ins(w.sim, INS_PSO),
                         rows[i].commands);
        card_key_free(key);
        world_close(&w);
    }
}

/* The application was left selected: neither SELECT nor a status of its own. */
static void test_apdus_of_a_login_are_two(void **state)
{
    static const uint8_t expected[] = {INS_GET_DATA, INS_VERIFY,
                                       INS_INTERNAL_AUTHENTICATE};
    struct card_key *key;
    struct card_world w;

    (void)state;
    world_open_family(&w, "openpgp", v3);
    key = world_key(&w, AUT);
    sim_world_reset_counts(w.sim);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    assert_int_equal(sim_world_logged(w.sim), nitems(expected));
    for (size_t i = 0; i < nitems(expected); i++)
        assert_int_equal(sim_world_command(w.sim, i).data[1], expected[i]);
    card_key_free(key);
    world_close(&w);
}

static void test_login_selects_when_another_application_is_there(void **state)
{
    static const enum sim_intrusion others[] = {
        SIM_OTHER_APPLICATION, SIM_OTHER_RESET, SIM_OTHER_FILE};
    struct card_key *key;
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < nitems(others); i++) {
        world_open_family(&w, "openpgp", v3);
        key = world_key(&w, AUT);
        assert_true(sim_world_other(w.sim, 0, others[i]));
        assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
        assert_true(sim_world_other(w.sim, 0, others[i]));
        assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
        assert_int_equal(world_pin_tries(&w), 3);
        card_key_free(key);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_search_lists_what_each_card_has),
        cmocka_unit_test(test_search_names_the_card_as_gpg_does),
        cmocka_unit_test(test_search_after_a_fault_reads_the_right_certificate),
        cmocka_unit_test(test_search_selects_the_certificate_it_wants),
        cmocka_unit_test(test_search_leaves_curves_out_that_are_not_supported),
        cmocka_unit_test(test_probe_leaves_another_card_alone),
        cmocka_unit_test(test_keys_of_each_kind_work_on_each_card),
        cmocka_unit_test(test_sign_ecdsa_takes_hashes_of_any_length),
        cmocka_unit_test(test_sign_refuses_what_the_card_cannot),
        cmocka_unit_test(test_sign_eddsa_sends_the_message_whole),
        cmocka_unit_test(test_sign_says_that_a_touch_was_missing),
        cmocka_unit_test(test_sign_discards_what_another_key_made),
        cmocka_unit_test(test_apdus_to_the_first_signature_are_at_most_ten),
        cmocka_unit_test(test_reader_decides_whether_length_is_extended),
        cmocka_unit_test(test_apdus_of_a_login_are_two),
        cmocka_unit_test(test_login_selects_when_another_application_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
