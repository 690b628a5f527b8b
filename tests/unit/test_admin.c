/*
 * What the tool shows of a card: all that is on it, by index, with URIs that
 * find it again; what it says of itself; and that none of this costs a try.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/admin.h"
#include "card/wire/apdu.h"
#include "tests/unit/card_world.h"

enum { READ_ALL = CARD_READ_OBJECTS | CARD_READ_PINS | CARD_READ_LABEL };

enum { MAX_FIELDS = 64, FIELD_TEXT = 600 };

/* What a card said. */
struct told {
    struct {
        char name[96], value[FIELD_TEXT], source[160];
        bool personal;
    } field[MAX_FIELDS];
    size_t count;
    size_t refuse_at; /* the field whose put fails; 0: none */
};

static int note(void *arg, const struct card_field *field)
{
    struct told *told = arg;

    assert_true(told->count < MAX_FIELDS);
    snprintf(told->field[told->count].name, 96, "%s", field->name);
    snprintf(told->field[told->count].value, FIELD_TEXT, "%s", field->value);
    snprintf(told->field[told->count].source, 160, "%s", field->source);
    told->field[told->count++].personal = field->personal;
    return told->count == told->refuse_at ? CARD_E_CANCELLED : 0;
}

static void assert_told(const struct told *told, const char *name,
                        const char *value, const char *source, bool personal)
{
    for (size_t i = 0; i < told->count; i++) {
        if (strcmp(told->field[i].name, name) != 0)
            continue;
        assert_string_equal(told->field[i].value, value);
        assert_string_equal(told->field[i].source, source);
        assert_int_equal(told->field[i].personal, personal);
        return;
    }
    fail_msg("nothing is told of %s", name);
}

static void assert_not_told(const struct told *told, const char *name)
{
    for (size_t i = 0; i < told->count; i++)
        if (strcmp(told->field[i].name, name) == 0)
            fail_msg("%s is told: %s", name, told->field[i].value);
}

static void open_all(struct card_world *w, unsigned what, struct card_set *set)
{
    if (card_open_all(w->ctx, "Sim 0", 0, what, set) < 0)
        fail_msg("%s", card_error_sentence());
    assert_true(set->count > 0);
}

static void describe(struct card *c, struct told *told)
{
    memset(told, 0, sizeof(*told));
    if (card_describe(c, note, told) < 0)
        fail_msg("%s", card_error_sentence());
}

/* ---- inventory ----------------------------------------------------------- */

/* What a program gets that takes the first. */
static void find_first(struct card_world *w, const char *text, unsigned kind,
                       struct card_search **search, struct card_object *out)
{
    struct card_uri uri;

    assert_int_equal(card_uri_parse(text, &uri), 0);
    assert_int_equal(card_search_new(w->ctx, &uri, kind, search), 0);
    card_uri_clear(&uri);
    if (card_search_next(*search, out) < 0)
        fail_msg("%s: %s", text, card_error_sentence());
}

static void uri_of(const struct card *c, enum card_kind kind, size_t i,
                   char *out, size_t cap)
{
    struct buf b = {(uint8_t *)out, 0, cap - 1};

    assert_int_equal(card_object_uri(c, kind, i, &b), 0);
    out[b.len] = '\0';
}

static void check_key(struct card_world *w, const struct card *c, size_t i)
{
    const struct card_key_info *key = card_key_at(c, i), *again;
    struct card_search *search;
    struct card_object found;
    char uri[512];

    uri_of(c, CARD_KIND_PRIVATE, i, uri, sizeof(uri));
    find_first(w, uri, CARD_KIND_PRIVATE, &search, &found);
    again = card_key_info(found.key);
    assert_string_equal(again->label, key->label);
    assert_memory_equal(&again->id, &key->id, sizeof(key->id));
    assert_int_equal(again->ref, key->ref);
    card_key_free(found.key);
    card_search_free(search);
}

