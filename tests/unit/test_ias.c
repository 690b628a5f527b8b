/*
 * IAS ECC cards of all makers, simulated: what is found, what keys do, what it
 * costs with a cache and without, what PINs and hostile cards come to. What all
 * of the card layer does with a CPS3 is in test_card.c.
 */
#define _DEFAULT_SOURCE /* mkdtemp */
#include "tests/unit/card_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "card/wire/apdu.h"
#include "tests/unit/test.h"

#define PIN "?pin-value=1234"
#define AUTH "card:usage=auth" PIN
#define SIGN "card:usage=sign" PIN
#define DECRYPT "card:usage=decrypt" PIN

/*
 *   first  APDUs of a program's first signature at most, next of each other:
 *          one less at T=1
 */
static const struct maker {
    const char *name;
    const char *serial;
    const char *title;
    unsigned first, next;
} makers[] = {
    {"cps3", "99002752", "CPS3 99002752", 31, 3},
    {"gemalto", "99002752", "MultiApp ID IAS ECC 99002752", 36, 3},
    {"oberthur", "99002752", "ID-One Cosmo IAS ECC 99002752", 40, 2},
    {"sagem", "99002752", "ypsID S3 IAS ECC 99002752", 40, 3},
    {"mi", "99002752", "MI IAS ECC 99002752", 37, 2},
    {"orange", "99002752", "IAS ECC 99002752", 38, 2},
};

static void open_maker(struct card_world *w, const char *name)
{
    world_open(w, (struct cps3_options){.maker = name});
}

static void use_once(struct card_world *w, const char *uri, const char *pem,
                     bool decrypt)
{
    struct card_key *key = world_key(w, uri);
    int rc = decrypt ? world_decrypt_and_check(key, pem, false)
                     : world_sign_and_check(key, pem);

    if (rc < 0)
        fail_msg("%s: %s", uri, card_error_sentence());
    card_key_free(key);
}

static void use_all(struct card_world *w)
{
    use_once(w, AUTH, "auth.pem", false);
    use_once(w, SIGN, "sign.pem", false);
    use_once(w, DECRYPT, "auth.pem", true);
    assert_int_equal(world_pin_tries(w), 3);
}

/* ---- makers -------------------------------------------------------------- */

static void test_cards_of_all_makers_serve(void **state)
{
    char uri[80];

    (void)state;
    for (size_t i = 0; i < nitems(makers); i++) {
        struct card_world w;

        open_maker(&w, makers[i].name);
        snprintf(uri, sizeof(uri), "card:driver=ias;serial=%s;usage=auth" PIN,
                 makers[i].serial);
        use_once(&w, uri, "auth.pem", false);
        use_all(&w);
        world_close(&w);
    }
}

static void test_costs_stay_as_they_are(void **state)
{
    (void)state;
    for (size_t i = 0; i < nitems(makers); i++) {
        struct card_world w;
        struct card_key *key;

        open_maker(&w, makers[i].name);
        key = world_key(&w, AUTH);
        assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
        assert_in_range(world_transmits(&w), 1, makers[i].first);
        sim_world_reset_counts(w.sim);
        assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
        assert_int_equal(world_transmits(&w), makers[i].next);
        card_key_free(key);
        world_close(&w);
    }
}

static void note_title(struct person *self, void *title)
{
    snprintf(title, CARD_LABEL_MAX, "%s", self->last.token);
}

/* The person who is asked sees which card it is. */
static void test_title_names_the_maker(void **state)
{
    (void)state;
    for (size_t i = 0; i < nitems(makers); i++) {
        char title[CARD_LABEL_MAX] = "";
        struct card_world w;

        open_maker(&w, makers[i].name);
        world_person(&w, "1234", NULL);
        w.person.meanwhile = note_title;
        w.person.meanwhile_arg = title;
        use_once(&w, "card:usage=auth", "auth.pem", false);
        assert_int_equal(w.person.asked, 1);
        assert_string_equal(title, makers[i].title);
        world_close(&w);
    }
}

static void test_cards_without_sdo_serve_by_verify(void **state)
{
    (void)state;
    for (size_t i = 0; i < nitems(makers); i++) {
        struct card_world w;

        world_open(&w, (struct cps3_options){.maker = makers[i].name,
                                             .no_sdo = true});
        use_all(&w);
        world_close(&w);
    }
}

static void test_wrong_pin_costs_one_try_at_each_maker(void **state)
{
    (void)state;
    for (size_t i = 0; i < nitems(makers); i++) {
        uint8_t space[CARD_MAX_SIGNATURE];
        struct buf sig = BUF_ON(space);
        struct card_world w;

        open_maker(&w, makers[i].name);
        for (int restart = 0; restart < 3; restart++) {
            struct card_key *key =
                world_key(&w, "card:usage=auth?pin-value=9999");

            assert_int_equal(world_sign(key, "x", true, &sig),
                             restart == 0 ? CARD_E_PIN_WRONG
                                          : CARD_E_PIN_REFUSED);
            card_key_free(key);
            world_restart(&w);
        }
        assert_int_equal(world_pin_tries(&w), 2);
        world_close(&w);
    }
}

