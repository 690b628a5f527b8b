/*
 * PINs for their holder, as the families take them: each value goes out once,
 * nothing at all where it should not, and the card keeps no PIN verified. What
 * happens when cards are pulled meanwhile is in test_admin_sweep.c.
 */
#define _XOPEN_SOURCE 700 /* mkdtemp, nftw, setenv */
#include "tests/unit/test.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/admin.h"
#include "card/wire/apdu.h"
#include "tests/unit/card_world.h"

/*
 * What is sent: VERIFY with a value, CHANGE REFERENCE DATA and RESET RETRY
 * COUNTER; the last two with their P1.
 */
struct sent {
    size_t verify, change, reset;
    int change_p1, reset_p1; /* of the last one; -1: none */
};

static const struct pin_case {
    const char *family, *setting;
    const char *old, *new, *puk, *wrong_puk;
    struct sent change, unblock;
    int puk_tries; /* CARD_TRIES_UNKNOWN: not told before a wrong one */
    bool silent;   /* nor are the PIN's */
    bool reinsert;
} cases[] = {
    {"cps3", "actualisation=no", "1234", "5678", "12345678", "87654321",
     {0, 1, 0, 0x00, -1}, {1, 0, 1, -1, 0x02}, 10, false, true},
    {"cps3", "no-sdo=yes", "1234", "5678", "12345678", "87654321",
     {0, 1, 0, 0x00, -1}, {0, 0, 1, -1, 0x00}, 10, false, true},
    {"ias", "maker=gemalto", "1234", "5678", "12345678", "87654321",
     {0, 1, 0, 0x00, -1}, {1, 0, 1, -1, 0x02}, 10, false, false},
    {"ias", "maker=oberthur", "1234", "5678", "12345678", "87654321",
     {0, 1, 0, 0x00, -1}, {0, 0, 1, -1, 0x00}, 10, false, false},
    {"ias", "maker=mi", "1234", "5678", "12345678", "87654321",
     {0, 1, 0, 0x00, -1}, {1, 0, 1, -1, 0x02}, 10, false, false},
    {"ias", "maker=orange", "1234", "5678", "12345678", "87654321",
     {0, 1, 0, 0x00, -1}, {1, 0, 1, -1, 0x02}, 10, false, false},
    {"cps4", "t1=yes", "1234", "5678", "12345678", "87654321",
     {1, 1, 0, 0x01, -1}, {1, 1, 1, 0x01, 0x03}, 3, false, false},
    {"cps4", "t1=no", "1234", "5678", "12345678", "87654321",
     {1, 1, 0, 0x01, -1}, {1, 1, 1, 0x01, 0x03}, 3, false, false},
    {"iso15", "kind=plain", "123456", "567890", "12345678", "87654321",
     {0, 1, 0, 0x00, -1}, {0, 0, 1, -1, 0x00}, CARD_TRIES_UNKNOWN, false,
     false},
    {"iso15", "local=yes", "123456", "567890", "12345678", "87654321",
     {0, 1, 0, 0x00, -1}, {0, 0, 1, -1, 0x00}, CARD_TRIES_UNKNOWN, false,
     false},
    {"iso15", "pin-format=bcd", "123456", "567890", "12345678", "87654321",
     {0, 1, 0, 0x00, -1}, {0, 0, 1, -1, 0x00}, CARD_TRIES_UNKNOWN, false,
     false},
    {"iso15", "kind=isoapplet", "123456", "567890", "1234567890123456",
     "6543210987654321", {0, 1, 0, 0x00, -1}, {0, 0, 1, -1, 0x00},
     CARD_TRIES_UNKNOWN, false, false},
    {"gemsafe", "ascii=no", "123456", "567890", "654321", "111111",
     {0, 1, 0, 0x00, -1}, {0, 0, 1, -1, 0x00}, CARD_TRIES_UNKNOWN, true,
     false},
    {"gemsafe-v3", "cplc=yes", "123456", "567890", "654321", "111111",
     {0, 1, 0, 0x00, -1}, {0, 0, 1, -1, 0x00}, CARD_TRIES_UNKNOWN, true,
     false},
    {"gemp15", "swap=yes", "1234", "5678", "12345678", "87654321",
     {0, 1, 0, 0x00, -1}, {0, 0, 1, -1, 0x00}, CARD_TRIES_UNKNOWN, true,
     false},
};

