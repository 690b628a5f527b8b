/*
 * PIV cards, simulated: what is found, what keys do, what it costs, what PINs
 * and hostile cards come to.
 */
#define _DEFAULT_SOURCE /* mkdtemp */
#include "tests/unit/card_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "card/driver/driver.h"
#include "card/wire/apdu.h"
#include "tests/unit/test.h"

#define PIN "?pin-value=123456"
#define AUTH "card:usage=auth" PIN

typedef int use_fn(struct card_key *key, const char *pem);

static void open_piv(struct card_world *w, const char *const *settings)
{
    world_open_family(w, "piv", settings);
}

/* What finding the key, or using it, comes to. */
static int try_use(struct card_world *w, const char *uri, const char *pem,
                   use_fn *use)
{
    struct card_object found;
    int rc = world_find(w, uri, CARD_KIND_PRIVATE, &found);

    if (rc < 0)
        return rc;
    rc = use(found.key, pem);
    card_key_free(found.key);
    return rc;
}

static void must_use(struct card_world *w, const char *uri, const char *pem,
                     use_fn *use)
{
    if (try_use(w, uri, pem, use) < 0)
        fail_msg("%s: %s", uri, card_error_sentence());
}

static int decrypt_pkcs1(struct card_key *key, const char *pem)
{
    return world_decrypt_and_check(key, pem, false);
}

static int decrypt_oaep(struct card_key *key, const char *pem)
{
    return world_decrypt_and_check(key, pem, true);
}

/* ---- what is there ------------------------------------------------------- */

static void test_search_when_slots_differ_then_each_is_found(void **state)
{
    static const struct {
        const char *uri, *label; /* NULL: nothing */
    } rows[] = {
        {"card:", "PIV Authentication"},
        {"card:usage=auth", "PIV Authentication"},
        {"card:usage=sign", "Digital Signature"},
        {"card:usage=decrypt", "Key Management"},
        {"card:id=%04", "Card Authentication"},
        {"card:driver=piv;model=PIV", "PIV Authentication"},
        {"card:serial=0123456789ABCDEF0123456789ABCDEF", "PIV Authentication"},
        {"card:object=Digital%20Signature", "Digital Signature"},
        {"card:subject=899700245667;usage=sign", "Digital Signature"},
        {"card:id=%05", NULL},
        {"card:driver=ias", NULL},
        {"card:serial=00", NULL},
    };
    struct card_world w;
    struct card_object found;

    (void)state;
    open_piv(&w, NULL);
    for (size_t i = 0; i < nitems(rows); i++) {
        int rc = world_find(&w, rows[i].uri, CARD_KIND_PRIVATE, &found);

        if (rows[i].label == NULL) {
            assert_true(rc < 0);
            continue;
        }
        if (rc != 0)
            fail_msg("%s: %s", rows[i].uri, card_error_sentence());
        assert_string_equal(card_key_info(found.key)->label, rows[i].label);
        card_key_free(found.key);
    }
    assert_int_equal(sim_world_count_ins(w.sim, INS_VERIFY), 0);
    world_close(&w);
}

static unsigned count_objects(struct card_world *w, const char *uri,
                              unsigned kinds)
{
    struct card_search *search;
    struct card_object found;
    struct card_uri parsed;
    unsigned count = 0;

    assert_int_equal(card_uri_parse(uri, &parsed), 0);
    assert_int_equal(card_search_new(w->ctx, &parsed, kinds, &search), 0);
    card_uri_clear(&parsed);
    while (card_search_next(search, &found) == 0) {
        count++;
        if (found.kind != CARD_KIND_CERT)
            card_key_free(found.key);
    }
    card_search_free(search);
    return count;
}

/* The twenty retired slots are not asked one by one. */
static void test_list_when_slots_are_empty_then_they_are_left_out(void **state)
{
    static const char *const variants[][4] = {
        {"9c=none", "9e=none", NULL},
        {"9c=none", "9e=none", "absent=6A80", NULL},
        {"9c=none", "9e=none", "absent=6A86", NULL},
    };
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < nitems(variants); i++) {
        open_piv(&w, variants[i]);
        assert_int_equal(count_objects(&w, "card:driver=piv", CARD_KIND_CERT),
                         2);
        assert_in_range(world_transmits(&w), 1, 30);
        assert_int_equal(count_objects(&w, "card:driver=piv",
                                       CARD_KIND_PRIVATE), 2);
        world_close(&w);
    }
}

