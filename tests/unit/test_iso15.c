/*
 * ISO 7816-15 cards: how they are found, what is read of directories in all
 * their forms, what keys do on each make and how many APDUs that takes, hostile
 * answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "card/wire/apdu.h"
#include "tests/unit/card_world.h"

#define PIN "?pin-value=123456"
#define AUTH "card:id=%45" PIN
#define SIGN "card:id=%46" PIN
#define EC_AUTH "card:id=%47" PIN
#define EC_DECRYPT "card:id=%48" PIN
#define DECRYPT "card:id=%49" PIN
#define APPLET_DECRYPT "card:id=%48" PIN

enum { ALL = CARD_KIND_PRIVATE | CARD_KIND_PUBLIC | CARD_KIND_CERT };

static const char *const plain[] = {NULL};
static const char *const told[] = {"algorithms=yes", NULL};
static const char *const isoapplet[] = {"kind=isoapplet", NULL};
static const char *const myeid[] = {"kind=myeid", NULL};

static void open_iso15(struct card_world *w, const char *const *settings)
{
    world_open_family(w, "iso15", settings);
}

typedef int use_fn(struct card_key *key, const char *pem);

static int decrypt_pkcs1(struct card_key *key, const char *pem)
{
    return world_decrypt_and_check(key, pem, false);
}

static int decrypt_oaep(struct card_key *key, const char *pem)
{
    return world_decrypt_and_check(key, pem, true);
}

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

/* ---- search -------------------------------------------------------------- */

/* The kinds and labels of all that is found: "k label|p label|c label". */
static void list(struct card_world *w, char *out, size_t cap)
{
    struct card_search *search;
    struct card_object found;
    struct card_uri uri;
    size_t len = 0;

    out[0] = '\0';
    assert_int_equal(card_uri_parse("card:", &uri), 0);
    assert_int_equal(card_search_new(w->ctx, &uri, ALL, &search), 0);
    card_uri_clear(&uri);
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
#define ENTRY(label) KEY(label) "|c " label

static void test_search_when_directories_differ_then_all_is_found(void **state)
{
    static const char five[] = ENTRY("auth") "|" ENTRY("ec-auth") "|"
        ENTRY("sign") "|" ENTRY("ec-decrypt") "|" ENTRY("decrypt");
    static const char four[] = ENTRY("auth") "|" ENTRY("ec-auth") "|"
        ENTRY("sign") "|" ENTRY("decrypt");
    static const char bare[] = KEY("auth") "|" KEY("ec-auth") "|" KEY("sign")
        "|" KEY("ec-decrypt") "|" KEY("decrypt");
    static const struct {
        const char *settings[4];
        const char *found;
    } rows[] = {
        {{NULL}, five},
        {{"dir=records", NULL}, five},
        {{"dir=aid", NULL}, five},
        {{"dir=short", NULL}, five},
        {{"dir=no", NULL}, five},
        {{"path=no", NULL}, five},
        {{"answer=no", NULL}, five},
        {{"first-6c=yes", NULL}, five},
        {{"tail=6c", NULL}, five},
        {{"tail=short", NULL}, five},
        {{"t1=no", NULL}, five},
        {{"certs=inline", NULL}, five},
        {{"certs=shared", NULL}, five},
        {{"certs=none", NULL}, bare},
        {{"local=yes", NULL}, five},
        {{"many=40", NULL}, five},
        {{"kind=isoapplet", NULL}, four},
        {{"kind=isoapplet", "version=0", "t1=no", NULL}, four},
        {{"kind=myeid", NULL}, five},
        {{"kind=myeid", "t1=no", NULL}, five},
        /* seen after login only */
        {{"hidden=yes", NULL}, "c auth|c sign|c ec-auth|c ec-decrypt|"
                               "c decrypt"},
    };
    char found[512];
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < nitems(rows); i++) {
        open_iso15(&w, rows[i].settings);
        list(&w, found, sizeof(found));
        if (strcmp(found, rows[i].found) != 0)
            fail_msg("%s: %s", rows[i].settings[0], found);
        assert_int_equal(sim_world_count_ins(w.sim, INS_VERIFY), 0);
        world_close(&w);
    }
}