static void check_cert(struct card_world *w, const struct card *c, size_t i)
{
    struct card_search *search;
    struct card_object found;
    struct bytes der;
    char uri[512];

    assert_non_null(card_cert_at(c, i, &der));
    assert_true(der.len > 0);
    uri_of(c, CARD_KIND_CERT, i, uri, sizeof(uri));
    find_first(w, uri, CARD_KIND_CERT, &search, &found);
    assert_true(bytes_equal(found.cert, der));
    card_search_free(search);
}

static void check_card(struct card_world *w, struct card *c)
{
    struct card_identity id;
    size_t keys = 0, certs = 0, index;
    struct bytes der;

    card_identify(c, &id);
    print_message("  %s\n", id.title);
    assert_string_equal(id.reader, "Sim 0");
    for (; card_key_at(c, keys) != NULL; keys++) {
        check_key(w, c, keys);
        if (card_cert_of_key(c, keys, &index))
            assert_true(index < CARD_MAX_CERTS);
        assert_int_equal(card_pin_of_key(c, keys, &index),
                         card_key_at(c, keys)->auth_id.len > 0);
    }
    for (; card_cert_at(c, certs, &der) != NULL; certs++)
        check_cert(w, c, certs);
    assert_true(keys > 0 && certs > 0);
    assert_true(card_main_pin(c, &index));
    assert_false(card_pin_at(c, index)->unblocking);
    assert_non_null(card_pin_at(c, index));
    assert_null(card_pin_at(c, CARD_MAX_PINS));
}

static const char *const families[] = {
    "cps3", "cps4", "ias", "iso15", "gemsafe", "gemsafe-v3", "gemp15", "piv",
    "openpgp", "yubikey"};

static void test_objects_of_every_family_are_found_by_their_uri(void **state)
{
    struct card_set set;
    struct card_world w;

    (void)state;
    for (size_t i = 0; i < nitems(families); i++) {
        print_message("%s\n", families[i]);
        world_open_family(&w, families[i], NULL);
        open_all(&w, READ_ALL, &set);
        for (size_t j = 0; j < set.count; j++)
            check_card(&w, set.cards[j]);
        card_set_free(&set);
        world_close(&w);
    }
}

/* ---- what reading sends -------------------------------------------------- */

/*
 * Nothing that changes a counter, or anything else (threat T28): the last are
 * OpenPGP's SELECT DATA, and what a YubiKey tells of itself.
 */
static bool only_reads(struct bytes command)
{
    static const uint8_t allowed[] = {
        INS_SELECT, INS_READ_BINARY, INS_READ_RECORD, INS_GET_DATA,
        INS_GET_DATA_ODD, INS_GET_RESPONSE, INS_VERIFY, 0xA5,
        0xF7, 0xF8, 0xFD};

    if (command.len < 4)
        return false;
    if (command.data[1] == INS_VERIFY &&
        !(command.len == 4 || (command.len == 5 && command.data[4] == 0)))
        return false;
    return memchr(allowed, command.data[1], sizeof(allowed)) != NULL;
}

static void show(struct card_world *w, struct told *told)
{
    struct card_set set;

    sim_world_reset_counts(w->sim);
    open_all(w, READ_ALL, &set);
    for (size_t i = 0; i < set.count; i++)
        describe(set.cards[i], told);
    card_set_free(&set);
}

static void test_showing_a_card_sends_nothing_but_reads(void **state)
{
    struct card_world w;
    struct told told;

    (void)state;
    for (size_t i = 0; i < nitems(families); i++) {
        world_open_family(&w, families[i], NULL);
        show(&w, &told);
        for (size_t j = 0; j < sim_world_logged(w.sim); j++)
            if (!only_reads(sim_world_command(w.sim, j)))
                fail_msg("%s: command %zu has INS %02X", families[i], j,
                         sim_world_command(w.sim, j).data[1]);
        print_message("%s: %u\n", families[i], world_transmits(&w));
        if (strncmp(families[i], "ge", 2) == 0)
            assert_int_equal(sim_world_count_ins(w.sim, INS_VERIFY), 0);
        world_close(&w);
    }
}

