/*
 * A CPS4, simulated: its logical channel, its two kinds of keys, what it
 * costs, what PINs and hostile cards come to.
 */
#include "tests/unit/card_world.h"

#include <string.h>

#include "card/wire/apdu.h"
#include "tests/unit/test.h"

#define PIN "?pin-value=1234"
#define AUTH "card:usage=auth" PIN
#define SIGN "card:usage=sign" PIN
#define DECRYPT "card:usage=decrypt" PIN

typedef int use_fn(struct card_key *key, const char *pem);

static void open_cps4(struct card_world *w, const char *const *settings)
{
    world_open_family(w, "cps4", settings);
}

static int decrypt_pkcs1(struct card_key *key, const char *pem)
{
    return world_decrypt_and_check(key, pem, false);
}

static int decrypt_oaep(struct card_key *key, const char *pem)
{
    return world_decrypt_and_check(key, pem, true);
}

static void must_use(struct card_world *w, const char *uri, const char *pem,
                     use_fn *use)
{
    struct card_key *key = world_key(w, uri);

    if (use(key, pem) < 0)
        fail_msg("%s: %s", uri, card_error_sentence());
    card_key_free(key);
}

static void use_all(struct card_world *w)
{
    must_use(w, AUTH, "auth.pem", world_sign_and_check);
    must_use(w, AUTH, "auth.pem", world_sign_pss_and_check);
    must_use(w, DECRYPT, "auth.pem", decrypt_pkcs1);
    must_use(w, DECRYPT, "auth.pem", decrypt_oaep);
    must_use(w, SIGN, "sign.pem", world_sign_and_check);
    must_use(w, SIGN, "sign.pem", world_sign_pss_and_check);
    assert_int_equal(world_pin_tries(w), 3);
}

static void send(struct card_world *w, const char *hex, const char *expected)
{
    uint8_t command[64], answer[300];
    char text[2 * sizeof(answer) + 1];
    struct buf c = BUF_ON(command), rsp = BUF_ON(answer);

    assert_int_equal(bytes_from_hex(hex, &c), 0);
    assert_int_equal(w->card->ops->process(w->card, buf_view(&c), &rsp), 0);
    assert_string_equal(bytes_to_hex(buf_view(&rsp), text, sizeof(text)),
                        expected);
}

/* ---- keys ---------------------------------------------------------------- */

static void test_keys_do_all_they_can_at_both_protocols(void **state)
{
    static const char *const t0[] = {"t1=no", NULL};
    static const char *const *const settings[] = {NULL, t0};

    (void)state;
    for (size_t i = 0; i < nitems(settings); i++) {
        struct card_world w;

        open_cps4(&w, settings[i]);
        use_all(&w);
        must_use(&w, "card:driver=cps4;serial=99002754;model=ChipDoc;usage=auth"
                 PIN, "auth.pem", world_sign_and_check);
        must_use(&w, "card:token=CPS4v1-2300081199;usage=auth" PIN, "auth.pem",
                 world_sign_and_check);
        world_close(&w);
    }
}

static int sign_as(struct card_world *w, const char *uri, enum card_hash hash,
                   enum card_padding padding, size_t salt)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_tbs tbs = {.hash = hash, .mgf_hash = hash, .salt_len = salt,
                           .padding = padding, .len = hash_len(hash)};
    struct card_key *key = world_key(w, uri);
    int rc = card_sign(key, &tbs, &sig);

    card_key_free(key);
    return rc;
}

/* What the card writes around the hash itself, it knows for two of them. */
static void test_signature_key_refuses_what_its_card_lacks(
    void **state)
{
    static const struct {
        const char *uri;
        enum card_hash hash;
        enum card_padding padding;
        size_t salt;
        int rc;
    } rows[] = {
        {SIGN, CARD_HASH_SHA1, CARD_PAD_PKCS1, 0, 0},
        {SIGN, CARD_HASH_SHA1, CARD_PAD_PSS, 20, 0},
        {SIGN, CARD_HASH_SHA384, CARD_PAD_PKCS1, 0, CARD_E_UNSUPPORTED},
        {SIGN, CARD_HASH_SHA256, CARD_PAD_PSS, 222, CARD_E_UNSUPPORTED},
        {AUTH, CARD_HASH_SHA384, CARD_PAD_PKCS1, 0, 0},
        {AUTH, CARD_HASH_SHA512, CARD_PAD_PSS, 64, 0},
        {AUTH, CARD_HASH_SHA256, CARD_PAD_PSS, 222, 0},
    };
    struct card_world w;

    (void)state;
    open_cps4(&w, NULL);
    for (size_t i = 0; i < nitems(rows); i++)
        assert_int_equal(sign_as(&w, rows[i].uri, rows[i].hash,
                                 rows[i].padding, rows[i].salt), rows[i].rc);
    world_close(&w);
}

static void test_wrong_signature_never_leaves(void **state)
{
    static const char *const wrongs[] = {"flip", "other"};
    static const char *const uris[] = {AUTH, SIGN};
    struct card_world w;

    (void)state;
    open_cps4(&w, NULL);
    for (size_t i = 0; i < nitems(wrongs); i++)
        for (size_t k = 0; k < nitems(uris); k++) {
            world_set(&w, "wrong", wrongs[i]);
            assert_int_equal(sign_as(&w, uris[k], CARD_HASH_SHA256,
                                     CARD_PAD_PKCS1, 0), CARD_E_SELF_CHECK);
        }
    world_close(&w);
}

