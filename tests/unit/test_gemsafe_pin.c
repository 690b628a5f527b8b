/*
 * GemSafe cards, simulated: what PINs, other programs and hostile cards come
 * to.
 */
#include "tests/unit/gemsafe_world.h"

#include <stdio.h>
#include <string.h>

#include "card/wire/apdu.h"

/* ---- PINs ---------------------------------------------------------------- */

static int sign_with(struct card_world *w, const char *text)
{
    world_restart(w);
    return use_uri(w, text, "rgs.pem", world_sign_and_check);
}

/* Nothing tells the tries: one is spent ever, until a person enters the PIN. */
static void test_pin_when_stored_is_wrong_then_one_try_ever(void **state)
{
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < P15_FAMILY; i++) {
        world_open_family(&w, families[i], SETTINGS("empty-verify=costs"));
        assert_int_equal(sign_with(&w, "card:" WRONG), CARD_E_PIN_WRONG);
        for (int j = 0; j < 5; j++)
            assert_int_equal(sign_with(&w, "card:" WRONG),
                             CARD_E_PIN_REFUSED);
        assert_int_equal(sign_with(&w, "card:" PIN), CARD_E_PIN_REFUSED);
        assert_int_equal(sign_with(&w, "card:" PIN "&pin-rule=not-last"),
                         CARD_E_PIN_REFUSED);
        assert_int_equal(world_pin_tries(&w), 2);
        world_person(&w, "123456", NULL);
        must(use_uri(&w, "card:", "rgs.pem", world_sign_and_check), "person");
        assert_true(w.person.last.silent);
        assert_true(w.person.last.tries_left < 0);
        w.settings.ask_pin = NULL;
        must(sign_with(&w, "card:" PIN), "stored again");
        assert_int_equal(world_pin_tries(&w), 3);
        world_close(&w);
    }
}

/* Which APDU from the start is the VERIFY. */
static unsigned place_of_verify(struct card_world *w)
{
    unsigned n = 0;
    struct bytes command;

    sim_world_reset_counts(w->sim);
    must(sign_with(w, "card:" PIN), "right");
    do
        command = sim_world_command(w->sim, n++);
    while (command.len > 1 && command.data[1] != INS_VERIFY);
    return n;
}

/* An answer that is lost may have cost a try: it is let pass once. */
static void test_pin_when_answers_are_lost_then_two_tries_ever(void **state)
{
    struct card_world w;
    unsigned nth;

    (void)state;
    world_open_family(&w, "gemsafe", NULL);
    nth = place_of_verify(&w);
    for (int i = 0; i < 5; i++) {
        sim_world_tear(w.sim, nth, SIM_TEAR_AFTER);
        assert_int_not_equal(sign_with(&w, "card:" WRONG), 0);
        sim_world_tear(w.sim, 0, SIM_TEAR_NONE);
    }
    assert_int_equal(world_pin_tries(&w), 1);
    world_person(&w, "123456", "123456");
    must(use_uri(&w, "card:", "rgs.pem", world_sign_and_check), "person");
    w.settings.ask_pin = NULL;
    must(sign_with(&w, "card:" PIN), "stored again");
    world_close(&w);
}

/* Whoever typed a wrong one hears what the card said then. */
static void test_pin_when_typed_wrong_then_number_is_told(void **state)
{
    struct card_world w;
    struct card_key *key;

    (void)state;
    world_open_family(&w, "gemsafe", NULL);
    world_person(&w, "000000", "123456");
    key = world_key(&w, "card:");
    assert_int_equal(world_sign_and_check(key, "rgs.pem"), CARD_E_PIN_WRONG);
    assert_true(w.person.last.tries_left < 0);
    must(world_sign_and_check(key, "rgs.pem"), "second");
    assert_int_equal(w.person.last.tries_left, 2);
    assert_int_equal(world_pin_tries(&w), 3);
    card_key_free(key);
    world_close(&w);
}

static void test_pin_when_it_cannot_be_right_then_nothing_is_sent(void **state)
{
    static const char *const pins[] = {"1234", "12345a", "12345678901234567"};
    struct card_world w;
    char text[64];

    (void)state;
    world_open_family(&w, "gemsafe", NULL);
    for (size_t i = 0; i < nitems(pins); i++) {
        snprintf(text, sizeof(text), "card:?pin-value=%s", pins[i]);
        assert_int_equal(sign_with(&w, text), CARD_E_PIN_FORMAT);
    }
    assert_int_equal(sim_world_count_ins(w.sim, INS_VERIFY), 0);
    must(sign_with(&w, "card:" PIN), "the right one");
    world_close(&w);
}

static void test_pin_when_locked_then_said(void **state)
{
    struct card_world w;

    (void)state;
    world_open_family(&w, "gemsafe", NULL);
    w.card->ops->set_tries(w.card, 0);
    assert_int_equal(sign_with(&w, "card:" PIN), CARD_E_PIN_LOCKED);
    w.card->ops->set_tries(w.card, 3);
    must(sign_with(&w, "card:" PIN), "unlocked");
    world_close(&w);
}