static void test_showing_a_cps3_takes_at_most_60_apdus(void **state)
{
    static const char *const settings[] = {"actualisation=yes", NULL};
    struct card_world w;
    struct told told;

    (void)state;
    world_open_family(&w, "cps3", settings);
    show(&w, &told);
    print_message("%u\n", world_transmits(&w));
    assert_in_range(world_transmits(&w), 1, 60);
    world_close(&w);
}

/* ---- what cards say ------------------------------------------------------ */

static void test_cps3_tells_what_the_audit_screen_shows(void **state)
{
    static const char *const settings[] = {"actualisation=yes", NULL};
    static const char info[] = "TokenInfo (5032)", sn[] = "EF.SN (D003)";
    struct card_identity id;
    struct card_world w;
    struct card_set set;
    struct told told;

    (void)state;
    world_open_family(&w, "cps3", settings);
    open_all(&w, READ_ALL, &set);
    describe(set.cards[0], &told);
    assert_told(&told, "serial", "99002752", sn, false);
    assert_told(&told, "issuer-id", "8025000001", sn, false);
    assert_told(&told, "model", "CPS3v3", info, false);
    assert_told(&told, "logical-id", "2300081197", info, false);
    assert_told(&told, "manufacturer", "ASIP SANTE", info, false);
    assert_told(&told, "label", "CPS3v3-2300081197", info, false);
    assert_told(&told, "token-version", "0", info, false);
    assert_told(&told, "last-update", "2010-03-16 11:00:00 UTC", info, false);
    assert_told(&told, "algorithms", "CKM_SHA_1, CKM_SHA256, "
                "CKM_SHA1_RSA_PKCS, CKM_SHA256_RSA_PKCS, CKM_RSA_PKCS", info,
                false);
    assert_told(&told, "update-start", "2020-01-01 00:00:00", "EF D010",
                false);
    assert_told(&told, "update-end", "2020-01-01 00:05:00", "EF D010", false);
    assert_told(&told, "interface", "contact", "ATR", false);
    assert_told(&told, "application", "E828BD080F8025000001FF0010 CPX IAS",
                "EF.DIR (2F00)", false);
    assert_told(&told, "D107.E0.81", "80", "EF D107", true);
    assert_told(&told, "D107.E0.82", "CPS", "EF D107", true);
    assert_told(&told, "D107.E0.83", "20090401", "EF D107", true);
    assert_told(&told, "D107.E1.84", "010203", "EF D107", true);
    card_identify(set.cards[0], &id);
    assert_string_equal(id.title, "CPS3 99002752");
    assert_string_equal(id.protocol, "T=0");
    card_set_free(&set);
    world_close(&w);
}

/* The digit that real software made for a card of another number. */
static void test_cps3_check_digit_is_shown(void **state)
{
    static const char *const settings[] = {"serial=99213845", NULL};
    struct card_world w;
    struct told told;

    (void)state;
    world_open_family(&w, "cps3", settings);
    show(&w, &told);
    assert_told(&told, "serial", "99213845", "EF.SN (D003)", false);
    assert_told(&told, "serial-check", "0", "EF.SN (D003)", false);
    assert_not_told(&told, "update-start");
    world_close(&w);
}