/* SELECT by the name of PKCS#15, when no path is told. */
static bool selects_by_name(struct card_world *w)
{
    static const uint8_t head[] = {0x00, 0xA4, 0x04};
    static const uint8_t rid[] = {0xA0, 0x00, 0x00, 0x00, 0x63};

    for (size_t i = 0; i < sim_world_logged(w->sim); i++) {
        struct bytes cmd = sim_world_command(w->sim, i);

        if (cmd.len > 10 && bytes_start_with(cmd, BYTES_OF(head)) &&
            bytes_start_with(bytes_from(cmd.data + 5, cmd.len - 5),
                             BYTES_OF(rid)))
            return true;
    }
    return false;
}

static void test_dir_when_it_tells_the_path_then_it_is_taken(void **state)
{
    static const char *const rows[] = {"dir=yes", "dir=records", "dir=short",
                                       "dir=aid", "dir=no"};
    struct card_object found;
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < nitems(rows); i++) {
        const char *settings[] = {rows[i], NULL};

        open_iso15(&w, settings);
        assert_int_equal(world_find(&w, "card:", CARD_KIND_CERT, &found), 0);
        assert_int_equal(selects_by_name(&w), i >= 3);
        world_close(&w);
    }
}

static void test_serial_when_token_info_has_none_then_another_number(
    void **state)
{
    static const struct {
        const char *settings[4];
        const char *uri;
    } rows[] = {
        {{NULL}, "card:serial=0123456789ABCDEF"},
        {{"serial=0000", "gdo=89330000000000000001", NULL},
         "card:serial=89330000000000000001"},
        {{"serial=0000", NULL}, "card:serial=20260102030405Z"},
        {{"kind=isoapplet", "serial=0000", NULL},
         "card:serial=20260102030405Z"},
    };
    struct card_object found;
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < nitems(rows); i++) {
        open_iso15(&w, rows[i].settings);
        if (world_find(&w, rows[i].uri, CARD_KIND_CERT, &found) < 0)
            fail_msg("%s: %s", rows[i].uri, card_error_sentence());
        world_close(&w);
    }
}

static void test_token_when_named_by_its_label_then_found(void **state)
{
    struct card_object found;
    struct card_world w;

    (void)state;
    open_iso15(&w, plain);
    assert_int_equal(world_find(&w, "card:token=TEST%20card;driver=iso15",
                                CARD_KIND_CERT, &found), 0);
    assert_int_equal(world_find(&w, "card:token=another", CARD_KIND_CERT,
                                &found), CARD_E_NOT_FOUND);
    world_close(&w);
}

static void test_card_of_another_kind_is_nobodys(void **state)
{
    struct card_object found;
    struct card_world w;

    (void)state;
    world_open_family(&w, "piv", NULL);
    assert_int_equal(world_find(&w, "card:driver=iso15", CARD_KIND_CERT,
                                &found), CARD_E_NOT_MINE);
    assert_in_range(world_transmits(&w), 1, 8);
    world_close(&w);
}

/* ---- keys ---------------------------------------------------------------- */

struct use {
    const char *uri, *pem;
    use_fn *use;
};

static const struct use uses_of_applet[] = {
    {AUTH, "auth.pem", world_sign_and_check},
    {AUTH, "auth.pem", world_sign_pss_and_check},
    {SIGN, "sign.pem", world_sign_and_check},
    {EC_AUTH, "ec-auth.pem", world_sign_and_check},
    {APPLET_DECRYPT, "decrypt.pem", decrypt_pkcs1},
    {NULL, NULL, NULL}};
static const struct use uses_of_any[] = {
    {AUTH, "auth.pem", world_sign_and_check},
    {SIGN, "sign.pem", world_sign_and_check},
    {EC_AUTH, "ec-auth.pem", world_sign_and_check},
    {DECRYPT, "decrypt.pem", decrypt_pkcs1},
    {NULL, NULL, NULL}};
static const struct use uses_of_all[] = {
    {AUTH, "auth.pem", world_sign_and_check},
    {AUTH, "auth.pem", world_sign_pss_and_check},
    {SIGN, "sign.pem", world_sign_and_check},
    {SIGN, "sign.pem", world_sign_pss_and_check},
    {EC_AUTH, "ec-auth.pem", world_sign_and_check},
    {EC_DECRYPT, "ec-decrypt.pem", world_derive_and_check},
    {DECRYPT, "decrypt.pem", decrypt_pkcs1},
    {DECRYPT, "decrypt.pem", decrypt_oaep},
    {NULL, NULL, NULL}};