struct holder {
    const struct pin_case *with;
    struct card_world w;
    struct card_set set;
    struct card *card;
    size_t pin, puk;
    struct card_try how;
    struct card_pin_result result;
};

static void read_pins(struct holder *h)
{
    if (card_read(h->card, CARD_READ_PINS) < 0)
        fail_msg("%s", card_error_sentence());
}

static void start(struct holder *h, const struct pin_case *with)
{
    const char *const settings[] = {with->setting, NULL};

    memset(h, 0, sizeof(*h));
    h->with = with;
    h->how.told = -1;
    world_open_family(&h->w, with->family, settings);
    if (card_open_all(h->w.ctx, "Sim 0", 0,
                      CARD_READ_OBJECTS | CARD_READ_PINS, &h->set) < 0)
        fail_msg("%s", card_error_sentence());
    h->card = h->set.cards[0];
    assert_true(card_main_pin(h->card, &h->pin));
    assert_true(card_puk_of_pin(h->card, h->pin, &h->puk));
    sim_world_reset_counts(h->w.sim);
}

static void stop(struct holder *h)
{
    card_set_free(&h->set);
    world_close(&h->w);
}

static struct applet_tries tries(struct holder *h)
{
    struct applet_tries left;

    h->w.card->ops->tries(h->w.card, &left);
    return left;
}

static int verify(struct holder *h, const char *pin)
{
    return card_verify_pin(h->card, h->pin, bytes_of_string(pin), &h->how,
                           false, &h->result);
}

static int change(struct holder *h, const char *old, const char *new)
{
    return card_change_pin(h->card, h->pin, bytes_of_string(old),
                           bytes_of_string(new), &h->how, false, &h->result);
}

static int unblock(struct holder *h, const char *puk, const char *new)
{
    return card_unblock_pin(h->card, h->pin, bytes_of_string(puk),
                            bytes_of_string(new), &h->how, &h->result);
}

static void expect(int rc, int expected)
{
    if (rc != expected)
        fail_msg("%d, not %d: %s", rc, expected, card_error_sentence());
}

static struct sent count_sent(struct holder *h)
{
    struct sent s = {0, 0, 0, -1, -1};

    for (size_t i = 0; i < sim_world_logged(h->w.sim); i++) {
        struct bytes c = sim_world_command(h->w.sim, i);

        s.verify += c.data[1] == INS_VERIFY && c.len > 5;
        if (c.data[1] == INS_CHANGE_REFERENCE_DATA) {
            s.change++;
            s.change_p1 = c.data[2];
        }
        if (c.data[1] == INS_RESET_RETRY_COUNTER) {
            s.reset++;
            s.reset_p1 = c.data[2];
        }
    }
    sim_world_reset_counts(h->w.sim);
    return s;
}

static void assert_sent(struct holder *h, const struct sent *expected)
{
    struct sent s = count_sent(h);

    if (memcmp(&s, expected, sizeof(s)) != 0)
        fail_msg("%s %s: %zu VERIFY, %zu CHANGE (P1 %d), %zu RESET (P1 %d)",
                 h->with->family, h->with->setting, s.verify, s.change,
                 s.change_p1, s.reset, s.reset_p1);
}

static const struct sent nothing = {0, 0, 0, -1, -1};

static void assert_nobody_is_logged_in(struct holder *h)
{
    read_pins(h);
    assert_false(card_pin_at(h->card, h->pin)->verified);
    assert_false(card_pin_at(h->card, h->puk)->verified);
    sim_world_reset_counts(h->w.sim);
}

