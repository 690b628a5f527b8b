/*
 * PUKs, and PINs that are not where all others are: what cards leave out of
 * their directories, and which of it must not be asked or presented.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "card/driver/driver_admin.h"
#include "card/driver/iso15_use.h"
#include "card/wire/apdu.h"
#include "tests/unit/admin_world.h"

static size_t puk_of(const struct admin_world *a)
{
    size_t puk;

    assert_true(card_puk_of_pin(a->card, a->pin, &puk));
    return puk;
}

/*
 * A CPS3's PUK is used up after so many uses, whatever tries are left: its
 * object tells, which is asked each time.
 */
static void test_used_up_puk_of_a_cps3_is_blocked(void **state)
{
    struct admin_world a;

    (void)state;
    admin_open(&a, "cps3", NULL, NULL);
    world_set(&a.w, "puk-uses", "0");
    assert_int_equal(card_read(a.card, CARD_READ_PINS), 0);
    assert_int_equal(sim_world_count_ins(a.w.sim, INS_GET_DATA_ODD), 1);
    assert_int_equal(card_pin_at(a.card, puk_of(&a))->tries_left, 0);
    assert_int_equal(admin_unblock(&a, a.pin, "12345678", "5678"),
                     CARD_E_PIN_LOCKED);
    assert_int_equal(a.result.outcome, CARD_NOT_DONE);
    assert_int_equal(admin_sent(&a), 0);
    admin_close(&a);
}

/* Its number is not known: VERIFY would ask for the PIN's. */
static void test_gemsafe_puk_is_presented_for_unblocking_alone(void **state)
{
    static const char *const families[] = {"gemsafe", "gemsafe-v3", "gemp15"};
    struct admin_world a;
    size_t puk;

    (void)state;
    for (size_t i = 0; i < nitems(families); i++) {
        admin_open(&a, families[i], NULL, NULL);
        puk = admin_pin(&a, "PIN Admin (PUK)");
        assert_int_equal(puk, puk_of(&a));
        assert_int_equal(admin_verify(&a, puk, "654321"), CARD_E_UNSUPPORTED);
        assert_int_equal(admin_change(&a, puk, "654321", "123456"),
                         CARD_E_UNSUPPORTED);
        assert_int_equal(a.result.outcome, CARD_NOT_DONE);
        assert_int_equal(admin_unblock(&a, a.pin, "65432", "123456"),
                         CARD_E_PIN_FORMAT);
        assert_int_equal(world_transmits(&a.w), 0);
        admin_close(&a);
    }
}

/* A CPS3 with these PINs in its directory. */
static void open_with_pins(struct admin_world *a, const char *aodf)
{
    uint8_t space[256];
    struct buf content = BUF_ON(space);
    struct cps3_options options = {.override_count = 1};

    assert_int_equal(bytes_from_hex(aodf, &content), 0);
    options.overrides[0] = (struct cps3_override){"3F0000017001",
                                                  buf_view(&content)};
    world_open(&a->w, options);
    assert_int_equal(card_open_all(a->w.ctx, "Sim 0", 0,
                                   CARD_READ_OBJECTS | CARD_READ_PINS,
                                   &a->set), 0);
    a->card = a->set.cards[0];
    assert_true(card_main_pin(a->card, &a->pin));
    sim_world_reset_counts(a->w.sim);
}

#define PIN_WITH_FLAGS(flags)                                                  \
    "3026 3005 0C03 50494E 3003 040101 A118 3016" flags                        \
    "0A0101 020104 020108 020104 800101 0401FF"
#define PUK_RECORD                                                             \
    "3023 3005 0C03 50554B 3003 040104 A115 3013 03020102"                     \
    "0A0101 020108 020108 020108 800102"

static void test_what_the_directory_forbids_is_not_tried(void **state)
{
    struct admin_world a;

    (void)state;
    /* initialized, needs-padding; change-disabled; unblock-disabled */
    open_with_pins(&a, PIN_WITH_FLAGS("0302022C") PUK_RECORD);
    assert_int_equal(admin_change(&a, a.pin, "1234", "5678"),
                     CARD_E_UNSUPPORTED);
    assert_int_equal(world_transmits(&a.w), 0);
    assert_int_equal(admin_unblock(&a, a.pin, "12345678", "5678"), 0);
    admin_close(&a);
    open_with_pins(&a, PIN_WITH_FLAGS("0302021C") PUK_RECORD);
    assert_int_equal(admin_unblock(&a, a.pin, "12345678", "5678"),
                     CARD_E_UNSUPPORTED);
    assert_int_equal(world_transmits(&a.w), 0);
    assert_int_equal(admin_change(&a, a.pin, "1234", "5678"), 0);
    admin_close(&a);
}