static void test_other_programs_are_survived(void **state)
{
    static const enum sim_intrusion kinds[] = {
        SIM_OTHER_RESET, SIM_OTHER_APPLICATION, SIM_OTHER_FILE};

    (void)state;
    for (size_t i = 0; i < nitems(makers); i++)
        for (size_t k = 0; k < nitems(kinds); k++) {
            struct card_world w;
            struct card_key *key;

            open_maker(&w, makers[i].name);
            assert_true(sim_world_other(w.sim, 0, kinds[k]));
            key = world_key(&w, AUTH);
            assert_true(sim_world_other(w.sim, 0, kinds[k]));
            assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
            assert_true(sim_world_other(w.sim, 0, kinds[k]));
            assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
            assert_int_equal(world_pin_tries(&w), 3);
            card_key_free(key);
            world_close(&w);
        }
}

/* A key of another card's, and a bit that fell over. */
static void test_wrong_signature_never_leaves(void **state)
{
    static const enum cps3_wrong wrongs[] = {CPS3_SIGN_FLIP_BIT,
                                             CPS3_SIGN_OTHER_KEY};

    (void)state;
    for (size_t i = 0; i < nitems(wrongs); i++) {
        uint8_t space[CARD_MAX_SIGNATURE];
        struct buf sig = BUF_ON(space);
        struct card_world w;
        struct card_key *key;

        open_maker(&w, "gemalto");
        cps3_settings(w.card)->wrong = wrongs[i];
        key = world_key(&w, AUTH);
        assert_int_equal(world_sign(key, "x", true, &sig), CARD_E_SELF_CHECK);
        assert_int_equal(sig.len, 0);
        card_key_free(key);
        world_close(&w);
    }
}

/* ---- contactless --------------------------------------------------------- */

static unsigned count_kind(struct card_world *w, unsigned kind)
{
    struct card_search *search;
    struct card_object found;
    struct card_uri uri;
    unsigned count = 0;

    assert_int_equal(card_uri_parse("card:", &uri), 0);
    assert_int_equal(card_search_new(w->ctx, &uri, kind, &search), 0);
    for (; card_search_next(search, &found) == 0; count++)
        card_key_free(found.key);
    card_search_free(search);
    return count;
}

/* No PIN is there to be asked for: the technical key has none. */
static void test_contactless_cps3_has_its_technical_key_alone(void **state)
{
    struct card_world w;
    struct card_key *key;

    (void)state;
    open_maker(&w, "contactless");
    assert_int_equal(count_kind(&w, CARD_KIND_CERT), 1);
    assert_int_equal(count_kind(&w, CARD_KIND_PRIVATE), 1);
    key = world_key(&w, "card:driver=ias;object=CPS_PRIV_TECH_AUT");
    assert_int_equal(card_key_info(key)->uses & CARD_USE_SIGN, 0);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    assert_int_equal(sim_world_count_ins(w.sim, INS_VERIFY), 0);
    card_key_free(key);
    world_close(&w);
}

/* ---- cache --------------------------------------------------------------- */

static void open_cached(struct card_world *w, struct cps3_options options,
                        const char *folder)
{
    world_open(w, options);
    w->settings.cache = folder;
    world_restart(w);
}

static void remove_folder(const char *folder)
{
    char command[256];

    snprintf(command, sizeof(command), "rm -r -- '%s'", folder);
    assert_int_equal(system(command), 0);
}

static unsigned first_signature(struct card_world *w)
{
    sim_world_reset_counts(w->sim);
    world_restart(w);
    use_once(w, AUTH, "auth.pem", false);
    return world_transmits(w);
}

/*
 * The same while another program keeps the card powered, and has left it in
 * the application.
 */
static unsigned signature_beside_another_program(struct card_world *w)
{
    struct card_context *other = w->ctx;
    struct card_key *key = world_key(w, AUTH);
    unsigned transmits;

    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    w->ctx = NULL;
    transmits = first_signature(w);
    card_key_free(key);
    card_context_free(other);
    return transmits;
}

static void test_cached_first_signature_costs_10(void **state)
{
    (void)state;
    for (int updated = 0; updated <= 1; updated++) {
        char folder[] = "/tmp/test_ias.XXXXXX";
        struct card_world w;

        assert_non_null(mkdtemp(folder));
        open_cached(&w, (struct cps3_options){.actualisation = updated != 0},
                    folder);
        assert_in_range(first_signature(&w), 11, updated ? 33 : 32);
        assert_in_range(first_signature(&w), 1, 10);
        assert_in_range(signature_beside_another_program(&w), 1, 10);
        assert_true(sim_world_other(w.sim, 0, SIM_OTHER_RESET));
        assert_in_range(first_signature(&w), 1, 10);
        world_close(&w);
        remove_folder(folder);
    }
}