static void count_line(void *arg, const char *line)
{
    unsigned *lines = arg;

    (void)line;
    (*lines)++;
}

/* Sixty objects that are not there are no sixty lines in the log. */
static void test_list_when_slots_are_empty_then_log_stays_short(void **state)
{
    struct card_world w;
    unsigned lines = 0;

    (void)state;
    open_piv(&w, NULL);
    w.settings.log = count_line;
    w.settings.log_arg = &lines;
    world_restart(&w);
    count_objects(&w, "card:",
                  CARD_KIND_PRIVATE | CARD_KIND_PUBLIC | CARD_KIND_CERT);
    assert_in_range(lines, 1, 4);
    world_close(&w);
}

static void test_retired_when_history_counts_them_then_found(void **state)
{
    static const char *const settings[] = {"82=decrypt", "83=ec-decrypt",
                                           "84=auth", "history=2", NULL};
    struct card_world w;

    (void)state;
    open_piv(&w, settings);
    assert_int_equal(count_objects(&w, "card:", CARD_KIND_CERT), 6);
    must_use(&w, "card:id=%05" PIN, "decrypt.pem", decrypt_pkcs1);
    must_use(&w, "card:id=%06" PIN, "ec-decrypt.pem", world_derive_and_check);
    assert_int_equal(try_use(&w, "card:id=%07" PIN, "auth.pem", decrypt_pkcs1),
                     CARD_E_NOT_FOUND);
    world_close(&w);
}

static void check_retired(const char *history)
{
    const char *const settings[] = {"82=decrypt", "83=ec-decrypt", "85=auth",
                                    history, NULL};
    struct card_world w;

    open_piv(&w, settings);
    must_use(&w, "card:id=%06" PIN, "ec-decrypt.pem", world_derive_and_check);
    assert_int_equal(try_use(&w, "card:id=%08" PIN, "auth.pem", decrypt_pkcs1),
                     CARD_E_NOT_FOUND);
    world_restart(&w);
    assert_int_equal(count_objects(&w, "card:", CARD_KIND_CERT), 6);
    world_close(&w);
}

static void test_retired_when_nothing_counts_them_then_up_to_a_gap(void **state)
{
    (void)state;
    check_retired(NULL);
    check_retired("history=0");
}

static void test_public_when_there_is_no_certificate_then_metadata(void **state)
{
    static const char *const settings[] = {
        "yubico=yes", "9c=ed-auth", "nocert=9a", "nocert=9c",
        "nocert=9d",  "nocert=9e",  NULL};
    static const char *const none[] = {"nocert=9a", "9e=none", NULL};
    struct card_world w;

    (void)state;
    open_piv(&w, settings);
    must_use(&w, AUTH, "auth.pem", world_sign_and_check);
    must_use(&w, "card:usage=sign" PIN, "ed-auth.pem", world_sign_and_check);
    must_use(&w, "card:usage=decrypt" PIN, "decrypt.pem", decrypt_pkcs1);
    must_use(&w, "card:id=%04", "ec-auth.pem", world_sign_and_check);
    world_close(&w);
    open_piv(&w, none);
    assert_int_equal(try_use(&w, AUTH, "auth.pem", world_sign_and_check),
                     CARD_E_NOT_FOUND);
    world_close(&w);
}

static void check_serial(const char *const *settings, const char *serial)
{
    struct card_world w;
    char uri[128];

    open_piv(&w, settings);
    snprintf(uri, sizeof(uri), "card:serial=%s;usage=auth" PIN, serial);
    must_use(&w, uri, "auth.pem", world_sign_and_check);
    world_close(&w);
}

