/*
 * GemSafe cards, simulated: what is found and in which order, what keys do, and
 * what it costs.
 */
#include "tests/unit/gemsafe_world.h"

#include <stdio.h>
#include <string.h>

#include "card/base/crypto.h"
#include "card/wire/apdu.h"

static bool is_issued_by(const struct card_object *o, const char *name)
{
    return crypto_cert_has_common_name(o->cert, CRYPTO_ISSUER, name);
}

static int decrypt_pkcs1(struct card_key *key, const char *pem)
{
    return world_decrypt_and_check(key, pem, false);
}

/* ---- what is there ------------------------------------------------------- */

/* An expired one, the elder and the newest: in that order on the card. */
static void test_search_when_certificates_age_then_newest_first(void **state)
{
    static const char *const settings[] = {"certs=expired+classe3+rgs", NULL};
    struct card_object found;
    struct card_world w;
    char issuers[8];

    (void)state;
    for (size_t i = 0; i < FAMILIES; i++) {
        world_open_family(&w, families[i], settings);
        list_issuers(&w, "card:", issuers);
        assert_string_equal(issuers, "acx");
        must(world_find(&w, "card:", CARD_KIND_PRIVATE, &found), families[i]);
        assert_true(is_issued_by(&found, ADVANCED));
        card_key_free(found.key);
        world_close(&w);
    }
}

static void test_search_when_issuer_is_named_then_its_certificate(void **state)
{
    static const char *const names[] = {ADVANCED, CLASSE3};
    struct card_object found;
    struct card_world w;
    char text[128];

    (void)state;
    for (size_t i = 0; i < FAMILIES; i++) {
        world_open_family(&w, families[i], NULL);
        for (size_t j = 0; j < nitems(names); j++) {
            snprintf(text, sizeof(text), "card:issuer=%s", names[j]);
            must(world_find(&w, text, CARD_KIND_PRIVATE, &found), text);
            assert_true(is_issued_by(&found, names[j]));
            card_key_free(found.key);
        }
        assert_true(world_find(&w, "card:issuer=nobody", CARD_KIND_PRIVATE,
                               &found) < 0);
        world_close(&w);
    }
}

static void test_search_v1_when_containers_then_opensc_ids(void **state)
{
    struct card_world w;
    struct card_object found;

    (void)state;
    world_open_family(&w, "gemsafe", NULL);
    must(world_find(&w, "card:id=%48", CARD_KIND_PRIVATE, &found), "id");
    assert_int_equal(card_key_info(found.key)->ref, 0x06);
    assert_string_equal(card_key_info(found.key)->label, "Certificate 4");
    card_key_free(found.key);
    must(world_find(&w, "card:serial=4710500112340042;driver=gemsafe;"
                    "object=Certificate%203", CARD_KIND_PRIVATE, &found),
         "serial");
    assert_int_equal(card_key_info(found.key)->ref, 0x05);
    card_key_free(found.key);
    world_close(&w);
}

static void test_search_p15_when_token_is_named_then_found(void **state)
{
    struct card_object found;
    struct card_world w;

    (void)state;
    world_open_family(&w, "gemp15", SETTINGS("swap=no"));
    must(world_find(&w, "card:token=GemP15-1;serial=4710500112340042",
                    CARD_KIND_PRIVATE, &found), "token");
    card_key_free(found.key);
    world_close(&w);
}

/* Another family's card is not asked. */
static void test_probe_when_atr_is_foreign_then_no_apdu(void **state)
{
    struct card_object found;
    struct card_world w;

    (void)state;
    world_open_family(&w, "piv", NULL);
    assert_int_equal(world_find(&w, "card:driver=gemsafe", CARD_KIND_PRIVATE,
                                &found), CARD_E_NOT_MINE);
    assert_int_equal(world_transmits(&w), 0);
    world_close(&w);
}

/* ---- what keys do -------------------------------------------------------- */

static const struct {
    const char *family;
    const char *const *settings;
} variants[] = {
    {"gemsafe", NULL},
    {"gemsafe", (const char *const[]){"ascii=yes", NULL}},
    {"gemsafe", (const char *const[]){"t1=yes", NULL}},
    {"gemsafe", (const char *const[]){"cplc=no", NULL}},
    {"gemsafe", (const char *const[]){"named=no", NULL}},
    {"gemsafe", (const char *const[]){"tail=6c", NULL}},
    {"gemsafe", (const char *const[]){"tail=short", NULL}},
    {"gemsafe", (const char *const[]){"object=long", NULL}},
    {"gemsafe-v3", NULL},
    {"gemsafe-v3", (const char *const[]){"t1=yes", NULL}},
    {"gemsafe-v3", (const char *const[]){"cplc=no", NULL}},
    {"gemp15", NULL},
    {"gemp15", (const char *const[]){"t1=yes", NULL}},
    {"gemp15", (const char *const[]){"swap=no", NULL}},
    {"gemp15", (const char *const[]){"classic=yes", NULL}},
    {"gemp15", (const char *const[]){"tail=6c", NULL}},
    {"gemp15", (const char *const[]){"usage=sign", NULL}},
    {"gemp15", (const char *const[]){"usage=consent", NULL}},
};

