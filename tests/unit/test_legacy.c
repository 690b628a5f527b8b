/*
 * Key ids of libp11's engine as URIs. What each means is in eng_parse.c of
 * libp11 0.4.12.
 */
#include "engine/legacy.h"

#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "card/uri.h"

static void check(const char *id, const char *expected)
{
    char uri[CARD_URI_MAX];

    assert_true(legacy_to_uri(id, uri, sizeof(uri)));
    assert_string_equal(uri, expected);
}

static void test_legacy_each_form_is_its_uri(void **state)
{
    (void)state;
    check("", "pkcs11:");
    check("01", "pkcs11:id=%01");
    check("45aBff", "pkcs11:id=E%AB%FF");
    check("id_45", "pkcs11:id=E");
    check("id_", "pkcs11:");
    check("label_key", "pkcs11:object=key");
    check("label_", "pkcs11:object=");
    check("3:", "pkcs11:slot-id=3");
    check("3:0102", "pkcs11:slot-id=3;id=%01%02");
    check("slot_0", "pkcs11:slot-id=0");
    check("slot_12-id_01", "pkcs11:slot-id=12;id=%01");
    check("slot_12-id_", "pkcs11:slot-id=12");
    check("slot_12-label_a b", "pkcs11:slot-id=12;object=a%20b");
}

/* Digits alone are an id, never a slot; a single digit is a byte. */
static void test_legacy_odd_digit_is_a_byte(void **state)
{
    (void)state;
    check("1", "pkcs11:id=%01");
    check("123", "pkcs11:id=%12%03");
    check("0:1", "pkcs11:slot-id=0;id=%01");
}

static void test_legacy_label_is_encoded_and_parses_back(void **state)
{
    static const char label[] = "a;b?c&d=e%00f/g:\xC3\xA9-._~";
    char id[64], uri[CARD_URI_MAX];
    struct card_uri parsed;

    (void)state;
    snprintf(id, sizeof(id), "label_%s", label);
    assert_true(legacy_to_uri(id, uri, sizeof(uri)));
    assert_int_equal(card_uri_parse(uri, &parsed), 0);
    assert_string_equal(parsed.object, label);
    assert_null(parsed.token);
    card_uri_clear(&parsed);
}

static void test_legacy_slot_and_id_parse_back(void **state)
{
    static const uint8_t id[] = {0x01, 0xAB};
    char uri[CARD_URI_MAX];
    struct card_uri parsed;

    (void)state;
    assert_true(legacy_to_uri("slot_7-id_01ab", uri, sizeof(uri)));
    assert_int_equal(card_uri_parse(uri, &parsed), 0);
    assert_true(parsed.has_slot_id);
    assert_int_equal(parsed.slot_id, 7);
    assert_int_equal(parsed.id.len, sizeof(id));
    assert_memory_equal(parsed.id.data, id, sizeof(id));
    card_uri_clear(&parsed);
}

static void test_legacy_what_is_no_id_is_left_alone(void **state)
{
    static const char *const others[] = {
        "pkcs11:object=key", "card:usage=auth", "/etc/key.pem", "key",
        "id_0g", "slot_", "slot_x", "slot_1x", "slot_1-", "slot_1-key",
        "slot_-1", "1:0g", ":01", "-1:01", "Label_key", " 1"};
    char uri[CARD_URI_MAX];

    (void)state;
    for (size_t i = 0; i < nitems(others); i++)
        if (legacy_to_uri(others[i], uri, sizeof(uri)))
            fail_msg("%s became %s", others[i], uri);
}

static void test_legacy_too_long_is_refused(void **state)
{
    char id[CARD_URI_MAX + 1], uri[CARD_URI_MAX];

    (void)state;
    memset(id, 'f', sizeof(id));
    id[200] = '\0'; /* 100 bytes */
    assert_true(legacy_to_uri(id, uri, sizeof(uri)));
    id[200] = 'f';
    id[201] = '\0';
    assert_false(legacy_to_uri(id, uri, sizeof(uri)));
    memset(id, 'x', sizeof(id));
    memcpy(id, "label_", 6);
    id[sizeof(id) - 1] = '\0';
    assert_false(legacy_to_uri(id, uri, sizeof(uri)));
    for (size_t cap = 0; cap <= sizeof("pkcs11:slot-id=1;id=%01") - 1; cap++)
        assert_false(legacy_to_uri("1:01", uri, cap));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_legacy_each_form_is_its_uri),
        cmocka_unit_test(test_legacy_odd_digit_is_a_byte),
        cmocka_unit_test(test_legacy_label_is_encoded_and_parses_back),
        cmocka_unit_test(test_legacy_slot_and_id_parse_back),
        cmocka_unit_test(test_legacy_what_is_no_id_is_left_alone),
        cmocka_unit_test(test_legacy_too_long_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