/* A card that hides behind a reset gets no PIN. */
static void test_pin_when_another_card_then_not_presented(void **state)
{
    static const char *const cplc[] = {"cplc=yes", "cplc=no"};
    struct card_world w;
    struct card_key *key;

    (void)state;
    for (size_t i = 0; i < nitems(cplc); i++) {
        world_open_family(&w, "gemsafe", SETTINGS(cplc[i]));
        key = world_key(&w, "card:" PIN);
        must(world_sign_and_check(key, "rgs.pem"), cplc[i]);
        world_set(&w, "serial", "1111111111111111");
        world_set(&w, "certs", "auth+rgs");
        sim_world_reset_counts(w.sim);
        sim_world_intrude(w.sim, 1, SIM_OTHER_RESET);
        assert_int_equal(world_sign_and_check(key, "rgs.pem"),
                         CARD_E_OTHER_CARD);
        assert_int_equal(sim_world_count_ins(w.sim, INS_VERIFY), 0);
        card_key_free(key);
        world_close(&w);
    }
}

static void test_sign_when_others_used_the_card_then_again(void **state)
{
    const enum sim_intrusion what[] = {SIM_OTHER_RESET, SIM_OTHER_APPLICATION,
                                       SIM_OTHER_FILE};
    struct card_world w;
    struct card_key *key;

    (void)state;
    for (size_t i = 0; i < FAMILIES; i++) {
        world_open_family(&w, families[i], NULL);
        key = world_key(&w, gemsafe_uri("", families[i]));
        for (size_t j = 0; j < nitems(what); j++) {
            must(world_sign_and_check(key, "rgs.pem"), families[i]);
            sim_world_intrude(w.sim, 1, what[j]);
            must(world_sign_and_check(key, "rgs.pem"), families[i]);
        }
        assert_int_equal(world_pin_tries(&w), 3);
        card_key_free(key);
        world_close(&w);
    }
}

/* Whatever the card says of a cryptogram, nobody else hears it. */
static void test_decrypt_when_refused_in_any_words_then_as_if_good(
    void **state)
{
    static const enum sim_fault words[] = {SIM_FAULT_6F00, SIM_FAULT_6A82,
                                           SIM_FAULT_6983};
    static const struct card_unpad pkcs1 = {.padding = CARD_UNPAD_PKCS1};
    const uint8_t cryptogram[128] = {0x11};
    uint8_t space[128];
    struct buf plain = BUF_ON(space);
    struct card_world w;
    struct card_key *key;
    unsigned cost;

    (void)state;
    world_open_family(&w, "gemsafe", SETTINGS("certs=rsa1024"));
    key = world_key(&w, "card:" PIN);
    must(card_decrypt(key, &pkcs1, BYTES_OF(cryptogram), &plain), "first");
    sim_world_reset_counts(w.sim);
    must(card_decrypt(key, &pkcs1, BYTES_OF(cryptogram), &plain), "second");
    cost = world_transmits(&w);
    for (size_t i = 0; i < nitems(words); i++) {
        sim_world_reset_counts(w.sim);
        sim_world_fault(w.sim, cost, words[i], false);
        must(card_decrypt(key, &pkcs1, BYTES_OF(cryptogram), &plain),
             "refused");
        assert_int_equal(world_transmits(&w), cost);
    }
    card_key_free(key);
    world_close(&w);
}

/* ---- hostile cards ------------------------------------------------------- */

static void test_object_when_damaged_then_error_or_what_is_left(void **state)
{
    static const struct {
        const char *setting, *issuers;
    } rows[] = {
        {"object=over", ""},  {"object=lying", ""}, {"object=table", ""},
        {"object=empty", ""}, {"object=none", ""},  {"object=cut", "c"},
        {"object=long", "ac"},
    };
    struct card_world w;
    char issuers[8];

    (void)state;
    for (size_t v = 0; v < 2; v++)
        for (size_t i = 0; i < nitems(rows); i++) {
            world_open_family(&w, families[v], SETTINGS(rows[i].setting));
            list_issuers(&w, "card:", issuers);
            assert_string_equal(issuers, rows[i].issuers);
            assert_true(world_transmits(&w) < 200);
            world_close(&w);
        }
}

static void test_card_when_answers_lie_then_no_try_is_lost(void **state)
{
    static const char *const damages[] = {"endless", "6c", "lengths"};
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < FAMILIES; i++)
        for (size_t j = 0; j < nitems(damages); j++) {
            world_open_family(&w, families[i], NULL);
            world_set(&w, "damage", damages[j]);
            use_uri(&w, gemsafe_uri("", families[i]), "rgs.pem",
                    world_sign_and_check);
            assert_int_equal(world_pin_tries(&w), 3);
            assert_true(world_transmits(&w) < 1100);
            world_close(&w);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pin_when_stored_is_wrong_then_one_try_ever),
        TEST(test_pin_when_answers_are_lost_then_two_tries_ever),
        TEST(test_pin_when_typed_wrong_then_number_is_told),
        TEST(test_pin_when_it_cannot_be_right_then_nothing_is_sent),
        TEST(test_pin_when_locked_then_said),
        TEST(test_pin_when_another_card_then_not_presented),
        TEST(test_sign_when_others_used_the_card_then_again),
        TEST(test_decrypt_when_refused_in_any_words_then_as_if_good),
        TEST(test_object_when_damaged_then_error_or_what_is_left),
        TEST(test_card_when_answers_lie_then_no_try_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