/* ---- all is well --------------------------------------------------------- */

static void change_once(struct holder *h)
{
    expect(change(h, h->with->old, h->with->new), 0);
    assert_int_equal(h->result.outcome, CARD_DONE);
    assert_false(h->result.reinsert);
    assert_sent(h, &h->with->change);
    assert_nobody_is_logged_in(h);
    expect(verify(h, h->with->new), 0);
    assert_nobody_is_logged_in(h);
    expect(verify(h, h->with->old), CARD_E_PIN_WRONG);
    assert_int_equal(tries(h).pin, 2);
}

static void unblock_once(struct holder *h)
{
    world_set(&h->w, "tries", "0");
    expect(unblock(h, h->with->puk, h->with->new), 0);
    assert_int_equal(h->result.outcome, CARD_DONE);
    assert_int_equal(h->result.reinsert, h->with->reinsert);
    assert_sent(h, &h->with->unblock);
    assert_true(tries(h).pin > 0);
    assert_nobody_is_logged_in(h);
    expect(verify(h, h->with->new), 0);
    assert_nobody_is_logged_in(h);
}

/* ---- what the person got wrong ------------------------------------------- */

static void change_with_a_wrong_pin(struct holder *h)
{
    const struct sent one = {h->with->change.verify,
                             h->with->change.verify == 0,
                             0, h->with->change.verify == 0 ? 0 : -1, -1};

    expect(change(h, h->with->new, h->with->new), CARD_E_PIN_WRONG);
    assert_int_equal(h->result.outcome, CARD_NOT_DONE);
    assert_int_equal(h->result.tries_left, 2);
    assert_int_equal(tries(h).pin, 2);
    assert_sent(h, &one);
    assert_nobody_is_logged_in(h);
    expect(verify(h, h->with->old), 0);
}

static void unblock_with_a_wrong_puk(struct holder *h)
{
    const struct sent one = {h->with->unblock.verify, 0,
                             h->with->unblock.verify == 0, -1,
                             h->with->unblock.verify == 0 ? 0 : -1};
    unsigned before = tries(h).puk;

    world_set(&h->w, "tries", "0");
    expect(unblock(h, h->with->wrong_puk, h->with->new), CARD_E_PIN_WRONG);
    assert_int_equal(h->result.outcome, CARD_NOT_DONE);
    assert_false(h->result.reinsert);
    assert_int_equal(h->result.tries_left, before - 1);
    assert_int_equal(tries(h).puk, before - 1);
    assert_int_equal(tries(h).pin, 0);
    assert_sent(h, &one);
    expect(unblock(h, h->with->puk, h->with->new), 0);
}

static void values_of_the_wrong_form(struct holder *h)
{
    const char *old = h->with->old, *new = h->with->new;
    static const char *const bad[] = {"", "123", "12345x", "12345678901234567"};

    for (size_t i = 0; i < nitems(bad); i++) {
        expect(change(h, bad[i], new), CARD_E_PIN_FORMAT);
        assert_int_equal(h->result.outcome, CARD_NOT_DONE);
        assert_int_equal(h->result.tries_left, CARD_TRIES_UNKNOWN);
        expect(change(h, old, bad[i]), CARD_E_PIN_FORMAT);
        expect(unblock(h, h->with->puk, bad[i]), CARD_E_PIN_FORMAT);
        expect(unblock(h, bad[i], new), CARD_E_PIN_FORMAT);
        expect(verify(h, bad[i]), CARD_E_PIN_FORMAT);
    }
    assert_sent(h, &nothing);
    assert_int_equal(tries(h).pin, 3);
}

/* ---- what the person did not know ---------------------------------------- */

