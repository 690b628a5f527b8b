/*
 * PIV cards for their holders: the PUK, PIN changes and unblocking, what the
 * card says of itself.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "card/wire/apdu.h"
#include "tests/unit/admin_world.h"

#define SETTINGS(...) (const char *const[]){__VA_ARGS__, NULL}

static const char *const plain[] = {NULL};
static const char *const yubico[] = {"yubico=yes", NULL};

/* ---- records ------------------------------------------------------------- */

static void test_puk_is_listed_and_unblocks_the_pin(void **state)
{
    struct admin_world a;
    size_t puk;

    (void)state;
    admin_open(&a, "piv", plain, NULL);
    assert_true(card_puk_of_pin(a.card, a.pin, &puk));
    assert_int_equal(puk, admin_pin(&a, "PUK"));
    assert_true(card_pin_at(a.card, puk)->unblocking);
    assert_false(card_puk_of_pin(a.card, puk, &puk));
    admin_close(&a);
}

/* An empty VERIFY is not for the PUK; Yubico's metadata tell. */
enum { INS_GET_METADATA = 0xF7 };

static void test_tries_of_the_puk_are_told_by_metadata_alone(void **state)
{
    struct admin_world a;
    size_t puk;

    (void)state;
    admin_open(&a, "piv", SETTINGS("puk-tries=2"), NULL);
    assert_int_equal(card_read(a.card, CARD_READ_PINS), 0);
    puk = admin_pin(&a, "PUK");
    assert_int_equal(card_pin_at(a.card, puk)->tries_left,
                     CARD_TRIES_UNKNOWN);
    for (size_t i = 0; i < sim_world_logged(a.w.sim); i++) {
        struct bytes sent = sim_world_command(a.w.sim, i);

        if (sent.data[3] == 0x81)
            assert_int_equal(sent.data[1], INS_GET_METADATA);
    }
    admin_close(&a);

    admin_open(&a, "piv", SETTINGS("yubico=yes", "puk-tries=2"), NULL);
    puk = admin_pin(&a, "PUK");
    assert_int_equal(card_pin_at(a.card, puk)->tries_left, 2);
    admin_close(&a);
}

/* ---- change -------------------------------------------------------------- */

static void test_change_takes_one_command(void **state)
{
    struct admin_world a;

    (void)state;
    admin_open(&a, "piv", plain, NULL);
    assert_int_equal(admin_change(&a, a.pin, "123456", "567890"), 0);
    assert_int_equal(a.result.outcome, CARD_DONE);
    assert_int_equal(admin_sent(&a), 1);
    assert_int_equal(admin_sent_as(&a, 0x24, 0x00, 0x80), 1);
    assert_int_equal(admin_verify(&a, a.pin, "567890"), 0);
    assert_int_equal(admin_verify(&a, a.pin, "123456"), CARD_E_PIN_WRONG);
    assert_int_equal(a.result.tries_left, 2);
    admin_close(&a);
}

static void test_change_with_a_wrong_pin_costs_one_try(void **state)
{
    struct admin_world a;

    (void)state;
    admin_open(&a, "piv", plain, NULL);
    assert_int_equal(admin_change(&a, a.pin, "999999", "567890"),
                     CARD_E_PIN_WRONG);
    assert_int_equal(a.result.outcome, CARD_NOT_DONE);
    assert_int_equal(a.result.tries_left, 2);
    assert_int_equal(admin_sent(&a), 1);
    assert_int_equal(world_pin_tries(&a.w), 2);
    assert_int_equal(admin_verify(&a, a.pin, "123456"), 0);
    admin_close(&a);
}

static void test_change_of_a_blocked_pin_sends_nothing(void **state)
{
    struct admin_world a;

    (void)state;
    admin_open(&a, "piv", SETTINGS("tries=0"), NULL);
    assert_int_equal(admin_change(&a, a.pin, "123456", "567890"),
                     CARD_E_PIN_LOCKED);
    assert_int_equal(a.result.outcome, CARD_NOT_DONE);
    assert_int_equal(admin_sent(&a), 0);
    admin_close(&a);
}