static void test_serial_when_there_is_no_guid_then_what_else_names_it(
    void **state)
{
    static const char *const no_guid[] = {"guid=no", NULL};
    static const char *const no_chuid[] = {"chuid=no", "yubico=yes", NULL};

    (void)state;
    check_serial(no_guid, "D4E739DA739CED39CE739D836858210842108421C84210C3EB");
    check_serial(no_chuid, "16909060");
}

/* ---- what keys do -------------------------------------------------------- */

static void test_keys_when_of_any_kind_then_they_serve(void **state)
{
    static const struct {
        const char *setting, *pem;
        bool rsa;
    } rows[] = {
        {"9a=auth", "auth.pem", true},
        {"9a=rsa1024", "rsa1024.pem", true},
        {"9a=rsa3072", "rsa3072.pem", true},
        {"9a=ec-auth", "ec-auth.pem", false},
        {"9a=ec-sign", "ec-sign.pem", false},
        {"9a=ed-auth", "ed-auth.pem", false},
    };
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < nitems(rows); i++) {
        const char *const settings[] = {rows[i].setting, NULL};

        open_piv(&w, settings);
        must_use(&w, AUTH, rows[i].pem, world_sign_and_check);
        if (rows[i].rsa)
            must_use(&w, AUTH, rows[i].pem, world_sign_pss_and_check);
        world_close(&w);
    }
}

static void test_decryption_when_of_any_kind_then_it_serves(void **state)
{
    static const struct {
        const char *setting, *pem;
        use_fn *use;
    } rows[] = {
        {"9d=decrypt", "decrypt.pem", decrypt_pkcs1},
        {"9d=decrypt", "decrypt.pem", decrypt_oaep},
        {"9d=ec-decrypt", "ec-decrypt.pem", world_derive_and_check},
        {"9d=ec-sign", "ec-sign.pem", world_derive_and_check},
        {"9d=x-decrypt", "x-decrypt.pem", world_derive_and_check},
    };
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < nitems(rows); i++) {
        const char *const settings[] = {rows[i].setting, NULL};

        open_piv(&w, settings);
        must_use(&w, "card:usage=decrypt" PIN, rows[i].pem, rows[i].use);
        world_close(&w);
    }
}

static void test_card_when_it_speaks_otherwise_then_it_serves_too(void **state)
{
    static const char *const variants[][3] = {
        {"t1=no", NULL},        {"t1=no", "yubico=yes", NULL},
        {"yubico=yes", NULL},   {"extended=yes", NULL},
        {"discovery=no", NULL}, {"any-hash=yes", NULL},
        {"gzip=9a", NULL},      {"consent=lax", NULL},
    };
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < nitems(variants); i++) {
        open_piv(&w, variants[i]);
        must_use(&w, AUTH, "auth.pem", world_sign_and_check);
        must_use(&w, "card:usage=sign" PIN, "ec-sign.pem",
                 world_sign_and_check);
        must_use(&w, "card:usage=decrypt" PIN, "decrypt.pem", decrypt_pkcs1);
        must_use(&w, "card:id=%04", "ec-auth.pem", world_sign_and_check);
        assert_int_equal(world_pin_tries(&w), 3);
        world_close(&w);
    }
}

/* The card insists on 48 bytes for P-384 and 32 for P-256. */
static void test_ecdsa_when_the_hash_has_another_length_then_it_fits(
    void **state)
{
    static const struct {
        const char *uri;
        size_t len;
    } rows[] = {{"card:usage=sign" PIN, 20}, {"card:id=%04", 64},
                {"card:id=%04", 1},          {"card:usage=sign" PIN, 48}};
    uint8_t space[CARD_MAX_SIGNATURE];
    struct card_world w;

    (void)state;
    open_piv(&w, NULL);
    for (size_t i = 0; i < nitems(rows); i++) {
        struct buf sig = BUF_ON(space);
        struct card_tbs tbs = {.len = rows[i].len};
        struct card_key *key = world_key(&w, rows[i].uri);

        memset(tbs.value, 0xA5, tbs.len);
        if (card_sign(key, &tbs, &sig) < 0) /* checked by libcrypto inside */
            fail_msg("%zu bytes: %s", tbs.len, card_error_sentence());
        card_key_free(key);
    }
    world_close(&w);
}