/* Another program left the card in its application: one SELECT more. */
static void test_cached_signature_after_another_program(void **state)
{
    char folder[] = "/tmp/test_ias.XXXXXX";
    struct card_world w;

    (void)state;
    assert_non_null(mkdtemp(folder));
    open_cached(&w, (struct cps3_options){.maker = NULL}, folder);
    first_signature(&w);
    assert_true(sim_world_other(w.sim, 0, SIM_OTHER_RESET));
    assert_int_equal(world_find(&w, "card:type=cert", CARD_KIND_CERT,
                                &(struct card_object){.cert = {NULL, 0}}), 0);
    assert_true(sim_world_other(w.sim, 0, SIM_OTHER_FILE));
    use_once(&w, AUTH, "auth.pem", false);
    assert_int_equal(world_pin_tries(&w), 3);
    world_close(&w);
    remove_folder(folder);
}

static void test_update_of_the_card_empties_the_cache(void **state)
{
    char folder[] = "/tmp/test_ias.XXXXXX";
    struct card_world w;

    (void)state;
    assert_non_null(mkdtemp(folder));
    open_cached(&w, (struct cps3_options){.actualisation = false}, folder);
    first_signature(&w);
    world_close(&w);
    open_cached(&w, (struct cps3_options){.actualisation = true}, folder);
    assert_in_range(first_signature(&w), 20, 40);
    assert_true(sim_world_other(w.sim, 0, SIM_OTHER_RESET));
    assert_in_range(first_signature(&w), 1, 10);
    world_close(&w);
    remove_folder(folder);
}

/* lastUpdate of TokenInfo is their mark. */
static void test_other_makers_are_cached_too(void **state)
{
    (void)state;
    for (size_t i = 1; i < nitems(makers); i++) {
        char folder[] = "/tmp/test_ias.XXXXXX";
        struct card_world w;
        unsigned whole;

        assert_non_null(mkdtemp(folder));
        open_cached(&w, (struct cps3_options){.maker = makers[i].name},
                    folder);
        whole = first_signature(&w);
        assert_true(sim_world_other(w.sim, 0, SIM_OTHER_RESET));
        assert_in_range(first_signature(&w), 1, whole - 10);
        world_close(&w);
        remove_folder(folder);
    }
}

/* ---- hostile cards ------------------------------------------------------- */

/* Whatever EF.ATR and EF.DIR hold, known applications are tried. */
static void test_malformed_files_of_the_mf_stop_nothing(void **state)
{
    static const uint8_t zeros[64];
    static const uint8_t lying[] = {0x61, 0x84, 0xFF, 0xFF, 0xFF,
                                               0xFF, 0x4F, 0x7F};
    static const uint8_t other[] = {0x61, 0x09, 0x4F, 0x07, 0xA0, 0x00,
                                    0x00, 0x00, 0x18, 0x30, 0x03};
    static const char *const paths[] = {"3F002F00", "3F002F01"};
    const struct bytes contents[] = {BYTES_OF(zeros), BYTES_OF(lying),
                                     BYTES_OF(other), bytes_from(NULL, 0)};

    (void)state;
    for (size_t p = 0; p < nitems(paths); p++)
        for (size_t i = 0; i < nitems(contents); i++) {
            struct cps3_options o = {.maker = "gemalto", .override_count = 1};
            struct card_world w;

            o.overrides[0] = (struct cps3_override){paths[p], contents[i]};
            world_open(&w, o);
            use_once(&w, AUTH, "auth.pem", false);
            world_close(&w);
        }
}

/* The ATR alone does not make a card ours. */
static void test_card_without_a_number_is_left_to_others(void **state)
{
    static const uint8_t nothing[] = {0x5A, 0x00};
    struct cps3_options o = {.maker = "gemalto", .override_count = 1};
    struct card_object found;
    struct card_world w;

    (void)state;
    o.overrides[0] = (struct cps3_override){"3F00D003", BYTES_OF(nothing)};
    world_open(&w, o);
    assert_int_equal(world_find(&w, "card:driver=ias", CARD_KIND_PRIVATE,
                                &found), CARD_E_NOT_MINE);
    world_close(&w);
}

static void test_endless_answers_end_in_an_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < nitems(makers); i++) {
        struct card_object found = {.key = NULL};
        struct card_world w;

        open_maker(&w, makers[i].name);
        cps3_settings(w.card)->endless = true;
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
        cmocka_unit_test(test_cards_of_all_makers_serve),
        cmocka_unit_test(test_costs_stay_as_they_are),
        cmocka_unit_test(test_title_names_the_maker),
        cmocka_unit_test(test_cards_without_sdo_serve_by_verify),
        cmocka_unit_test(test_wrong_pin_costs_one_try_at_each_maker),
        cmocka_unit_test(test_other_programs_are_survived),
        cmocka_unit_test(test_wrong_signature_never_leaves),
        cmocka_unit_test(test_contactless_cps3_has_its_technical_key_alone),
        cmocka_unit_test(test_cached_first_signature_costs_10),
        cmocka_unit_test(test_cached_signature_after_another_program),
        cmocka_unit_test(test_update_of_the_card_empties_the_cache),
        cmocka_unit_test(test_other_makers_are_cached_too),
        cmocka_unit_test(test_malformed_files_of_the_mf_stop_nothing),
        cmocka_unit_test(test_card_without_a_number_is_left_to_others),
        cmocka_unit_test(test_endless_answers_end_in_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