static void use_all(const char *const *settings, const struct use *uses)
{
    struct card_world w;

    open_iso15(&w, settings);
    w.settings.pin_for_signature = true;
    for (int again = 0; again < 2; again++)
        for (const struct use *u = uses; u->uri != NULL; u++)
            if (try_use(&w, u->uri, u->pem, u->use) < 0)
                fail_msg("%s: %s", settings[0], card_error_sentence());
    assert_int_equal(world_pin_tries(&w), 3);
    world_close(&w);
}

static void test_keys_when_cards_differ_then_each_serves(void **state)
{
    static const struct {
        const char *settings[4];
        const struct use *uses;
    } rows[] = {
        {{NULL}, uses_of_any},
        {{"t1=no", NULL}, uses_of_any},
        {{"keeps=no", NULL}, uses_of_any},
        {{"extended=yes", "chaining=no", NULL}, uses_of_any},
        {{"path=no", "answer=no", "dir=no", NULL}, uses_of_any},
        {{"dir=aid", "ecdsa=raw", NULL}, uses_of_any},
        {{"local=yes", NULL}, uses_of_any},
        {{"local=yes", "path=no", "keeps=no", NULL}, uses_of_any},
        {{"certs=none", NULL}, uses_of_any},
        {{"certs=inline", NULL}, uses_of_any},
        {{"certs=shared", "t1=no", NULL}, uses_of_any},
        {{"algorithms=yes", NULL}, uses_of_all},
        {{"algorithms=yes", "t1=no", "keeps=no", NULL}, uses_of_all},
        {{"kind=isoapplet", NULL}, uses_of_applet},
        {{"kind=isoapplet", "keeps=no", NULL}, uses_of_applet},
        {{"kind=myeid", NULL}, uses_of_all},
        {{"kind=myeid", "t1=no", NULL}, uses_of_all},
        {{"kind=myeid", "keeps=no", NULL}, uses_of_all},
    };

    (void)state;
    for (size_t i = 0; i < nitems(rows); i++)
        use_all(rows[i].settings, rows[i].uses);
}

/* IsoApplet 0.6 hashes what EC keys sign: no hash can be given to it. */
static void test_applet_when_of_version_0_then_rsa_serves(void **state)
{
    static const char *const settings[] = {"kind=isoapplet", "version=0",
                                           NULL};
    struct card_world w;

    (void)state;
    open_iso15(&w, settings);
    must_use(&w, AUTH, "auth.pem", world_sign_and_check);
    must_use(&w, APPLET_DECRYPT, "decrypt.pem", decrypt_pkcs1);
    assert_int_equal(try_use(&w, AUTH, "auth.pem", world_sign_pss_and_check),
                     CARD_E_UNSUPPORTED);
    assert_int_equal(try_use(&w, EC_AUTH, "ec-auth.pem",
                             world_sign_and_check), CARD_E_UNSUPPORTED);
    world_close(&w);
}

static int sign_sha1(struct card_key *key, const char *pem)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_tbs tbs = {.hash = CARD_HASH_SHA1, .len = 20};

    (void)pem; /* checked by libcrypto inside */
    return card_sign(key, &tbs, &sig);
}

static void test_key_when_it_signs_sha1_only_then_it_says_so(void **state)
{
    static const char *const settings[] = {"algorithms=sha1", NULL};
    struct card_world w;

    (void)state;
    open_iso15(&w, settings);
    must_use(&w, AUTH, "", sign_sha1);
    assert_int_equal(try_use(&w, AUTH, "auth.pem", world_sign_and_check),
                     CARD_E_UNSUPPORTED);
    world_close(&w);
}

static int sign_without_midstate(struct card_key *key, const char *pem)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);

    (void)pem;
    return world_sign(key, "message", false, &sig);
}

static void test_card_when_it_hashes_itself_then_it_gets_the_rest(void **state)
{
    static const char *const settings[] = {"algorithms=hash", NULL};
    struct card_world w;

    (void)state;
    open_iso15(&w, settings);
    must_use(&w, AUTH, "auth.pem", world_sign_and_check);
    assert_int_equal(try_use(&w, AUTH, "", sign_without_midstate),
                     CARD_E_STATUS);
    assert_int_equal(world_pin_tries(&w), 3);
    world_close(&w);
}