static void test_wrong_signatures_when_made_then_never_leave(void **state)
{
    static const char *const wrongs[] = {"flip", "previous", "other"};
    uint8_t space[CARD_MAX_SIGNATURE];
    struct card_world w;
    struct card_key *key;

    (void)state;
    for (size_t i = 0; i < nitems(wrongs); i++) {
        struct buf sig = BUF_ON(space);

        open_piv(&w, NULL);
        must_use(&w, AUTH, "auth.pem", world_sign_and_check);
        world_restart(&w);
        world_set(&w, "wrong", wrongs[i]); /* 9D is RSA-2048 too: "other" */
        key = world_key(&w, AUTH);
        assert_int_equal(world_sign(key, "now", true, &sig),
                         CARD_E_SELF_CHECK);
        assert_int_equal(sig.len, 0);
        card_key_free(key);
        world_close(&w);
    }
}

/* ---- what it costs ------------------------------------------------------- */

static unsigned first_signature(struct card_world *w, struct card_key **key)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);

    sim_world_other(w->sim, 0, SIM_OTHER_RESET);
    sim_world_reset_counts(w->sim);
    *key = world_key(w, "card:driver=piv;usage=auth" PIN);
    if (world_sign(*key, "first", true, &sig) < 0)
        fail_msg("%s", card_error_sentence());
    return world_transmits(w);
}

static unsigned next_signature(struct card_world *w, struct card_key *key)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);

    sim_world_reset_counts(w->sim);
    assert_int_equal(world_sign(key, "next", true, &sig), 0);
    return world_transmits(w);
}

/* A folder for the cache; another run finds nothing in it. */
static void make_cache(struct card_world *w, char *folder)
{
    assert_non_null(mkdtemp(folder));
    w->settings.cache = folder;
    world_restart(w);
}

static void remove_cache(const char *folder)
{
    char command[256];

    snprintf(command, sizeof(command), "rm -r -- '%s'", folder);
    assert_int_equal(system(command), 0);
}

static void check_costs(const char *const *settings, unsigned first,
                        unsigned cached)
{
    char folder[] = "/tmp/test_piv.XXXXXX";
    struct card_world w;
    struct card_key *key;

    open_piv(&w, settings);
    make_cache(&w, folder);
    assert_in_range(first_signature(&w, &key), 1, first);
    assert_in_range(next_signature(&w, key), 1, 3);
    card_key_free(key);
    world_restart(&w);
    assert_in_range(first_signature(&w, &key), 1, cached);
    assert_in_range(next_signature(&w, key), 1, 3);
    card_key_free(key);
    world_close(&w);
    remove_cache(folder);
}

/* A certificate of about 1 KiB takes five answers; in four, one APDU less. */
static void test_signature_when_first_then_it_costs_so_many(void **state)
{
    static const char *const yubikey[] = {"yubico=yes", "small=1030",
                                          "9a=auth", NULL};
    static const char *const shorter[] = {"small=1000", "9a=auth", NULL};
    static const char *const sparing[] = {"small=1000", "9a=auth",
                                          "sparing=yes", NULL};

    (void)state;
    check_costs(yubikey, 12, 8);
    check_costs(shorter, 12, 9);
    check_costs(sparing, 12, 9);
}

static void test_signature_when_no_pin_is_wanted_then_3_apdus(void **state)
{
    static const char *const settings[] = {"9e=auth", NULL};
    struct card_world w;
    struct card_key *key;

    (void)state;
    open_piv(&w, settings);
    key = world_key(&w, "card:id=%04");
    assert_in_range(next_signature(&w, key), 1, 3);
    assert_in_range(next_signature(&w, key), 1, 3);
    assert_int_equal(sim_world_count_ins(w.sim, INS_VERIFY), 0);
    card_key_free(key);
    world_close(&w);
}