static void test_other_families_tell_what_they_can(void **state)
{
    static const struct {
        const char *family, *setting, *name, *value, *source;
    } rows[] = {
        {"cps4", "t1=yes", "model", "CPS4v1", "TokenInfo (5032)"},
        {"cps4", "t1=yes", "serial", "99002754", "EF.SN (D003)"},
        {"cps4", "t1=yes", "application",
         "E828BD080F8025000001FF0010 CPX IAS", "EF.DIR (2F00)"},
        {"cps3", "maker=contactless", "interface", "contactless", "ATR"},
        {"ias", "maker=gemalto", "model", "MultiApp ID IAS ECC", "ATR"},
        {"ias", "maker=sagem", "serial", "99002752", "EF.SN (D003)"},
        {"iso15", "kind=plain", "manufacturer", "TEST maker",
         "TokenInfo (5032)"},
        {"iso15", "kind=plain", "application",
         "A000000063504B43532D3135 TEST card", "EF.DIR (2F00)"},
        {"iso15", "kind=isoapplet", "model", "IsoApplet", "SELECT"},
        {"gemsafe", "ascii=no", "model", "GemSafe V1", "SELECT"},
        {"gemsafe", "cplc=yes", "serial", "4710500112340042", "CPLC (9F7F)"},
        {"gemp15", "swap=yes", "label", "GemP15-1", "TokenInfo (5031)"},
    };
    struct card_world w;
    struct told told;

    (void)state;
    for (size_t i = 0; i < nitems(rows); i++) {
        const char *const settings[] = {rows[i].setting, NULL};

        world_open_family(&w, rows[i].family, settings);
        show(&w, &told);
        assert_told(&told, rows[i].name, rows[i].value, rows[i].source, false);
        world_close(&w);
    }
}

static void test_error_of_put_ends_the_description(void **state)
{
    struct told told = {.refuse_at = 3};
    struct card_world w;
    struct card_set set;

    (void)state;
    world_open_family(&w, "cps3", NULL);
    open_all(&w, READ_ALL, &set);
    assert_int_equal(card_describe(set.cards[0], note, &told),
                     CARD_E_CANCELLED);
    assert_int_equal(told.count, 3);
    card_set_free(&set);
    world_close(&w);
}

/* A CPS3 with these bytes in a file of its application. */
static void show_with(const char *path, struct bytes content,
                      struct told *told)
{
    struct cps3_options options = {
        .overrides = {{path, content}}, .override_count = 1};
    struct card_world w;

    world_open(&w, options);
    show(&w, told);
    world_close(&w);
}

static void show_hex(const char *path, const char *hex, struct told *told)
{
    uint8_t space[1024];
    struct buf content = BUF_ON(space);

    assert_int_equal(bytes_from_hex(hex, &content), 0);
    show_with(path, buf_view(&content), told);
}

static void test_raw_data_is_shown_as_it_stands(void **state)
{
    static const char path[] = "3F000001D107", source[] = "EF D107";
    uint8_t long_one[100];
    char cut[132];
    struct told told;

    (void)state;
    /* an object that says it is longer than the file */
    show_hex(path, "8402414285054142", &told);
    assert_told(&told, "D107", "8402414285054142", source, true);
    assert_not_told(&told, "D107.84");
    /* the same inside another, and 64 bytes at most */
    memset(long_one, 0xA5, sizeof(long_one));
    memcpy(long_one, "\xE0\x62\x84\x61", 4);
    show_with(path, BYTES_OF(long_one), &told);
    bytes_to_hex(bytes_from(long_one, 64), cut, sizeof(cut));
    memcpy(cut + 128, "...", 4);
    assert_told(&told, "D107", cut, source, true);
    /* padding, and nothing at all */
    show_hex(path, "8401410000", &told);
    assert_told(&told, "D107.84", "A", source, true);
    show_hex(path, "FFFFFFFF", &told);
    assert_not_told(&told, "D107");
    /* what is no text: an escape sequence, Latin-1 */
    show_hex(path, "84031B5B4A85024FE9 5F2D026672", &told);
    assert_told(&told, "D107.84", "1B5B4A", source, true);
    assert_told(&told, "D107.85", "4FE9", source, true);
    assert_told(&told, "D107.5F2D", "fr", source, true);
    /* ten levels: the eighth is as it is */
    show_hex(path, "E012E010E00EE00CE00AE008E006E004E002810 0", &told);
    assert_told(&told, "D107.E0.E0.E0.E0.E0.E0.E0.E0", "E0028100", source,
                true);
}