static void test_signatures_cost_at_most_26_then_3(void **state)
{
    struct card_world w;
    struct card_key *key;

    (void)state;
    open_cps4(&w, NULL);
    key = world_key(&w, AUTH);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    assert_in_range(world_transmits(&w), 1, 26);
    sim_world_reset_counts(w.sim);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    assert_int_equal(world_transmits(&w), 3); /* the block goes in two */
    card_key_free(key);
    world_close(&w);
}

/* ---- the channel --------------------------------------------------------- */

static void test_chipdoc_that_is_lost_is_recovered(void **state)
{
    static const char *const lost[] = {"lost=yes", NULL};
    struct card_world w;
    struct card_key *key;

    (void)state;
    open_cps4(&w, lost);
    use_all(&w);
    key = world_key(&w, AUTH);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    world_set(&w, "lost", "yes");
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    assert_int_equal(world_pin_tries(&w), 3);
    card_key_free(key);
    world_close(&w);
}

/* On the channel itself, on the basic one, and of a reset. */
static void test_other_programs_are_survived(void **state)
{
    static const char *const theirs[] = {
        "01A4040C07A0000001510000", "01A4040C088025000001FF0100",
        "00A4040C088025000001FF0002", "01A4000C023F00"};
    struct card_world w;
    struct card_key *key;

    (void)state;
    open_cps4(&w, NULL);
    key = world_key(&w, AUTH);
    for (size_t i = 0; i < nitems(theirs); i++) {
        assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
        send(&w, theirs[i], "9000");
        assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
        assert_true(sim_world_other(w.sim, 0, SIM_OTHER_RESET));
    }
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    assert_int_equal(world_pin_tries(&w), 3);
    card_key_free(key);
    world_close(&w);
}

/* Commands on the basic channel are the predecessor's. */
static void test_simulated_card_keeps_its_channels_apart(void **state)
{
    struct card_world w;

    (void)state;
    open_cps4(&w, NULL);
    send(&w, "01200001", "6881");
    send(&w, "01A4040C0DE828BD080F8025000001FF0010", "6881");
    send(&w, "01A4040C088025000001FF0100", "9000");
    send(&w, "00200001", "6E00");
    send(&w, "01200001", "63C3");
    send(&w, "0122 41B8 03 830120", "6985");
    send(&w, "01A4040C0DE828BD080F8025000001FF0010", "9000");
    send(&w, "0122 41B8 03 830120", "9000");
    send(&w, "0122 81B6 04 91022890", "9000");
    send(&w, "0122 81B6 04 91022810", "6A88");
    send(&w, "0122 41A4 06 800102840182", "6A86");
    world_close(&w);
}

/* Fact sheet: VERIFY, then the new one; or the PUK, then the retries. */
static void test_simulated_card_changes_its_pin(void **state)
{
    struct card_world w;

    (void)state;
    open_cps4(&w, NULL);
    send(&w, "01A4040C088025000001FF0100", "9000");
    send(&w, "012401010831323335FFFFFFFF", "6982");
    send(&w, "012000010831323334FFFFFFFF", "9000");
    send(&w, "012401010831323335FFFFFFFF", "9000");
    send(&w, "012000010831323334FFFFFFFF", "63C2");
    send(&w, "012C0381", "6982");
    send(&w, "01200002083132333435363738", "9000");
    send(&w, "012C0381", "9000");
    send(&w, "012401010831323336FFFFFFFF", "9000");
    send(&w, "012000010831323336FFFFFFFF", "9000");
    world_close(&w);
}

/* ---- PINs, hostile cards ------------------------------------------------- */

static void test_wrong_pin_costs_one_try_over_restarts(void **state)
{
    struct card_world w;

    (void)state;
    open_cps4(&w, NULL);
    for (int restart = 0; restart < 3; restart++) {
        assert_int_equal(sign_as(&w, "card:usage=auth?pin-value=9999",
                                 CARD_HASH_SHA256, CARD_PAD_PKCS1, 0),
                         restart == 0 ? CARD_E_PIN_WRONG
                                      : CARD_E_PIN_REFUSED);
        world_restart(&w);
    }
    assert_int_equal(world_pin_tries(&w), 2);
    world_close(&w);
}

static void test_lying_cards_end_in_an_error(void **state)
{
    static const char *const damages[] = {"endless", "6c", "lengths"};

    (void)state;
    for (size_t i = 0; i < nitems(damages); i++) {
        struct card_object found = {.key = NULL};
        struct card_world w;

        open_cps4(&w, NULL);
        world_set(&w, "damage", damages[i]);
        world_find(&w, AUTH, CARD_KIND_PRIVATE, &found);
        card_key_free(found.key);
        assert_in_range(world_transmits(&w), 1, 3000);
        assert_int_equal(world_pin_tries(&w), 3);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_do_all_they_can_at_both_protocols),
        cmocka_unit_test(test_signature_key_refuses_what_its_card_lacks),
        cmocka_unit_test(test_wrong_signature_never_leaves),
        cmocka_unit_test(test_signatures_cost_at_most_26_then_3),
        cmocka_unit_test(test_chipdoc_that_is_lost_is_recovered),
        cmocka_unit_test(test_other_programs_are_survived),
        cmocka_unit_test(test_simulated_card_keeps_its_channels_apart),
        cmocka_unit_test(test_simulated_card_changes_its_pin),
        cmocka_unit_test(test_wrong_pin_costs_one_try_over_restarts),
        cmocka_unit_test(test_lying_cards_end_in_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