/* What a reader with extended length carries at once is asked for at once. */
static void test_certificate_when_length_is_extended_then_one_apdu(void **state)
{
    static const char *const settings[] = {"extended=yes", NULL};
    struct reader r = {.ops = &reader_sim, .name = "Sim 0", .budget = 32};
    struct token t = {.driver = &driver_piv, .reader = &r};
    struct card_world w;
    struct buf der;

    (void)state;
    open_piv(&w, settings);
    sim_world_max_data(w.sim, 65536);
    r.io = w.sim;
    assert_int_equal(r.ops->connect(&r), 0);
    assert_int_equal(r.ops->begin(&r), 0);
    assert_int_equal(driver_piv.probe(&t), 0);
    r.extended = true;
    assert_int_equal(driver_piv.list(&t, TOKEN_CERTS), 0);
    assert_int_equal(buf_new(&der, CARD_MAX_FILE), 0);
    sim_world_reset_counts(w.sim);
    assert_int_equal(driver_piv.read_cert(&t, &t.certs[0], &der), 0);
    assert_int_equal(world_transmits(&w), 1);
    assert_in_range(der.len, 1700, 1900);
    buf_free(&der);
    r.ops->end(&r, READER_LEAVE);
    r.ops->disconnect(&r);
    driver_piv.close(&t);
    world_close(&w);
}

/* Another certificate in the slot than the one that was kept. */
static void test_cache_when_a_certificate_is_new_then_it_is_read(void **state)
{
    char folder[] = "/tmp/test_piv.XXXXXX";
    struct card_world w;

    (void)state;
    open_piv(&w, NULL);
    make_cache(&w, folder);
    must_use(&w, AUTH, "auth.pem", world_sign_and_check);
    world_set(&w, "9a", "classe3"); /* of the same length */
    world_restart(&w);
    must_use(&w, AUTH, "classe3.pem", world_sign_and_check);
    world_set(&w, "9a", "ec-auth");
    world_restart(&w);
    must_use(&w, AUTH, "ec-auth.pem", world_sign_and_check);
    world_set(&w, "9a", "none");
    world_restart(&w);
    must_use(&w, "card:usage=auth", "ec-auth.pem", world_sign_and_check);
    world_close(&w);
    remove_cache(folder);
}

/* ---- PINs ---------------------------------------------------------------- */

/* Whether any command came between a PIN and its one use. */
static size_t count_consents(struct card_world *w)
{
    size_t count = 0;

    for (size_t i = 0; i + 1 < sim_world_logged(w->sim); i++) {
        struct bytes c = sim_world_command(w->sim, i);

        if (c.data[1] != INS_VERIFY || c.len < 6)
            continue;
        count++;
        c = sim_world_command(w->sim, i + 1);
        assert_int_equal(c.data[1], INS_GENERAL_AUTHENTICATE_ODD);
        assert_int_equal(c.data[3], 0x9C);
    }
    return count;
}

static void test_signature_key_when_used_then_nothing_comes_between(
    void **state)
{
    static const char *const variants[][3] = {
        {"9c=sign", NULL}, {"9c=sign", "yubico=yes", NULL}};
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_world w;
    struct card_key *key;

    (void)state;
    for (size_t i = 0; i < nitems(variants); i++) {
        open_piv(&w, variants[i]);
        key = world_key(&w, "card:usage=sign" PIN);
        assert_int_equal(world_sign(key, "first", true, &sig), 0);
        assert_int_equal(world_sign(key, "second", true, &sig), 0);
        assert_int_equal(count_consents(&w), 2);
        card_key_free(key);
        world_close(&w);
    }
}

static void test_keys_when_used_by_turns_then_the_count_is_full(void **state)
{
    struct card_world w;
    struct card_key *auth, *sign;

    (void)state;
    open_piv(&w, NULL);
    auth = world_key(&w, AUTH);
    sign = world_key(&w, "card:usage=sign" PIN);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(world_sign_and_check(auth, "auth.pem"), 0);
        if (world_sign_and_check(sign, "ec-sign.pem") < 0)
            fail_msg("%s", card_error_sentence());
    }
    assert_int_equal(world_pin_tries(&w), 3);
    card_key_free(auth);
    card_key_free(sign);
    world_close(&w);
}