static void test_label_that_is_no_cps_label_gives_no_identifier(void **state)
{
    struct told told;

    (void)state;
    /* 30 { 02 00, 80 label, 03 flags, A5 lastUpdate }: 9 digits; a malformed
     * time; and control characters */
    show_hex("3F0000015032",
             "3026 020100 8010 435053337633 2D 323330303038313139 0306C0 "
             "A50D 180B 323031302D30332D31360A",
             &told);
    assert_told(&told, "model", "CPS3", "ATR", false);
    assert_not_told(&told, "logical-id");
    assert_told(&told, "label", "CPS3v3-230008119", "TokenInfo (5032)", false);
    show_hex("3F0000015032", "3008020100 80031B5B4A", &told);
    assert_told(&told, "label", "?[J", "TokenInfo (5032)", false);
    show_hex("3F0000015032", "04020000", &told);
    assert_not_told(&told, "label");
}

/* A DODF names a free object, a private one and D107 itself. */
static void test_data_objects_of_a_dodf_are_shown(void **state)
{
    static const uint8_t odf[] = {
        0xA0, 0x06, 0x30, 0x04, 0x04, 0x02, 0x70, 0x02, 0xA4, 0x06, 0x30,
        0x04, 0x04, 0x02, 0x70, 0x05, 0xA8, 0x06, 0x30, 0x04, 0x04, 0x02,
        0x70, 0x01, 0xA7, 0x06, 0x30, 0x04, 0x04, 0x02, 0x70, 0x06};
    static const char dodf[] =
        "3019 300A 0C04 4E414D45 0302 0640 3003 0C01 43 A106 3004 0402 D103"
        "3018 300A 0C04 50524956 0302 0780 3002 0600 A106 3004 0402 D104"
        "3018 300A 0C04 44415441 0302 0640 3002 0600 A106 3004 0402 D107";
    uint8_t space[256];
    struct buf content = BUF_ON(space);
    static const uint8_t name[] = {0x5F, 0x20, 0x03, 'M', 'M', 'E'};
    struct cps3_options options = {.override_count = 4};
    struct card_world w;
    struct told told;

    (void)state;
    assert_int_equal(bytes_from_hex(dodf, &content), 0);
    options.overrides[0] = (struct cps3_override){"3F0000015031",
                                                  BYTES_OF(odf)};
    options.overrides[1] = (struct cps3_override){"3F0000017006",
                                                  buf_view(&content)};
    options.overrides[2] = (struct cps3_override){"3F000001D103",
                                                  BYTES_OF(name)};
    options.overrides[3] = (struct cps3_override){"3F000001D104",
                                                  BYTES_OF(name)};
    world_open(&w, options);
    show(&w, &told);
    assert_told(&told, "D103.5F20", "MME", "NAME (D103)", true);
    assert_not_told(&told, "D104.5F20");
    assert_told(&told, "D107.E0.82", "CPS", "DATA (D107)", true);
    assert_in_range(world_transmits(&w), 1, 60);
    world_close(&w);
}

/* ---- after the PIN ------------------------------------------------------- */

static void test_activities_are_told_after_the_pin(void **state)
{
    const struct card_try how = {.told = -1};
    struct card_pin_result result;
    struct card_world w;
    struct card_set set;
    struct told told = {.count = 0};
    size_t pin;

    (void)state;
    world_open_family(&w, "cps3", NULL);
    open_all(&w, READ_ALL, &set);
    assert_true(card_main_pin(set.cards[0], &pin));
    assert_int_equal(card_describe_private(set.cards[0], pin,
                                           bytes_of_string("1234"), &how,
                                           false, &result, note, &told), 0);
    assert_int_equal(result.outcome, CARD_DONE);
    assert_told(&told, "activity-1.legal-name", "CABINET DENTAIRE DU PORT",
                "EF D120", true);
    assert_told(&told, "activity-1.structure-id", "10B0307377", "EF D120",
                true);
    assert_told(&told, "activity-1.sector", "SA07", "EF D120", true);
    assert_told(&told, "activity-2.legal-name", "CENTRE DENTAIRE DE LA GARE",
                "EF D121", true);
    assert_int_equal(told.count, 6);
    /* a wrong one shows nothing, and costs one try */
    told.count = 0;
    assert_int_equal(card_describe_private(set.cards[0], pin,
                                           bytes_of_string("9999"), &how,
                                           false, &result, note, &told),
                     CARD_E_PIN_WRONG);
    assert_int_equal(result.tries_left, 2);
    assert_int_equal(told.count, 0);
    card_set_free(&set);
    world_close(&w);
}

