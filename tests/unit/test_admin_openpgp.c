/*
 * OpenPGP cards for their holders: PW1 behind two references, PW3 and the
 * resetting code, the KDF; what the card says of itself.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "card/driver/openpgp_data.h"
#include "tests/unit/admin_world.h"

#define SETTINGS(...) (const char *const[]){__VA_ARGS__, NULL}

static const char *const plain[] = {NULL};

/* ---- records ------------------------------------------------------------- */

static void test_people_are_told_of_one_user_pin(void **state)
{
    const struct card_pin_info *pin;
    struct admin_world a;
    size_t users = 0;

    (void)state;
    admin_open(&a, "openpgp", plain, NULL);
    for (size_t i = 0; (pin = card_pin_at(a.card, i)) != NULL; i++)
        users += !pin->unblocking && !pin->alias ? 1 : 0;
    assert_int_equal(users, 1);
    assert_string_equal(card_pin_at(a.card, a.pin)->label, "User PIN");
    admin_close(&a);
}

static void test_puk_is_the_resetting_code_while_it_has_tries(void **state)
{
    struct admin_world a;
    size_t puk;

    (void)state;
    admin_open(&a, "openpgp", plain, NULL);
    for (size_t pin = 0; pin < 2; pin++) {
        assert_true(card_puk_of_pin(a.card, pin, &puk));
        assert_string_equal(card_pin_at(a.card, puk)->label, "Admin PIN");
    }
    assert_false(card_puk_of_pin(a.card, puk, &puk));
    admin_close(&a);

    admin_open(&a, "openpgp", SETTINGS("resetting-code=87654321"), NULL);
    assert_true(card_puk_of_pin(a.card, a.pin, &puk));
    assert_string_equal(card_pin_at(a.card, puk)->label, "Resetting code");
    assert_int_equal(card_pin_at(a.card, puk)->tries_left, 3);
    assert_false(card_puk_of_pin(a.card, admin_pin(&a, "Admin PIN"), &puk));
    for (int i = 0; i < 3; i++)
        assert_int_not_equal(admin_unblock(&a, a.pin, "99999999", "567890"),
                             0);
    assert_int_equal(card_read(a.card, CARD_READ_PINS), 0);
    assert_true(card_puk_of_pin(a.card, a.pin, &puk));
    assert_string_equal(card_pin_at(a.card, puk)->label, "Admin PIN");
    admin_close(&a);
}

static void test_resetting_code_has_no_command_of_its_own(void **state)
{
    struct admin_world a;
    size_t code;

    (void)state;
    admin_open(&a, "openpgp", SETTINGS("resetting-code=87654321"), NULL);
    code = admin_pin(&a, "Resetting code");
    assert_int_equal(admin_verify(&a, code, "87654321"), CARD_E_UNSUPPORTED);
    assert_int_equal(admin_change(&a, code, "87654321", "12345678"),
                     CARD_E_UNSUPPORTED);
    assert_int_equal(admin_sent(&a), 0);
    admin_close(&a);
}

/* ---- change -------------------------------------------------------------- */

static const char *const kinds[][4] = {
    {NULL},
    {"kdf=yes", NULL},
    {"card=gnuk", "refusal=63c", NULL},
    {"card=v2", NULL},
    {"t1=no", NULL},
};

static void test_change_under_either_reference_is_one_command(void **state)
{
    struct admin_world a;

    (void)state;
    for (size_t i = 0; i < 2 * nitems(kinds); i++) {
        admin_open(&a, "openpgp", kinds[i / 2], NULL);
        assert_int_equal(admin_change(&a, i % 2, "123456", "5678901"), 0);
        assert_int_equal(a.result.outcome, CARD_DONE);
        assert_int_equal(admin_sent(&a), 1);
        assert_int_equal(admin_sent_as(&a, 0x24, 0x00, 0x81), 1);
        for (size_t pin = 0; pin < 2; pin++)
            assert_int_equal(admin_verify(&a, pin, "5678901"), 0);
        assert_int_equal(admin_verify(&a, 0, "123456"), CARD_E_PIN_WRONG);
        admin_close(&a);
    }
}

static void test_change_with_a_wrong_pin_costs_one_try(void **state)
{
    struct admin_world a;

    (void)state;
    for (size_t i = 0; i < nitems(kinds); i++) {
        admin_open(&a, "openpgp", kinds[i], NULL);
        assert_int_equal(admin_change(&a, a.pin, "999999", "567890"),
                         CARD_E_PIN_WRONG);
        assert_int_equal(a.result.outcome, CARD_NOT_DONE);
        assert_int_equal(a.result.tries_left, 2);
        assert_int_equal(admin_sent(&a), 1);
        assert_int_equal(world_pin_tries(&a.w), 2);
        assert_int_equal(admin_verify(&a, a.pin, "123456"), 0);
        admin_close(&a);
    }
}