static void test_values_of_a_wrong_form_are_not_sent(void **state)
{
    static const char *const bad[] = {"", "12345", "123456789", "12345a"};
    struct admin_world a;

    (void)state;
    admin_open(&a, "piv", plain, NULL);
    for (size_t i = 0; i < nitems(bad); i++) {
        assert_int_equal(admin_change(&a, a.pin, "123456", bad[i]),
                         CARD_E_PIN_FORMAT);
        assert_int_equal(admin_change(&a, a.pin, bad[i], "567890"),
                         CARD_E_PIN_FORMAT);
        assert_int_equal(admin_unblock(&a, a.pin, "12345678", bad[i]),
                         CARD_E_PIN_FORMAT);
    }
    assert_int_equal(admin_unblock(&a, a.pin, "123456789", "567890"),
                     CARD_E_PIN_FORMAT);
    assert_int_equal(sim_world_logged(a.w.sim), 0);
    admin_close(&a);

    admin_open(&a, "piv", yubico, NULL);
    assert_int_equal(admin_change(&a, a.pin, "123456", "12345a"), 0);
    assert_int_equal(admin_verify(&a, a.pin, "12345a"), 0);
    admin_close(&a);
}

/* What went out before this try puts nothing in doubt. */
static void test_a_card_lost_before_the_command_leaves_no_doubt(void **state)
{
    struct admin_world a;

    (void)state;
    admin_open(&a, "piv", plain, NULL);
    assert_int_equal(admin_unblock(&a, a.pin, "12345678", "567890"), 0);
    sim_world_fault(a.w.sim, 1, SIM_FAULT_REMOVED, true);
    assert_true(admin_unblock(&a, a.pin, "12345678", "123456") < 0);
    assert_int_equal(a.result.outcome, CARD_NOT_DONE);
    assert_true(admin_change(&a, a.pin, "567890", "123456") < 0);
    assert_int_equal(a.result.outcome, CARD_NOT_DONE);
    sim_world_fault(a.w.sim, 0, SIM_FAULT_NONE, false);
    assert_int_equal(admin_verify(&a, a.pin, "567890"), 0);
    admin_close(&a);
}

static void test_puk_is_changed_too(void **state)
{
    struct admin_world a;

    (void)state;
    admin_open(&a, "piv", yubico, NULL);
    assert_int_equal(admin_change(&a, admin_pin(&a, "PUK"), "12345678",
                                  "87654321"), 0);
    assert_int_equal(admin_sent_as(&a, 0x24, 0x00, 0x81), 1);
    world_set(&a.w, "tries", "0");
    assert_int_equal(admin_unblock(&a, a.pin, "12345678", "567890"),
                     CARD_E_PIN_WRONG);
    assert_int_equal(admin_unblock(&a, a.pin, "87654321", "567890"), 0);
    admin_close(&a);
}

/* ---- unblock ------------------------------------------------------------- */

static void test_unblock_takes_one_command(void **state)
{
    struct admin_world a;

    (void)state;
    admin_open(&a, "piv", SETTINGS("tries=0"), NULL);
    assert_int_equal(admin_unblock(&a, a.pin, "12345678", "567890"), 0);
    assert_int_equal(a.result.outcome, CARD_DONE);
    assert_false(a.result.reinsert);
    assert_int_equal(admin_sent(&a), 1);
    assert_int_equal(admin_sent_as(&a, 0x2C, 0x00, 0x80), 1);
    assert_int_equal(admin_verify(&a, a.pin, "567890"), 0);
    admin_close(&a);
}

static void test_wrong_puk_costs_one_of_its_tries(void **state)
{
    struct applet_tries tries;
    struct admin_world a;

    (void)state;
    admin_open(&a, "piv", SETTINGS("tries=0", "yubico=yes"), NULL);
    assert_int_equal(admin_unblock(&a, a.pin, "99999999", "567890"),
                     CARD_E_PIN_WRONG);
    assert_int_equal(a.result.outcome, CARD_NOT_DONE);
    assert_int_equal(a.result.tries_left, 2);
    a.w.card->ops->tries(a.w.card, &tries);
    assert_int_equal(tries.puk, 2);
    assert_int_equal(tries.pin, 0);
    assert_int_equal(admin_sent(&a), 1);
    admin_close(&a);
}