/* Of a card that tells nothing it says so itself, and it costs nothing. */
static void change_of_a_blocked_pin(struct holder *h)
{
    world_set(&h->w, "tries", "0");
    expect(change(h, h->with->old, h->with->new), CARD_E_PIN_LOCKED);
    assert_int_equal(h->result.outcome, CARD_NOT_DONE);
    assert_int_equal(h->result.tries_left, 0);
    if (!h->with->silent)
        assert_sent(h, &nothing);
}

static void last_try_is_kept(struct holder *h)
{
    if (h->with->silent)
        return;
    h->w.card->ops->set_tries(h->w.card, 1);
    expect(change(h, h->with->new, h->with->new), CARD_E_PIN_REFUSED);
    expect(verify(h, h->with->new), CARD_E_PIN_REFUSED);
    assert_int_equal(h->result.outcome, CARD_NOT_DONE);
    assert_int_equal(h->result.tries_left, 1);
    assert_sent(h, &nothing);
    h->how.last_try = true;
    expect(change(h, h->with->new, h->with->new), CARD_E_PIN_LOCKED);
    assert_int_equal(h->result.tries_left, 0);
    assert_int_equal(tries(h).pin, 0);
}

static void last_try_of_the_puk_is_kept(struct holder *h)
{
    if (h->with->puk_tries < 0)
        return;
    world_set(&h->w, "puk-tries", "1");
    expect(unblock(h, h->with->wrong_puk, h->with->new), CARD_E_PIN_REFUSED);
    assert_sent(h, &nothing);
    assert_int_equal(tries(h).puk, 1);
    h->how.last_try = true;
    expect(unblock(h, h->with->puk, h->with->new), 0);
    world_set(&h->w, "puk-tries", "0");
    expect(unblock(h, h->with->puk, h->with->new), CARD_E_PIN_LOCKED);
}

/* Another program took one between question and answer. */
static void fewer_tries_than_told(struct holder *h)
{
    if (h->with->silent)
        return;
    h->how.told = 3;
    h->w.card->ops->set_tries(h->w.card, 2);
    expect(change(h, h->with->old, h->with->new), CARD_E_PIN_REFUSED);
    expect(verify(h, h->with->old), CARD_E_PIN_REFUSED);
    h->how.told = h->with->puk_tries + 1;
    if (h->with->puk_tries >= 0)
        expect(unblock(h, h->with->puk, h->with->new), CARD_E_PIN_REFUSED);
    assert_sent(h, &nothing);
    h->how.told = 2;
    expect(verify(h, h->with->old), 0);
}

/* ---- in all families ----------------------------------------------------- */

static void in_all(void (*run)(struct holder *h))
{
    struct holder h;

    for (size_t i = 0; i < nitems(cases); i++) {
        print_message("%s %s\n", cases[i].family, cases[i].setting);
        start(&h, &cases[i]);
        run(&h);
        stop(&h);
    }
}

static void test_change_sets_the_pin_once(void **state)
{
    (void)state;
    in_all(change_once);
}

static void test_unblock_sets_the_pin_once(void **state)
{
    (void)state;
    in_all(unblock_once);
}

static void test_wrong_old_pin_costs_one_try(void **state)
{
    (void)state;
    in_all(change_with_a_wrong_pin);
}

static void test_wrong_puk_costs_one_try(void **state)
{
    (void)state;
    in_all(unblock_with_a_wrong_puk);
}

static void test_wrong_form_sends_nothing(void **state)
{
    (void)state;
    in_all(values_of_the_wrong_form);
}

static void test_blocked_pin_is_not_changed(void **state)
{
    (void)state;
    in_all(change_of_a_blocked_pin);
}

static void test_last_try_is_kept_unless_meant(void **state)
{
    (void)state;
    in_all(last_try_is_kept);
}

static void test_last_try_of_a_puk_is_kept_unless_meant(void **state)
{
    (void)state;
    in_all(last_try_of_the_puk_is_kept);
}

static void test_fewer_tries_than_told_send_nothing(void **state)
{
    (void)state;
    in_all(fewer_tries_than_told);
}