/* Leftmost bytes of longer hashes; MyEID wants as many as the field has. */
static void test_ecdsa_when_the_hash_has_another_length_then_it_fits(
    void **state)
{
    static const size_t lens[] = {20, 32, 48, 64};
    static const char *const *const kinds[] = {plain, isoapplet, myeid};
    uint8_t space[CARD_MAX_SIGNATURE];
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < nitems(kinds) * nitems(lens); i++) {
        struct buf sig = BUF_ON(space);
        struct card_tbs tbs = {.len = lens[i % nitems(lens)]};
        struct card_key *key;

        open_iso15(&w, kinds[i / nitems(lens)]);
        key = world_key(&w, EC_AUTH);
        memset(tbs.value, 0xA5, tbs.len);
        if (card_sign(key, &tbs, &sig) < 0)
            fail_msg("%zu bytes: %s", tbs.len, card_error_sentence());
        card_key_free(key);
        world_close(&w);
    }
}

/* One of a hundred has a number with a zero at its start, which DER omits. */
static void test_ecdsa_when_a_number_is_short_then_it_is_filled(void **state)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct card_world w;
    struct card_key *key;

    (void)state;
    open_iso15(&w, plain);
    key = world_key(&w, EC_AUTH);
    for (int i = 0; i < 600; i++) {
        struct buf sig = BUF_ON(space);

        if (world_sign(key, "message", false, &sig) < 0)
            fail_msg("%s", card_error_sentence());
    }
    card_key_free(key);
    world_close(&w);
}