static void test_change_that_blocks_says_so(void **state)
{
    struct admin_world a;

    (void)state;
    admin_open(&a, "openpgp", SETTINGS("tries=1"), NULL);
    assert_int_equal(admin_change(&a, a.pin, "999999", "567890"),
                     CARD_E_PIN_LOCKED);
    assert_int_equal(a.result.outcome, CARD_NOT_DONE);
    assert_int_equal(a.result.tries_left, 0);
    assert_int_equal(admin_change(&a, a.pin, "123456", "567890"),
                     CARD_E_PIN_LOCKED);
    assert_int_equal(admin_sent(&a), 1);
    admin_close(&a);
}

static void test_admin_pin_is_changed_too(void **state)
{
    struct admin_world a;

    (void)state;
    for (size_t i = 0; i < nitems(kinds); i++) {
        admin_open(&a, "openpgp", kinds[i], NULL);
        assert_int_equal(admin_change(&a, admin_pin(&a, "Admin PIN"),
                                      "12345678", "876543210"), 0);
        assert_int_equal(admin_sent_as(&a, 0x24, 0x00, 0x83), 1);
        world_set(&a.w, "tries", "0");
        assert_int_equal(admin_unblock(&a, a.pin, "12345678", "567890"),
                         CARD_E_PIN_WRONG);
        assert_int_equal(admin_unblock(&a, a.pin, "876543210", "567890"), 0);
        admin_close(&a);
    }
}

static void test_values_of_a_wrong_form_are_not_sent(void **state)
{
    struct admin_world a;

    (void)state;
    admin_open(&a, "openpgp", SETTINGS("kdf=yes"), NULL);
    assert_int_equal(admin_change(&a, a.pin, "123456", "56789"),
                     CARD_E_PIN_FORMAT);
    assert_int_equal(admin_change(&a, a.pin, "12345", "567890"),
                     CARD_E_PIN_FORMAT);
    assert_int_equal(admin_unblock(&a, a.pin, "1234567", "567890"),
                     CARD_E_PIN_FORMAT);
    assert_int_equal(admin_unblock(&a, a.pin, "12345678", ""),
                     CARD_E_PIN_FORMAT);
    assert_int_equal(admin_sent(&a), 0);
    admin_close(&a);
}

/* A value rejected before may be the new PIN. */
static void test_a_new_pin_is_presented_though_rejected_before(void **state)
{
    struct admin_world a;

    (void)state;
    admin_open(&a, "openpgp", plain, NULL);
    assert_int_equal(admin_verify(&a, a.pin, "567890"), CARD_E_PIN_WRONG);
    assert_int_equal(admin_change(&a, a.pin, "123456", "567890"), 0);
    world_set(&a.w, "tries", "1");
    assert_int_equal(admin_verify(&a, a.pin, "567890"), 0);
    admin_close(&a);
}

/* ---- unblock ------------------------------------------------------------- */

static void test_admin_pin_unblocks_in_two_commands(void **state)
{
    struct admin_world a;

    (void)state;
    for (size_t i = 0; i < nitems(kinds); i++) {
        admin_open(&a, "openpgp", kinds[i], NULL);
        world_set(&a.w, "tries", "0");
        assert_int_equal(admin_unblock(&a, a.pin, "12345678", "567890"), 0);
        assert_int_equal(a.result.outcome, CARD_DONE);
        assert_int_equal(admin_sent(&a), 2);
        assert_int_equal(admin_sent_as(&a, 0x20, 0x00, 0x83), 1);
        assert_int_equal(admin_sent_as(&a, 0x2C, 0x02, 0x81), 1);
        assert_int_equal(admin_verify(&a, a.pin, "567890"), 0);
        admin_close(&a);
    }
}

static void test_resetting_code_unblocks_in_one_command(void **state)
{
    static const char *const kdf[] = {"kdf=no", "kdf=yes"};
    struct admin_world a;

    (void)state;
    for (size_t i = 0; i < nitems(kdf); i++) {
        admin_open(&a, "openpgp",
                   SETTINGS("resetting-code=87654321", kdf[i]), NULL);
        world_set(&a.w, "tries", "0");
        assert_int_equal(admin_unblock(&a, a.pin, "87654321", "567890"), 0);
        assert_int_equal(admin_sent(&a), 1);
        assert_int_equal(admin_sent_as(&a, 0x2C, 0x00, 0x81), 1);
        assert_int_equal(admin_verify(&a, a.pin, "567890"), 0);
        admin_close(&a);
    }
}

static void test_wrong_puk_costs_one_try_and_resets_nothing(void **state)
{
    static const char *const puks[] = {"card=v3", "resetting-code=87654321"};
    struct admin_world a;

    (void)state;
    for (size_t i = 0; i < nitems(puks); i++) {
        admin_open(&a, "openpgp", SETTINGS(puks[i]), NULL);
        world_set(&a.w, "tries", "0");
        assert_int_equal(admin_unblock(&a, a.pin, "99999999", "567890"),
                         CARD_E_PIN_WRONG);
        assert_int_equal(a.result.outcome, CARD_NOT_DONE);
        assert_int_equal(a.result.tries_left, 2);
        assert_int_equal(admin_sent(&a), 1);
        assert_int_equal(world_pin_tries(&a.w), 0);
        admin_close(&a);
    }
}

/* ---- KDF ----------------------------------------------------------------- */