static void test_sign_when_card_varies_then_verifies(void **state)
{
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < nitems(variants); i++) {
        world_open_family(&w, variants[i].family, variants[i].settings);
        must(use_uri(&w, gemsafe_uri("", variants[i].family), "rgs.pem",
                     world_sign_and_check),
             variants[i].settings != NULL ? variants[i].settings[0]
                                          : variants[i].family);
        assert_int_equal(world_pin_tries(&w), 3);
        world_close(&w);
    }
}

/* A hash, or a DigestInfo of it; CARD_HASH_NONE: TLS 1.1's MD5 || SHA-1. */
static int sign_hash(struct card_world *w, const char *text,
                     enum card_hash hash, bool as_info)
{
    struct card_tbs tbs = {.hash = hash,
                           .len = hash == CARD_HASH_NONE ? 36 : hash_len(hash)};
    struct card_key *key = world_key(w, text);
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    int rc;

    memset(tbs.value, 0x5A, tbs.len);
    if (as_info) {
        struct buf block = BUF_ON(space);

        must(hash_digest_info(hash, bytes_from(tbs.value, tbs.len), &block),
             "DigestInfo");
        memcpy(tbs.value, space, block.len);
        tbs.len = block.len;
        tbs.hash = CARD_HASH_NONE;
    }
    rc = card_sign(key, &tbs, &sig); /* checks by the certificate's key */
    card_key_free(key);
    return rc;
}

static void test_sign_when_hash_varies_then_as_the_card_can(void **state)
{
    const enum card_hash always[] = {CARD_HASH_NONE, CARD_HASH_SHA1,
                                     CARD_HASH_SHA256};
    const enum card_hash p15[] = {CARD_HASH_SHA224, CARD_HASH_SHA384,
                                  CARD_HASH_SHA512};
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < FAMILIES; i++) {
        const char *key = gemsafe_uri("", families[i]);
        bool is_p15 = i == P15_FAMILY;

        world_open_family(&w, families[i], NULL);
        for (size_t j = 0; j < nitems(always); j++) {
            must(sign_hash(&w, key, always[j], false), families[i]);
            if (always[j] != CARD_HASH_NONE)
                must(sign_hash(&w, key, always[j], true), families[i]);
        }
        for (size_t j = 0; j < nitems(p15); j++)
            assert_int_equal(sign_hash(&w, key, p15[j], false),
                             is_p15 ? 0 : CARD_E_UNSUPPORTED);
        assert_int_equal(world_pin_tries(&w), 3);
        world_close(&w);
    }
}

/* A card that takes no bare SHA-512 is given the DigestInfo. */
static void test_sign_p15_when_hash_is_refused_then_digest_info(void **state)
{
    struct card_world w;

    (void)state;
    world_open_family(&w, "gemp15", SETTINGS("sha2=256"));
    must(sign_hash(&w, "card:" PIN_P15, CARD_HASH_SHA512, false), "SHA-512");
    must(sign_hash(&w, "card:" PIN_P15, CARD_HASH_SHA256, false), "SHA-256");
    world_close(&w);
}

static void test_sign_when_answer_is_wrong_then_caught(void **state)
{
    static const char *const wrongs[] = {"flip", "previous", "other"};
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < FAMILIES; i++)
        for (size_t j = 0; j < nitems(wrongs); j++) {
            const char *key = gemsafe_uri("issuer=" ADVANCED, families[i]);

            world_open_family(&w, families[i], SETTINGS("certs=rgs+sign"));
            must(sign_hash(&w, key, CARD_HASH_SHA1, false), families[i]);
            world_set(&w, "wrong", wrongs[j]);
            assert_int_equal(use_uri(&w, key, "rgs.pem",
                                     world_sign_and_check),
                             CARD_E_SELF_CHECK);
            world_close(&w);
        }
}

static void test_decrypt_when_rsa_1024_then_plain(void **state)
{
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < FAMILIES; i++) {
        world_open_family(&w, families[i], SETTINGS("certs=rsa1024"));
        must(use_uri(&w, gemsafe_uri("usage=decrypt", families[i]),
                     "rsa1024.pem", decrypt_pkcs1), families[i]);
        must(use_uri(&w, gemsafe_uri("", families[i]), "rsa1024.pem",
                     world_sign_and_check), families[i]);
        world_close(&w);
    }
}