static void test_wrong_signatures_when_made_then_never_leave(void **state)
{
    static const char *const wrongs[] = {"flip", "previous", "other"};
    static const char *const *const kinds[] = {plain, isoapplet, myeid};
    uint8_t space[CARD_MAX_SIGNATURE];
    struct card_world w;
    struct card_key *key;

    (void)state;
    for (size_t i = 0; i < nitems(wrongs) * nitems(kinds); i++) {
        struct buf sig = BUF_ON(space);

        open_iso15(&w, kinds[i / nitems(wrongs)]);
        must_use(&w, AUTH, "auth.pem", world_sign_and_check);
        world_restart(&w);
        key = world_key(&w, AUTH);
        world_set(&w, "wrong", wrongs[i % nitems(wrongs)]);
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
    *key = world_key(w, AUTH);
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

static void check_costs(const char *const *settings, unsigned next)
{
    char folder[] = "/tmp/test_iso15.XXXXXX", command[64];
    struct card_world w;
    struct card_key *key;

    open_iso15(&w, settings);
    assert_non_null(mkdtemp(folder));
    w.settings.cache = folder;
    world_restart(&w);
    assert_in_range(first_signature(&w, &key), 11, 25);
    next_signature(&w, key); /* whether it forgets is known from now on */
    assert_in_range(next_signature(&w, key), 1, next);
    card_key_free(key);
    world_restart(&w);
    assert_in_range(first_signature(&w, &key), 1, 10);
    card_key_free(key);
    world_close(&w);
    snprintf(command, sizeof(command), "rm -r -- '%s'", folder);
    assert_int_equal(system(command), 0);
}

/* At T=1, so without GET RESPONSE. */
static void test_signature_when_first_then_it_costs_so_many(void **state)
{
    static const char *const applet[] = {"kind=isoapplet", "small=1030",
                                         NULL};
    static const char *const forgets[] = {"kind=isoapplet", "small=1030",
                                          "keeps=no", NULL};
    static const char *const eid[] = {"kind=myeid", "small=1030", NULL};

    (void)state;
    check_costs(applet, 1);
    check_costs(forgets, 2);
    check_costs(eid, 1);
}

static void test_cache_when_the_card_was_updated_then_it_is_read_again(
    void **state)
{
    char folder[] = "/tmp/test_iso15.XXXXXX", command[64];
    struct card_world w;

    (void)state;
    open_iso15(&w, plain);
    assert_non_null(mkdtemp(folder));
    w.settings.cache = folder;
    world_restart(&w);
    must_use(&w, AUTH, "auth.pem", world_sign_and_check);
    world_set(&w, "update", "20270102030405Z");
    world_set(&w, "keys", "rsa3072,sign,ec-auth");
    world_restart(&w);
    must_use(&w, AUTH, "rsa3072.pem", world_sign_and_check);
    world_close(&w);
    snprintf(command, sizeof(command), "rm -r -- '%s'", folder);
    assert_int_equal(system(command), 0);
}

/* ---- the environment ----------------------------------------------------- */

static void test_keys_when_used_by_turns_then_each_signs_its_own(void **state)
{
    static const char *const *const kinds[] = {plain, told, isoapplet, myeid};
    struct card_world w;
    struct card_key *auth, *ec;

    (void)state;
    for (size_t i = 0; i < nitems(kinds); i++) {
        open_iso15(&w, kinds[i]);
        auth = world_key(&w, AUTH);
        ec = world_key(&w, EC_AUTH);
        for (int turn = 0; turn < 3; turn++) {
            assert_int_equal(world_sign_and_check(auth, "auth.pem"), 0);
            assert_int_equal(world_sign_and_check(ec, "ec-auth.pem"), 0);
            if (kinds[i] != plain)
                assert_int_equal(world_sign_pss_and_check(auth, "auth.pem"),
                                 0);
        }
        card_key_free(auth);
        card_key_free(ec);
        world_close(&w);
    }
}

/* Another program set it for another key: the card signs with that one. */
static void set_for_another_key(struct card_world *w, const char *mse)
{
    uint8_t raw[32], answer[2];
    struct buf cmd = BUF_ON(raw), rsp = BUF_ON(answer);

    assert_int_equal(bytes_from_hex(mse, &cmd), 0);
    assert_int_equal(w->card->ops->process(w->card, buf_view(&cmd), &rsp), 0);
    assert_memory_equal(answer, "\x90\x00", 2);
}

static void test_signature_when_others_set_the_environment_then_set_again(
    void **state)
{
    static const struct {
        const char *const *settings;
        const char *mse;
    } rows[] = {
        {plain, "002241B603840182"},
        {told, "002241B606800151840182"},
        {isoapplet, "002241B606800111840101"},
        {myeid, "002241B60A800102 81024B02 840100"},
    };
    struct card_world w;
    struct card_key *key;

    (void)state;
    for (size_t i = 0; i < nitems(rows); i++) {
        open_iso15(&w, rows[i].settings);
        key = world_key(&w, AUTH);
        assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
        set_for_another_key(&w, rows[i].mse);
        assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
        assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
        card_key_free(key);
        world_close(&w);
    }
}

static void test_use_when_another_program_came_then_it_goes_on(void **state)
{
    static const char *const *const kinds[] = {plain, told, isoapplet, myeid};
    static const enum sim_intrusion others[] = {
        SIM_OTHER_RESET, SIM_OTHER_APPLICATION, SIM_OTHER_FILE};
    struct card_world w;
    struct card_key *key;

    (void)state;
    for (size_t i = 0; i < nitems(kinds) * nitems(others); i++) {
        enum sim_intrusion other = others[i % nitems(others)];

        open_iso15(&w, kinds[i / nitems(others)]);
        sim_world_intrude(w.sim, 2, other);
        key = world_key(&w, AUTH);
        for (int times = 0; times < 3; times++) {
            if (world_sign_and_check(key, "auth.pem") < 0)
                fail_msg("after %d: %s", (int)other, card_error_sentence());
            sim_world_other(w.sim, 0, other);
        }
        assert_int_equal(world_pin_tries(&w), 3);
        card_key_free(key);
        world_close(&w);
    }
}

/* Who wants the padded block gets no message without its padding instead. */
static void test_raw_decryption_when_refused_then_no_other(void **state)
{
    static const struct card_unpad none = {.padding = CARD_UNPAD_NONE};
    const uint8_t cryptogram[256] = {0x11};
    uint8_t space[256];
    struct buf out = BUF_ON(space);
    struct card_world w;
    struct card_key *key;
    unsigned cost = 0;
    int rc;

    (void)state;
    open_iso15(&w, myeid);
    for (int refused = 0; refused < 2; refused++) {
        world_restart(&w);
        key = world_key(&w, DECRYPT);
        sim_world_reset_counts(w.sim);
        if (refused) /* MSE SET: two more commands follow it */
            sim_world_fault(w.sim, cost - 2, SIM_FAULT_6F00, false);
        rc = card_decrypt(key, &none, BYTES_OF(cryptogram), &out);
        assert_int_equal(rc, refused ? CARD_E_UNSUPPORTED : 0);
        cost = world_transmits(&w);
        card_key_free(key);
    }
    world_close(&w);
}

/* ---- PINs ---------------------------------------------------------------- */

static void test_pin_when_of_any_format_then_it_is_sent_so(void **state)
{
    static const char *const formats[] = {"ascii", "bcd", "iso9564", "bare"};
    char setting[32];
    const char *settings[] = {setting, NULL};
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < nitems(formats); i++) {
        snprintf(setting, sizeof(setting), "pin-format=%s", formats[i]);
        open_iso15(&w, settings);
        must_use(&w, AUTH, "auth.pem", world_sign_and_check);
        world_close(&w);
    }
}

/* The applet's PIN has three tries; of others a common number is taken so. */
static void test_stored_pin_when_wrong_then_it_costs_one_try(void **state)
{
    static const char *const *const kinds[] = {plain, isoapplet, myeid};
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < nitems(kinds); i++) {
        open_iso15(&w, kinds[i]);
        for (int times = 0; times < 4; times++) {
            assert_true(try_use(&w, "card:id=%45?pin-value=654321", "",
                                world_sign_and_check) < 0);
            assert_int_equal(world_pin_tries(&w), 2);
            world_restart(&w);
        }
        world_close(&w);
    }
}