static void test_card_without_a_puk_says_so(void **state)
{
    struct admin_world a;
    size_t puk;

    (void)state;
    open_with_pins(&a, PIN_WITH_FLAGS("0302020C"));
    assert_false(card_puk_of_pin(a.card, a.pin, &puk));
    assert_int_equal(admin_unblock(&a, a.pin, "12345678", "5678"),
                     CARD_E_UNSUPPORTED);
    assert_int_equal(a.result.outcome, CARD_NOT_DONE);
    assert_int_equal(world_transmits(&a.w), 0);
    admin_close(&a);
}

/* The last file or DF that was selected before a command with that INS. */
static struct bytes selected_before(struct admin_world *a, uint8_t ins)
{
    struct bytes path = bytes_from(NULL, 0), c;

    for (size_t i = 0; i < sim_world_logged(a->w.sim); i++) {
        c = sim_world_command(a->w.sim, i);
        if (c.data[1] == ins)
            return path;
        if (c.data[1] == INS_SELECT && c.len > 5 &&
            c.len >= (size_t)c.data[4] + 5)
            path = bytes_from(c.data + 5, c.data[4]);
    }
    fail_msg("INS %02X was not sent", ins);
    return path;
}

/* 3F00/5015/5016 */
static void test_pin_of_a_df_is_set_in_that_df(void **state)
{
    static const char *const settings[] = {"local=yes", NULL};
    static const uint8_t df[] = {0x50, 0x15, 0x50, 0x16};
    struct admin_world a;

    (void)state;
    admin_open(&a, "iso15", settings, NULL);
    assert_int_equal(admin_change(&a, a.pin, "123456", "567890"), 0);
    assert_true(bytes_equal(selected_before(&a, INS_CHANGE_REFERENCE_DATA),
                            BYTES_OF(df)));
    sim_world_reset_counts(a.w.sim);
    assert_int_equal(admin_unblock(&a, a.pin, "12345678", "123456"), 0);
    assert_true(bytes_equal(selected_before(&a, INS_RESET_RETRY_COUNTER),
                            BYTES_OF(df)));
    admin_close(&a);
}

/*
 * IsoApplet's blocks have 16 bytes whatever the directory says; and it has a
 * PUK, of 16 characters.
 */
static void test_applets_pins_are_completed(void **state)
{
    struct iso15 iso = {.card = iso15_card_with_applet(0)};
    struct token t = {.driver = &driver_iso15, .priv = &iso, .pin_count = 1};
    const struct card_pin_info *pin = &t.pins[0], *puk = &t.pins[1];

    (void)state;
    t.pins[0] = (struct card_pin_info){.type = CARD_PIN_ASCII_NUMERIC,
                                       .min_len = 4, .max_len = 16, .ref = 1,
                                       .protected_by = {{7}, 1}};
    assert_int_equal(admin_iso15.add_pins(&t), 0);
    assert_int_equal(t.pin_count, 2);
    assert_int_equal(pin->stored_len, 16);
    assert_true(pin->needs_padding);
    assert_int_equal(pin->min_len, 4);
    assert_true(puk->unblocking);
    assert_int_equal(puk->ref, 2);
    assert_int_equal(puk->min_len, 16);
    assert_int_equal(puk->max_len, 16);
    assert_int_equal(puk->tries_max, 5);
    assert_int_equal(puk->auth_id.data[0], 7);
    /* never more than there is room for, nor a second one */
    t.pin_count = CARD_MAX_PINS;
    assert_int_equal(admin_iso15.add_pins(&t), 0);
    assert_int_equal(t.pin_count, CARD_MAX_PINS);
    t.pins[1].unblocking = false;
    assert_int_equal(admin_iso15.add_pins(&t), 0);
    assert_int_equal(t.pin_count, CARD_MAX_PINS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_used_up_puk_of_a_cps3_is_blocked),
        cmocka_unit_test(test_gemsafe_puk_is_presented_for_unblocking_alone),
        cmocka_unit_test(test_what_the_directory_forbids_is_not_tried),
        cmocka_unit_test(test_card_without_a_puk_says_so),
        cmocka_unit_test(test_pin_of_a_df_is_set_in_that_df),
        cmocka_unit_test(test_applets_pins_are_completed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