/* Whatever restarts it, and whether the card tells the maximum or not. */
static void test_stored_pin_when_wrong_then_it_costs_one_try(void **state)
{
    static const char *const variants[][3] = {
        {NULL},
        {"tries=5", NULL},
        {"tries=15", NULL},
        {"yubico=yes", NULL},
        {"yubico=yes", "tries=9", NULL},
    };
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_world w;
    struct card_key *key;

    (void)state;
    for (size_t i = 0; i < nitems(variants); i++) {
        unsigned tries;

        open_piv(&w, variants[i]);
        tries = world_pin_tries(&w);
        for (int times = 0; times < 4; times++) {
            world_restart(&w);
            key = world_key(&w, "card:usage=auth?pin-value=999999");
            assert_int_equal(world_sign(key, "x", true, &sig),
                             times == 0 ? CARD_E_PIN_WRONG
                                        : CARD_E_PIN_REFUSED);
            card_key_free(key);
        }
        assert_int_equal(world_pin_tries(&w), tries - 1);
        world_close(&w);
    }
}

/* Four left: of four or of five? Metadata tell. */
static void test_stored_pin_when_nobody_knows_the_maximum_then_refused(
    void **state)
{
    static const char *const settings[] = {"tries=4", NULL};
    static const char *const telling[] = {"tries=4", "yubico=yes", NULL};
    struct card_world w;

    (void)state;
    open_piv(&w, settings);
    assert_int_equal(try_use(&w, AUTH, "auth.pem", world_sign_and_check),
                     CARD_E_PIN_REFUSED);
    assert_non_null(strstr(card_error_sentence(), "out of how many"));
    must_use(&w, AUTH "&pin-rule=not-last", "auth.pem", world_sign_and_check);
    world_close(&w);
    open_piv(&w, telling);
    must_use(&w, AUTH, "auth.pem", world_sign_and_check);
    world_close(&w);
}

static void test_pin_when_malformed_then_not_sent(void **state)
{
    static const char *const uris[] = {"card:usage=auth?pin-value=12345",
                                       "card:usage=auth?pin-value=12345a",
                                       "card:usage=auth?pin-value=123456789"};
    static const char *const letters[] = {"yubico=yes", "pin=tes+era", NULL};
    struct card_world w;

    (void)state;
    open_piv(&w, NULL);
    for (size_t i = 0; i < nitems(uris); i++)
        assert_int_equal(try_use(&w, uris[i], "auth.pem",
                                 world_sign_and_check),
                         CARD_E_PIN_FORMAT);
    assert_int_equal(world_pin_tries(&w), 3);
    world_close(&w);
    open_piv(&w, letters);
    must_use(&w, "card:usage=auth?pin-value=tes+era", "auth.pem",
             world_sign_and_check);
    world_close(&w);
}

static void test_pin_when_locked_then_not_presented(void **state)
{
    static const char *const variants[][2] = {{NULL}, {"yubico=yes", NULL}};
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < nitems(variants); i++) {
        open_piv(&w, variants[i]);
        w.card->ops->set_tries(w.card, 0);
        assert_int_equal(try_use(&w, AUTH, "auth.pem", world_sign_and_check),
                         CARD_E_PIN_LOCKED);
        world_close(&w);
    }
}

/* Another program has verified it; the card says so, and wants it again. */
static void test_pin_when_verified_before_then_presented_again(void **state)
{
    static const char *const variants[][3] = {
        {"relock=yes", NULL}, {"relock=yes", "yubico=yes", NULL}};
    struct card_context *other;
    struct card_world w;
    struct card_key *key;

    (void)state;
    for (size_t i = 0; i < nitems(variants); i++) {
        open_piv(&w, variants[i]);
        key = world_key(&w, AUTH);
        assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
        other = w.ctx;
        assert_int_equal(card_context_new(&w.settings, &w.ctx), 0);
        must_use(&w, AUTH, "auth.pem", world_sign_and_check);
        card_key_free(key);
        card_context_free(other);
        world_close(&w);
    }
}