/* That a try was lost is noted in the user's state folder. */
static void test_stored_pin_when_the_card_is_silent_then_one_try(void **state)
{
    static const char *const mute[] = {"kind=isoapplet", "query=no", NULL};
    char folder[] = "/tmp/test_iso15.XXXXXX", command[64];
    struct card_world w;

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(setenv("XDG_STATE_HOME", folder, 1), 0);
    open_iso15(&w, mute);
    must_use(&w, AUTH, "auth.pem", world_sign_and_check);
    for (int times = 0; times < 3; times++) {
        world_restart(&w);
        assert_true(try_use(&w, "card:id=%45?pin-value=654321", "",
                            world_sign_and_check) < 0);
        assert_int_equal(world_pin_tries(&w), 2);
    }
    world_close(&w);
    unsetenv("XDG_STATE_HOME");
    snprintf(command, sizeof(command), "rm -r -- '%s'", folder);
    assert_int_equal(system(command), 0);
}

/* A card that did not answer once is no silent one. */
static void test_stored_pin_when_tries_are_told_again_then_they_count(
    void **state)
{
    char folder[] = "/tmp/test_iso15.XXXXXX", command[64];
    struct card_world w;
    struct card_key *key;

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(setenv("XDG_STATE_HOME", folder, 1), 0);
    open_iso15(&w, isoapplet);
    key = world_key(&w, AUTH);
    world_set(&w, "query", "no");
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    world_set(&w, "query", "yes");
    assert_int_equal(w.card->ops->set_tries(w.card, 1), 0);
    sim_world_other(w.sim, 0, SIM_OTHER_RESET);
    assert_int_equal(world_sign_and_check(key, "auth.pem"),
                     CARD_E_PIN_REFUSED);
    assert_int_equal(world_pin_tries(&w), 1);
    card_key_free(key);
    world_close(&w);
    unsetenv("XDG_STATE_HOME");
    snprintf(command, sizeof(command), "rm -r -- '%s'", folder);
    assert_int_equal(system(command), 0);
}

/* What another program left verified tells no number. */
static void test_pin_when_verified_before_then_presented_again(void **state)
{
    static const char *const *const kinds[] = {plain, isoapplet, myeid};
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < nitems(kinds); i++) {
        open_iso15(&w, kinds[i]);
        must_use(&w, AUTH, "auth.pem", world_sign_and_check);
        world_restart(&w);
        must_use(&w, SIGN, "sign.pem", world_sign_and_check);
        must_use(&w, AUTH, "auth.pem", world_sign_and_check);
        world_restart(&w);
        assert_true(try_use(&w, "card:id=%45?pin-value=654321", "",
                            world_sign_and_check) < 0);
        world_restart(&w);
        assert_int_equal(try_use(&w, "card:id=%45?pin-value=654321", "",
                                 world_sign_and_check), CARD_E_PIN_REFUSED);
        assert_int_equal(world_pin_tries(&w), 2);
        world_close(&w);
    }
}