/* ---- PUKs ---------------------------------------------------------------- */

static void test_puk_state_is_told_at_no_cost(void **state)
{
    const struct card_pin_info *puk;
    struct holder h;

    (void)state;
    for (size_t i = 0; i < nitems(cases); i++) {
        start(&h, &cases[i]);
        read_pins(&h);
        puk = card_pin_at(h.card, h.puk);
        assert_true(puk->unblocking);
        assert_int_equal(puk->tries_left, cases[i].puk_tries);
        assert_true(puk->label[0] != '\0');
        if (cases[i].silent)
            assert_int_equal(world_transmits(&h.w), 0);
        stop(&h);
    }
}

/* To read twice adds nothing twice. */
static void test_puk_is_added_once(void **state)
{
    struct holder h;
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < nitems(cases); i++, count = 0) {
        start(&h, &cases[i]);
        read_pins(&h);
        while (card_pin_at(h.card, count) != NULL)
            count++;
        assert_int_equal(count, 2);
        stop(&h);
    }
}

static void test_pin_that_is_none_is_refused(void **state)
{
    struct holder h;

    (void)state;
    start(&h, &cases[0]);
    h.pin = 1000;
    expect(verify(&h, "1234"), CARD_E_ARGUMENT);
    expect(change(&h, "1234", "5678"), CARD_E_ARGUMENT);
    expect(unblock(&h, "12345678", "5678"), CARD_E_ARGUMENT);
    assert_int_equal(h.result.outcome, CARD_NOT_DONE);
    assert_sent(&h, &nothing);
    stop(&h);
}

/* What is configured for a service must not cost the next one. */
static void test_wrong_old_pin_of_a_silent_card_stops_stored_ones(void **state)
{
    const struct pin_case *gemsafe = &cases[nitems(cases) - 3];
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_key *key;
    struct holder h;

    (void)state;
    start(&h, gemsafe);
    expect(change(&h, h.with->new, h.with->new), CARD_E_PIN_WRONG);
    h.w.settings.pin = secret_new(bytes_of_string(h.with->old));
    card_set_free(&h.set);
    world_restart(&h.w);
    key = world_key(&h.w, "card:");
    expect(world_sign(key, "x", false, &sig), CARD_E_PIN_REFUSED);
    card_key_free(key);
    assert_int_equal(tries(&h).pin, 2);
    secret_free(h.w.settings.pin);
    stop(&h);
}

static int remove_one(const char *path, const struct stat *s, int type,
                      struct FTW *at)
{
    (void)s;
    (void)type;
    (void)at;
    return remove(path);
}

int main(void)
{
    char folder[] = "/tmp/tessera-admin-XXXXXX";
    int status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_change_sets_the_pin_once),
        cmocka_unit_test(test_unblock_sets_the_pin_once),
        cmocka_unit_test(test_wrong_old_pin_costs_one_try),
        cmocka_unit_test(test_wrong_puk_costs_one_try),
        cmocka_unit_test(test_wrong_form_sends_nothing),
        cmocka_unit_test(test_blocked_pin_is_not_changed),
        cmocka_unit_test(test_last_try_is_kept_unless_meant),
        cmocka_unit_test(test_last_try_of_a_puk_is_kept_unless_meant),
        cmocka_unit_test(test_fewer_tries_than_told_send_nothing),
        cmocka_unit_test(test_puk_state_is_told_at_no_cost),
        cmocka_unit_test(test_puk_is_added_once),
        cmocka_unit_test(test_pin_that_is_none_is_refused),
        cmocka_unit_test(
            test_wrong_old_pin_of_a_silent_card_stops_stored_ones),
    };

    if (mkdtemp(folder) == NULL || setenv("XDG_STATE_HOME", folder, 1) != 0)
        return EXIT_FAILURE; /* PIN marks */
    status = cmocka_run_group_tests(tests, NULL, NULL);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return status;
}