static void test_unknown_tags_of_an_activity_are_raw(void **state)
{
    static const uint8_t activity[] = {0xEE, 0x0A, 0x84, 0x02, 0x4F, 0xE9,
                                       0x87, 0x01, 0x07, 0x88, 0x01, 'X'};
    struct cps3_options options = {
        .overrides = {{"3F000001D120", BYTES_OF(activity)}},
        .override_count = 1};
    const struct card_try how = {.told = -1};
    struct card_pin_result result;
    struct card_world w;
    struct card_set set;
    struct told told = {.count = 0};
    size_t pin;

    (void)state;
    world_open(&w, options);
    open_all(&w, READ_ALL, &set);
    assert_true(card_main_pin(set.cards[0], &pin));
    assert_int_equal(card_describe_private(set.cards[0], pin,
                                           bytes_of_string("1234"), &how,
                                           false, &result, note, &told), 0);
    assert_told(&told, "activity-1.legal-name", "O\xC3\xA9", "EF D120", true);
    assert_told(&told, "activity-1.87", "07", "EF D120", true);
    assert_told(&told, "activity-1.88", "X", "EF D120", true);
    card_set_free(&set);
    world_close(&w);
}

/* No PIN is presented for nothing. */
static void test_card_without_activities_takes_no_pin(void **state)
{
    static const char *const others[] = {"ias", "iso15", "gemsafe"};
    const struct card_try how = {.told = -1};
    struct card_pin_result result;
    struct card_world w;
    struct card_set set;
    struct told told = {.count = 0};
    size_t pin;

    (void)state;
    for (size_t i = 0; i < nitems(others); i++) {
        world_open_family(&w, others[i], NULL);
        open_all(&w, READ_ALL, &set);
        assert_true(card_main_pin(set.cards[0], &pin));
        sim_world_reset_counts(w.sim);
        assert_int_equal(card_describe_private(set.cards[0], pin,
                                               bytes_of_string("1234"), &how,
                                               false, &result, note, &told),
                         CARD_E_NOT_FOUND);
        assert_int_equal(result.outcome, CARD_NOT_DONE);
        assert_int_equal(world_transmits(&w), 0);
        card_set_free(&set);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects_of_every_family_are_found_by_their_uri),
        cmocka_unit_test(test_showing_a_card_sends_nothing_but_reads),
        cmocka_unit_test(test_showing_a_cps3_takes_at_most_60_apdus),
        cmocka_unit_test(test_cps3_tells_what_the_audit_screen_shows),
        cmocka_unit_test(test_cps3_check_digit_is_shown),
        cmocka_unit_test(test_other_families_tell_what_they_can),
        cmocka_unit_test(test_error_of_put_ends_the_description),
        cmocka_unit_test(test_raw_data_is_shown_as_it_stands),
        cmocka_unit_test(test_label_that_is_no_cps_label_gives_no_identifier),
        cmocka_unit_test(test_data_objects_of_a_dodf_are_shown),
        cmocka_unit_test(test_activities_are_told_after_the_pin),
        cmocka_unit_test(test_unknown_tags_of_an_activity_are_raw),
        cmocka_unit_test(test_card_without_activities_takes_no_pin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