static void test_pin_when_locked_then_said_so(void **state)
{
    struct card_world w;

    (void)state;
    open_iso15(&w, isoapplet);
    assert_int_equal(w.card->ops->set_tries(w.card, 0), 0);
    assert_int_equal(try_use(&w, AUTH, "auth.pem", world_sign_and_check),
                     CARD_E_PIN_LOCKED);
    world_close(&w);
}

/* ---- hostile cards ------------------------------------------------------- */

static void test_cards_when_hostile_then_bounded(void **state)
{
    static const struct {
        const char *settings[3];
        bool serves;
    } rows[] = {
        {{"loop=yes", NULL}, false},
        {{"many=10000", NULL}, false},
        {{"many=10000", "certs=inline", NULL}, false},
        {{"big=62000", NULL}, true}, /* what is behind a certificate stays */
        {{"damage=lengths", NULL}, false},
        {{"damage=6c", NULL}, false},
        {{"endless=yes", NULL}, false},
        {{"kind=isoapplet", "endless=yes", NULL}, false},
        {{"kind=isoapplet", "many=10000", NULL}, false},
        {{"kind=myeid", "damage=lengths", NULL}, false},
    };
    struct card_world w;
    int rc;

    (void)state;
    for (size_t i = 0; i < nitems(rows); i++) {
        open_iso15(&w, rows[i].settings);
        rc = try_use(&w, AUTH, "auth.pem", world_sign_and_check);
        if ((rc == 0) != rows[i].serves)
            fail_msg("%s: %d %s", rows[i].settings[0], rc,
                     card_error_sentence());
        assert_in_range(world_transmits(&w), 1, APDU_BUDGET);
        assert_int_equal(world_pin_tries(&w), 3);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_search_when_directories_differ_then_all_is_found),
        cmocka_unit_test(test_dir_when_it_tells_the_path_then_it_is_taken),
        cmocka_unit_test(
            test_serial_when_token_info_has_none_then_another_number),
        cmocka_unit_test(test_token_when_named_by_its_label_then_found),
        cmocka_unit_test(test_card_of_another_kind_is_nobodys),
        cmocka_unit_test(test_keys_when_cards_differ_then_each_serves),
        cmocka_unit_test(test_applet_when_of_version_0_then_rsa_serves),
        cmocka_unit_test(test_key_when_it_signs_sha1_only_then_it_says_so),
        cmocka_unit_test(test_card_when_it_hashes_itself_then_it_gets_the_rest),
        cmocka_unit_test(
            test_ecdsa_when_the_hash_has_another_length_then_it_fits),
        cmocka_unit_test(test_ecdsa_when_a_number_is_short_then_it_is_filled),
        cmocka_unit_test(test_wrong_signatures_when_made_then_never_leave),
        cmocka_unit_test(test_signature_when_first_then_it_costs_so_many),
        cmocka_unit_test(
            test_cache_when_the_card_was_updated_then_it_is_read_again),
        cmocka_unit_test(test_keys_when_used_by_turns_then_each_signs_its_own),
        cmocka_unit_test(
            test_signature_when_others_set_the_environment_then_set_again),
        cmocka_unit_test(test_use_when_another_program_came_then_it_goes_on),
        cmocka_unit_test(test_raw_decryption_when_refused_then_no_other),
        cmocka_unit_test(test_pin_when_of_any_format_then_it_is_sent_so),
        cmocka_unit_test(test_stored_pin_when_wrong_then_it_costs_one_try),
        cmocka_unit_test(
            test_stored_pin_when_the_card_is_silent_then_one_try),
        cmocka_unit_test(
            test_stored_pin_when_tries_are_told_again_then_they_count),
        cmocka_unit_test(test_pin_when_verified_before_then_presented_again),
        cmocka_unit_test(test_pin_when_locked_then_said_so),
        cmocka_unit_test(test_cards_when_hostile_then_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