/* Of V1 and V3 that is not known: the key is not said to decrypt. */
static void test_decrypt_when_rsa_2048_then_on_gemp15_only(void **state)
{
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < FAMILIES; i++) {
        bool is_p15 = i == P15_FAMILY;

        world_open_family(&w, families[i], NULL);
        assert_int_equal(use_uri(&w, gemsafe_uri("", families[i]), "rgs.pem",
                                 decrypt_pkcs1),
                         is_p15 ? 0 : CARD_E_UNSUPPORTED);
        world_close(&w);
    }
}

static void test_decrypt_p15_when_indicator_is_wanted_then_twice(void **state)
{
    struct card_world w;
    struct card_key *key;

    (void)state;
    world_open_family(&w, "gemp15", SETTINGS("decipher=86"));
    key = world_key(&w, "card:" PIN_P15);
    must(world_decrypt_and_check(key, "rgs.pem", false), "first");
    sim_world_reset_counts(w.sim);
    must(world_decrypt_and_check(key, "rgs.pem", false), "second");
    assert_int_equal(sim_world_count_ins(w.sim, INS_MSE), 1);
    card_key_free(key);
    world_close(&w);
}

/* ---- what it costs ------------------------------------------------------- */

/* APDUs without the reads of what is on the card. */
static unsigned without_reads(struct card_world *w)
{
    return world_transmits(w) -
           (unsigned)sim_world_count_ins(w->sim, INS_READ_BINARY);
}

static void test_sign_when_repeated_then_three_apdus(void **state)
{
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < FAMILIES; i++) {
        struct card_key *key;

        world_open_family(&w, families[i], NULL);
        key = world_key(&w, gemsafe_uri("", families[i]));
        must(world_sign_and_check(key, "rgs.pem"), families[i]);
        assert_true(without_reads(&w) <= 20);
        sim_world_reset_counts(w.sim);
        must(world_sign_and_check(key, "rgs.pem"), families[i]);
        assert_true(world_transmits(&w) <= 3);
        card_key_free(key);
        world_close(&w);
    }
}

/* A process of its own that finds the newest certificate. */
static unsigned find_cost(struct card_world *w)
{
    struct card_object found;

    world_restart(w);
    sim_world_reset_counts(w->sim);
    must(world_find(w, "card:", CARD_KIND_CERT, &found), "card:");
    return world_transmits(w);
}

static void test_cache_v1_when_known_then_first_block_and_starts(void **state)
{
    struct card_world w;
    unsigned first;

    (void)state;
    world_open_family(&w, "gemsafe", SETTINGS("certs=rsa1024+rgs"));
    w.settings.cache = gemsafe_path("cache");
    first = find_cost(&w);
    assert_true(first > 10);
    assert_true(find_cost(&w) <= 6);
    world_close(&w);
}

/*
 * The second certificate is replaced by one of the same length; table, first
 * block and the file's length stay as they were.
 */
static void test_cache_v1_when_certificate_changed_then_read(void **state)
{
    struct card_object found;
    struct card_world w;

    (void)state;
    world_open_family(&w, "gemsafe", SETTINGS("certs=rsa1024+classe3"));
    w.settings.cache = gemsafe_path("cache");
    find_cost(&w);
    world_set(&w, "certs", "rsa1024+expired");
    assert_true(find_cost(&w) > 10);
    must(world_find(&w, "card:issuer=" CLASSE3, CARD_KIND_CERT, &found),
         CLASSE3);
    assert_true(find_cost(&w) <= 6);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_search_when_certificates_age_then_newest_first),
        TEST(test_search_when_issuer_is_named_then_its_certificate),
        TEST(test_search_v1_when_containers_then_opensc_ids),
        TEST(test_search_p15_when_token_is_named_then_found),
        TEST(test_probe_when_atr_is_foreign_then_no_apdu),
        TEST(test_sign_when_card_varies_then_verifies),
        TEST(test_sign_when_hash_varies_then_as_the_card_can),
        TEST(test_sign_p15_when_hash_is_refused_then_digest_info),
        TEST(test_sign_when_answer_is_wrong_then_caught),
        TEST(test_decrypt_when_rsa_1024_then_plain),
        TEST(test_decrypt_when_rsa_2048_then_on_gemp15_only),
        TEST(test_decrypt_p15_when_indicator_is_wanted_then_twice),
        TEST(test_sign_when_repeated_then_three_apdus),
        TEST(test_cache_v1_when_known_then_first_block_and_starts),
        TEST(test_cache_v1_when_certificate_changed_then_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