static void test_blocked_puk_is_told(void **state)
{
    static const char *const settings[][3] = {
        {"puk-tries=0", NULL}, {"puk-tries=0", "yubico=yes", NULL}};
    struct admin_world a;

    (void)state;
    for (size_t i = 0; i < nitems(settings); i++) {
        admin_open(&a, "piv", settings[i], NULL);
        assert_int_equal(admin_unblock(&a, a.pin, "12345678", "567890"),
                         CARD_E_PIN_LOCKED);
        assert_int_equal(a.result.outcome, CARD_NOT_DONE);
        /* what the card tells nothing of is tried */
        assert_int_equal(admin_sent(&a), i == 0 ? 1 : 0);
        admin_close(&a);
    }
}

/* The application's PUK is not the global PIN's. */
static void test_global_pin_is_changed_but_not_unblocked(void **state)
{
    struct admin_world a;

    (void)state;
    admin_open(&a, "piv", SETTINGS("global=yes"), NULL);
    assert_string_equal(card_pin_at(a.card, a.pin)->label, "global PIN");
    assert_int_equal(admin_unblock(&a, a.pin, "12345678", "567890"),
                     CARD_E_UNSUPPORTED);
    assert_int_equal(a.result.outcome, CARD_NOT_DONE);
    assert_int_equal(admin_sent(&a), 0);
    assert_int_equal(admin_change(&a, a.pin, "654321", "567890"), 0);
    assert_int_equal(admin_sent_as(&a, 0x24, 0x00, 0x00), 1);
    assert_int_equal(admin_verify(&a, a.pin, "567890"), 0);
    admin_close(&a);
}

/* ---- what it says -------------------------------------------------------- */

static void test_plain_card_says_what_its_chuid_holds(void **state)
{
    struct admin_world a;
    char space[128];

    (void)state;
    admin_open(&a, "piv", plain, NULL);
    admin_says(&a, "application", "000010000100");
    admin_says(&a, "application-authority", "A000000308");
    admin_says(&a, "guid", "0123456789ABCDEF0123456789ABCDEF");
    admin_says(&a, "expiration", "2030-12-31");
    admin_says(&a, "fasc-n",
               "D4E739DA739CED39CE739D836858210842108421C84210C3EB");
    assert_null(admin_field(&a, "version", space, sizeof(space)));
    assert_null(admin_field(&a, "serial-number", space, sizeof(space)));
    admin_close(&a);
}

static void test_description_takes_six_apdus_and_no_pin(void **state)
{
    struct admin_world a;
    char space[128];

    (void)state;
    admin_open(&a, "piv", yubico, NULL);
    assert_non_null(admin_field(&a, "version", space, sizeof(space)));
    assert_true(world_transmits(&a.w) <= 6);
    assert_int_equal(sim_world_count_ins(a.w.sim, INS_VERIFY), 0);
    admin_says(&a, "serial-number", "16909060");
    admin_close(&a);
}

static void test_card_without_a_chuid_says_less(void **state)
{
    struct admin_world a;
    char space[128];

    (void)state;
    admin_open(&a, "piv", SETTINGS("chuid=no"), NULL);
    assert_null(admin_field(&a, "guid", space, sizeof(space)));
    admin_says(&a, "application", "000010000100");
    admin_close(&a);
}

static void test_answers_that_lie_do_no_harm(void **state)
{
    (void)state;
    admin_says_no_harm("piv", plain);
    admin_says_no_harm("piv", yubico);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_puk_is_listed_and_unblocks_the_pin),
        cmocka_unit_test(test_tries_of_the_puk_are_told_by_metadata_alone),
        cmocka_unit_test(test_change_takes_one_command),
        cmocka_unit_test(test_change_with_a_wrong_pin_costs_one_try),
        cmocka_unit_test(test_change_of_a_blocked_pin_sends_nothing),
        cmocka_unit_test(test_values_of_a_wrong_form_are_not_sent),
        cmocka_unit_test(test_a_card_lost_before_the_command_leaves_no_doubt),
        cmocka_unit_test(test_puk_is_changed_too),
        cmocka_unit_test(test_unblock_takes_one_command),
        cmocka_unit_test(test_wrong_puk_costs_one_of_its_tries),
        cmocka_unit_test(test_blocked_puk_is_told),
        cmocka_unit_test(test_global_pin_is_changed_but_not_unblocked),
        cmocka_unit_test(test_plain_card_says_what_its_chuid_holds),
        cmocka_unit_test(test_description_takes_six_apdus_and_no_pin),
        cmocka_unit_test(test_card_without_a_chuid_says_less),
        cmocka_unit_test(test_answers_that_lie_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