static void test_unknown_kdf_is_refused_before_anything_is_sent(void **state)
{
    static const char *const kdf[] = {"kdf=huge", "kdf=unknown"};
    struct admin_world a;

    (void)state;
    for (size_t i = 0; i < nitems(kdf); i++) {
        admin_open(&a, "openpgp", SETTINGS(kdf[i]), NULL);
        assert_int_equal(admin_change(&a, a.pin, "123456", "567890"),
                         CARD_E_UNSUPPORTED);
        assert_int_equal(admin_unblock(&a, a.pin, "12345678", "567890"),
                         CARD_E_UNSUPPORTED);
        assert_int_equal(a.result.outcome, CARD_NOT_DONE);
        assert_int_equal(admin_sent(&a), 0);
        admin_close(&a);
    }
}

/* GnuPG's "kdf-setup single" leaves salts 85 and 86 out. */
static void test_each_pin_has_its_salt_or_that_of_pw1(void **state)
{
    static const struct {
        const char *object, *salts[OPENPGP_PASSWORDS];
    } rows[] = {
        {"810103 820108 8304000003E8 84083131313131313131"
         "85083232323232323232 86083333333333333333",
         {"11111111", "22222222", "33333333"}},
        {"810103 820108 8304000003E8 84083131313131313131",
         {"11111111", "11111111", "11111111"}},
    };

    (void)state;
    for (size_t i = 0; i < nitems(rows); i++) {
        uint8_t space[64];
        struct buf object = BUF_ON(space);
        struct openpgp_kdf kdf;

        assert_int_equal(bytes_from_hex(rows[i].object, &object), 0);
        assert_int_equal(openpgp_parse_kdf(buf_view(&object), &kdf), 0);
        for (size_t n = 0; n < OPENPGP_PASSWORDS; n++)
            assert_memory_equal(kdf.salt[n], rows[i].salts[n], 8);
    }
}

/* ---- what it says -------------------------------------------------------- */

static void test_card_says_who_and_what_it_is(void **state)
{
    struct admin_world a;
    char space[128];

    (void)state;
    admin_open(&a, "openpgp", SETTINGS("keys=mixed"), NULL);
    admin_says(&a, "version", "3.4");
    admin_says(&a, "manufacturer", "0000");
    admin_says(&a, "serial", "00000001");
    admin_says(&a, "holder", "TESTEUR ELODIE");
    admin_says(&a, "language", "fr");
    admin_says(&a, "signature-count", "0");
    admin_says(&a, "algorithm-sign", "RSA 2048");
    admin_says(&a, "algorithm-decrypt", "P-256");
    admin_says(&a, "algorithm-auth", "Ed25519");
    admin_says(&a, "created-sign", "2023-09-12T06:06:57Z");
    assert_non_null(admin_field(&a, "fingerprint-auth", space,
                                sizeof(space)));
    assert_int_equal(strlen(space), 40);
    assert_null(admin_field(&a, "login", space, sizeof(space)));
    admin_close(&a);

    admin_open(&a, "openpgp", SETTINGS("card=yubikey"), NULL);
    admin_says(&a, "manufacturer", "0006 (Yubico)");
    admin_close(&a);
}

static void test_description_sends_no_pin(void **state)
{
    struct admin_world a;
    char space[128];

    (void)state;
    admin_open(&a, "openpgp", plain, NULL);
    admin_field(&a, "version", space, sizeof(space));
    assert_int_equal(sim_world_count_ins(a.w.sim, 0x20), 0);
    assert_true(world_transmits(&a.w) <= 5);
    admin_close(&a);
}

static void test_answers_that_lie_do_no_harm(void **state)
{
    (void)state;
    admin_says_no_harm("openpgp", plain);
    admin_says_no_harm("openpgp", SETTINGS("card=yubikey"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_people_are_told_of_one_user_pin),
        cmocka_unit_test(test_puk_is_the_resetting_code_while_it_has_tries),
        cmocka_unit_test(test_resetting_code_has_no_command_of_its_own),
        cmocka_unit_test(test_change_under_either_reference_is_one_command),
        cmocka_unit_test(test_change_with_a_wrong_pin_costs_one_try),
        cmocka_unit_test(test_change_that_blocks_says_so),
        cmocka_unit_test(test_admin_pin_is_changed_too),
        cmocka_unit_test(test_values_of_a_wrong_form_are_not_sent),
        cmocka_unit_test(test_a_new_pin_is_presented_though_rejected_before),
        cmocka_unit_test(test_admin_pin_unblocks_in_two_commands),
        cmocka_unit_test(test_resetting_code_unblocks_in_one_command),
        cmocka_unit_test(test_wrong_puk_costs_one_try_and_resets_nothing),
        cmocka_unit_test(test_unknown_kdf_is_refused_before_anything_is_sent),
        cmocka_unit_test(test_each_pin_has_its_salt_or_that_of_pw1),
        cmocka_unit_test(test_card_says_who_and_what_it_is),
        cmocka_unit_test(test_description_sends_no_pin),
        cmocka_unit_test(test_answers_that_lie_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