static void test_pin_when_the_global_one_is_primary_then_it_is_sent(
    void **state)
{
    static const char *const settings[] = {"global=yes", NULL};
    struct card_world w;

    (void)state;
    open_piv(&w, settings);
    must_use(&w, "card:usage=auth?pin-value=654321", "auth.pem",
             world_sign_and_check);
    must_use(&w, "card:usage=sign?pin-value=654321", "ec-sign.pem",
             world_sign_and_check);
    assert_int_equal(world_pin_tries(&w), 3);
    world_close(&w);
}

/* ---- other programs, other cards ----------------------------------------- */

static void use_after(struct card_world *w, enum sim_intrusion other,
                      struct card_key *key, const char *pem)
{
    sim_world_other(w->sim, 0, other);
    if (world_sign_and_check(key, pem) < 0)
        fail_msg("after %d: %s", (int)other, card_error_sentence());
}

static void test_use_when_another_program_came_then_it_goes_on(void **state)
{
    static const char *const variants[][2] = {
        {NULL}, {"yubico=yes", NULL}, {"discovery=no", NULL}};
    static const enum sim_intrusion others[] = {
        SIM_OTHER_RESET, SIM_OTHER_APPLICATION, SIM_OTHER_FILE};
    struct card_world w;
    struct card_key *auth, *no_pin;

    (void)state;
    for (size_t v = 0; v < nitems(variants); v++) {
        open_piv(&w, variants[v]);
        sim_world_intrude(w.sim, 2, SIM_OTHER_APPLICATION);
        auth = world_key(&w, AUTH);
        no_pin = world_key(&w, "card:id=%04");
        for (size_t i = 0; i < 2 * nitems(others); i++) {
            use_after(&w, others[i / 2], auth, "auth.pem");
            use_after(&w, others[i / 2], no_pin, "ec-auth.pem");
        }
        assert_int_equal(world_pin_tries(&w), 3);
        card_key_free(auth);
        card_key_free(no_pin);
        world_close(&w);
    }
}

static void test_decrypt_when_another_program_came_then_it_goes_on(
    void **state)
{
    struct card_world w;
    struct card_key *key;

    (void)state;
    open_piv(&w, NULL);
    key = world_key(&w, "card:usage=decrypt" PIN);
    assert_int_equal(decrypt_pkcs1(key, "decrypt.pem"), 0);
    sim_world_other(w.sim, 0, SIM_OTHER_APPLICATION);
    if (decrypt_pkcs1(key, "decrypt.pem") < 0)
        fail_msg("%s", card_error_sentence());
    card_key_free(key);
    world_close(&w);
}

/* Nobody can say that a card without a number was not exchanged. */
static void test_typed_pin_when_card_has_no_number_then_not_kept(void **state)
{
    static const char *const none[] = {"chuid=no", NULL};
    struct card_world w;
    struct card_key *key;

    (void)state;
    open_piv(&w, none);
    world_person(&w, "123456", "123456");
    key = world_key(&w, "card:usage=auth");
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    assert_int_equal(w.person.asked, 1);
    sim_world_other(w.sim, 0, SIM_OTHER_RESET);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    assert_int_equal(w.person.asked, 2);
    card_key_free(key);
    world_close(&w);
}

static void test_card_when_exchanged_then_refused(void **state)
{
    static const char *const settings[] = {
        "serial=FF23456789ABCDEF0123456789ABCDEF", NULL};
    const struct sim_options options = {.dir = world_dir(),
                                        .settings = settings};
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct applet *other;
    struct card_world w;
    struct card_key *key;

    (void)state;
    open_piv(&w, NULL);
    assert_int_equal(sim_card_new("piv", &options, &other), 0);
    key = world_key(&w, AUTH);
    assert_int_equal(world_sign(key, "x", true, &sig), 0);
    sim_world_insert(w.sim, 0, other);
    assert_int_equal(world_sign(key, "x", true, &sig), CARD_E_OTHER_CARD);
    sim_world_insert(w.sim, 0, w.card);
    assert_int_equal(world_sign(key, "x", true, &sig), 0);
    card_key_free(key);
    other->ops->free(other);
    world_close(&w);
}

/* ---- hostile cards ------------------------------------------------------- */

static void test_certificate_when_a_bomb_then_an_error(void **state)
{
    static const char *const settings[] = {"bomb=9a", "9e=none", NULL};
    struct card_world w;

    (void)state;
    open_piv(&w, settings);
    assert_true(try_use(&w, AUTH, "auth.pem", world_sign_and_check) < 0);
    assert_in_range(world_transmits(&w), 1, APDU_BUDGET);
    must_use(&w, "card:usage=sign" PIN, "ec-sign.pem", world_sign_and_check);
    world_close(&w);
}

static void test_answers_when_they_lie_then_an_error(void **state)
{
    static const char *const variants[][2] = {
        {"damage", "6c"}, {"damage", "lengths"}, {"endless", "yes"}};
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_world w;
    struct card_key *key;

    (void)state;
    for (size_t i = 0; i < nitems(variants); i++) {
        open_piv(&w, NULL);
        key = world_key(&w, AUTH);
        world_set(&w, variants[i][0], variants[i][1]);
        sim_world_reset_counts(w.sim);
        if (i > 0) /* a signature's commands all carry data */
            assert_true(world_sign(key, "x", true, &sig) < 0);
        assert_in_range(world_transmits(&w), 0, APDU_BUDGET);
        card_key_free(key);
        world_restart(&w);
        if (i > 0)
            assert_true(try_use(&w, AUTH, "", world_sign_and_check) < 0);
        assert_int_equal(world_pin_tries(&w), 3);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_search_when_slots_differ_then_each_is_found),
        cmocka_unit_test(test_list_when_slots_are_empty_then_they_are_left_out),
        cmocka_unit_test(test_list_when_slots_are_empty_then_log_stays_short),
        cmocka_unit_test(test_retired_when_history_counts_them_then_found),
        cmocka_unit_test(
            test_retired_when_nothing_counts_them_then_up_to_a_gap),
        cmocka_unit_test(
            test_public_when_there_is_no_certificate_then_metadata),
        cmocka_unit_test(
            test_serial_when_there_is_no_guid_then_what_else_names_it),
        cmocka_unit_test(test_keys_when_of_any_kind_then_they_serve),
        cmocka_unit_test(test_decryption_when_of_any_kind_then_it_serves),
        cmocka_unit_test(test_card_when_it_speaks_otherwise_then_it_serves_too),
        cmocka_unit_test(
            test_ecdsa_when_the_hash_has_another_length_then_it_fits),
        cmocka_unit_test(test_wrong_signatures_when_made_then_never_leave),
        cmocka_unit_test(test_signature_when_first_then_it_costs_so_many),
        cmocka_unit_test(test_signature_when_no_pin_is_wanted_then_3_apdus),
        cmocka_unit_test(
            test_certificate_when_length_is_extended_then_one_apdu),
        cmocka_unit_test(test_cache_when_a_certificate_is_new_then_it_is_read),
        cmocka_unit_test(
            test_signature_key_when_used_then_nothing_comes_between),
        cmocka_unit_test(test_keys_when_used_by_turns_then_the_count_is_full),
        cmocka_unit_test(test_stored_pin_when_wrong_then_it_costs_one_try),
        cmocka_unit_test(
            test_stored_pin_when_nobody_knows_the_maximum_then_refused),
        cmocka_unit_test(test_pin_when_malformed_then_not_sent),
        cmocka_unit_test(test_pin_when_locked_then_not_presented),
        cmocka_unit_test(test_pin_when_verified_before_then_presented_again),
        cmocka_unit_test(
            test_pin_when_the_global_one_is_primary_then_it_is_sent),
        cmocka_unit_test(test_use_when_another_program_came_then_it_goes_on),
        cmocka_unit_test(
            test_decrypt_when_another_program_came_then_it_goes_on),
        cmocka_unit_test(test_typed_pin_when_card_has_no_number_then_not_kept),
        cmocka_unit_test(test_card_when_exchanged_then_refused),
        cmocka_unit_test(test_certificate_when_a_bomb_then_an_error),
        cmocka_unit_test(test_answers_when_they_lie_then_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
