/*
 * URIs: what each means, what is refused and by which name, what is shown.
 */
#include "card/uri.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/error.h"
#include "tests/unit/test.h"

static char shown[8192];

static void show(const char *name, const char *value)
{
    size_t used = strlen(shown);

    if (value != NULL)
        snprintf(shown + used, sizeof(shown) - used, "%s{%s}", name, value);
}

static void show_number(const char *name, bool present, unsigned long value)
{
    char digits[32];

    snprintf(digits, sizeof(digits), "%lu", value);
    show(name, present ? digits : NULL);
}

/* Every field that is set, in a fixed order. */
static const char *dump(const struct card_uri *uri)
{
    char hex[2 * CARD_ID_MAX + 1];
    struct bytes pin = secret_view(uri->pin_value);
    char pin_text[CARD_MAX_PIN + 1] = "";

    shown[0] = '\0';
    show("token", uri->token);
    show("manufacturer", uri->manufacturer);
    show("model", uri->model);
    show("serial", uri->serial);
    show("object", uri->object);
    bytes_to_hex(bytes_from(uri->id.data, uri->id.len), hex, sizeof(hex));
    show("id", uri->id.len > 0 ? hex : NULL);
    show_number("type", uri->type != CARD_URI_ANY, uri->type);
    show("slotd", uri->slot_description);
    show("slotm", uri->slot_manufacturer);
    show("libd", uri->library_description);
    show("libm", uri->library_manufacturer);
    show_number("slot", uri->has_slot_id, uri->slot_id);
    show("libv", uri->has_library_version ? "" : NULL);
    show_number("uses", uri->uses != 0, uri->uses);
    show("issuer", uri->issuer);
    show("subject", uri->subject);
    show("reader", uri->reader);
    show("driver", uri->driver);
    show("not-last", uri->pin_not_last ? "" : NULL);
    if (pin.len > 0)
        memcpy(pin_text, pin.data, pin.len);
    show("pin", uri->pin_value != NULL ? pin_text : NULL);
    show("source", uri->pin_source);
    return shown;
}

struct good_row {
    const char *text, *meaning;
};

static const struct good_row good[] = {
    {"card:", ""},
    {"card://", ""},
    {"CARD:", ""},
    {"pkcs11:", ""},
    {"PKCS11:", ""},
    {"store:", ""},
    {"card:?", ""},
    {"card:usage=auth", "uses{1}"},
    {"card://usage=auth", "uses{1}"},
    {"card:usage=sign", "uses{2}"},
    {"card:usage=decrypt", "uses{4}"},
    {"store:usage=auth", "uses{1}"},
    {"store:card:usage=auth", "uses{1}"},
    {"Store:Card:usage=auth", "uses{1}"},
    {"store://card://usage=auth", "uses{1}"},
    {"store:pkcs11:token=a", "token{a}"},
    {"store:pkcs11:", ""},
    {"card:issuer=AC;subject=Dupont;reader=Reader%200;driver=ias",
     "issuer{AC}subject{Dupont}reader{Reader 0}driver{ias}"},
    {"card:pin-rule=not-last", "not-last{}"},
    {"card:?pin-rule=not-last", "not-last{}"},
    /* RFC 7512, section 3 */
    {"pkcs11:object=my-pubkey;type=public", "object{my-pubkey}type{2}"},
    {"pkcs11:object=my-key;type=private?pin-source=file:/etc/token",
     "object{my-key}type{3}source{/etc/token}"},
    {"pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;"
     "manufacturer=Snake%20Oil,%20Inc.;model=1.0;object=my-certificate;"
     "type=cert;id=%69%95%3E%5C%F4%BD%EC%91;serial=?pin-source=file:/etc/t",
     "token{The Software PKCS#11 Softtoken}manufacturer{Snake Oil, Inc.}"
     "model{1.0}serial{}object{my-certificate}id{69953E5CF4BDEC91}type{1}"
     "source{/etc/t}"},
    {"pkcs11:slot-description=Sun%20Metaslot;slot-manufacturer=x;slot-id=327",
     "slotd{Sun Metaslot}slotm{x}slot{327}"},
    {"pkcs11:library-manufacturer=S;library-description=Soft%20Token%20Lib;"
     "library-version=1.23",
     "libd{Soft Token Lib}libm{S}libv{}"},
    {"pkcs11:library-version=3", "libv{}"},
    {"pkcs11:slot-id=0", "slot{0}"},
    {"pkcs11:slot-id=18446744073709551615", "slot{18446744073709551615}"},
    {"pkcs11:type=data", "type{4}"},
    {"pkcs11:type=secret-key", "type{4}"},
    {"pkcs11:token=", "token{}"},
    {"pkcs11:id=%00%ff%Ab", "id{00FFAB}"},
    {"pkcs11:id=", ""},
    {"pkcs11:id=a%20b", "id{612062}"},
    {"pkcs11:object=a=b", "object{a=b}"},
    {"pkcs11:object=\xC3\xA9%C3%A9", "object{\xC3\xA9\xC3\xA9}"},
    {"pkcs11:?pin-value=1234", "pin{1234}"},
    {"pkcs11:object=k;pin-value=1234", "object{k}pin{1234}"},
    {"pkcs11:?pin-value=%26%3B%3D%3F", "pin{&;=?}"},
    {"pkcs11:?pin-value=1?2", "pin{1?2}"},
    {"pkcs11:?pin-value=1234&pin-source=/a", "pin{1234}source{/a}"},
    {"pkcs11:?pin-value=1234;pin-source=/a", "pin{1234}source{/a}"},
    {"card:?pin-source=%2Fetc%2Fpin", "source{/etc/pin}"},
    {"card:?pin-source=file:%2Fetc%2Fpin", "source{/etc/pin}"},
    {"card:?pin-source=file%3A%2Fetc%2Fpin", "source{/etc/pin}"},
    {"card:?pin-source=FILE:///etc/pin", "source{/etc/pin}"},
    {"card:?pin-source=file://localhost/etc/pin", "source{/etc/pin}"},
    {"card:?pin-source=/etc/pin%20file", "source{/etc/pin file}"},
    {"card:usage=auth?pin-source=/a", "uses{1}source{/a}"}};

static void test_parse_when_sound_then_its_meaning(void **state)
{
    (void)state;
    for (size_t i = 0; i < nitems(good); i++) {
        struct card_uri uri;

        if (card_uri_parse(good[i].text, &uri) != 0)
            fail_msg("%s: %s", good[i].text, card_error_sentence());
        assert_string_equal(dump(&uri), good[i].meaning);
        card_uri_clear(&uri);
        assert_string_equal(dump(&uri), "");
    }
}

struct bad_row {
    const char *text, *named;
};

static const struct bad_row bad[] = {
    {"", "not pkcs11:"},
    {"car:usage=auth", "not pkcs11:"},
    {"card", "not pkcs11:"},
    {"cards:", "not pkcs11:"},
    {" card:", "not pkcs11:"},
    {"file:/etc/pin", "not pkcs11:"},
    {"store:store:usage=auth", "number 1"},
    {"store:file:/etc/pin", "number 1"},
    {"card:pkcs11:token=a", "number 1"},
    {"card:colour=SECRET", "colour"},
    {"card:token=a;x-vendor=SECRET", "x-vendor"},
    {"card:Token=SECRET", "number 1"},
    {"card:USAGE=auth", "number 1"},
    {"card:usage=AUTH", "usage"},
    {"card:usage=", "usage"},
    {"card:usage=auth,sign", "usage"},
    {"card:usage=SECRET", "usage"},
    {"card:usage=auth;usage=sign", "usage: given twice"},
    {"card:token=;token=", "token: given twice"},
    {"card:pin-source=/a?pin-source=/b", "pin-source: given twice"},
    {"card:type=SECRET", "type"},
    {"card:type=Private", "type"},
    {"card:token=%", "token: %"},
    {"card:token=SECRET%2", "token: %"},
    {"card:token=%2G", "token: %"},
    {"card:token=%%41", "token: %"},
    {"card:token=% 41", "token: %"},
    {"card:token=SECRET%00", "token: %00"},
    {"card:?pin-value=12%0034", "pin-value: %00"},
    {"card:?pin-source=/a%00b", "pin-source: %00"},
    {"card:;", "number 1"},
    {"card:usage=auth;", "number 2"},
    {"card:usage=auth;;token=a", "number 2"},
    {"card:=SECRET", "number 1"},
    {"card:token", "number 1"},
    {"card:?pin-value=12;SECRET", "number 2"},
    {"card:?pin-value=12;SECRET=5", "number 2"},
    {"card:?pin-value=12&hidden=5", "number 2"},
    {"card:?pin-value=", "pin-value"},
    {"card:?pin-value=SECRET7890123456789012345678901234567890123456789012345"
     "6789012345",
     "pin-value"},
    {"card:?pin-source=", "pin-source"},
    {"card:?pin-source=file:", "pin-source"},
    {"card:?pin-source=file://elsewhere/SECRET", "pin-source"},
    {"card:?pin-source=|SECRET", "pin-source"},
    {"card:?usage=auth", "usage"},
    {"card:pin-rule=SECRET", "pin-rule"},
    {"card:?module-path=/SECRET.so", "module-path"},
    {"pkcs11:?module-path=/SECRET.so", "module-path"},
    {"pkcs11:?module-name=SECRET", "module-name"},
    {"pkcs11:module-path=/SECRET.so", "module-path"},
    {"pkcs11:usage=auth", "usage"},
    {"pkcs11:issuer=SECRET", "issuer"},
    {"pkcs11:subject=SECRET", "subject"},
    {"pkcs11:reader=SECRET", "reader"},
    {"pkcs11:driver=SECRET", "driver"},
    {"pkcs11:pin-rule=not-last", "pin-rule"},
    {"store:pkcs11:usage=auth", "usage"},
    {"pkcs11:slot-id=", "slot-id"},
    {"pkcs11:slot-id=-1", "slot-id"},
    {"pkcs11:slot-id=0x1", "slot-id"},
    {"pkcs11:slot-id=1%20", "slot-id"},
    {"pkcs11:slot-id=18446744073709551616", "slot-id"},
    {"pkcs11:library-version=1.", "library-version"},
    {"pkcs11:library-version=.1", "library-version"},
    {"pkcs11:library-version=1.2.3", "library-version"},
    {"pkcs11:id=%00%01%02%03%04%05%06%07%08%09%00%01%02%03%04%05%06%07%08%09"
     "%00%01%02%03%04%05%06%07%08%09%00%01%02%03%04%05%06%07%08%09"
     "%00%01%02%03%04%05%06%07%08%09%00%01%02%03%04%05%06%07%08%09"
     "%00%01%02%03%04",
     "id: too long"}};

static void test_parse_when_unsound_then_names_the_attribute(void **state)
{
    (void)state;
    for (size_t i = 0; i < nitems(bad); i++) {
        struct card_uri uri;
        const char *sentence;

        if (card_uri_parse(bad[i].text, &uri) != CARD_E_URI)
            fail_msg("accepted: %s", bad[i].text);
        sentence = card_error_sentence();
        if (strstr(sentence, bad[i].named) == NULL)
            fail_msg("%s: %s", bad[i].text, sentence);
        if (strstr(sentence, "SECRET") != NULL ||
            strstr(sentence, "hidden") != NULL)
            fail_msg("shows a value: %s", sentence);
    }
}

static void test_parse_when_over_the_limit_then_refused(void **state)
{
    char *text = malloc(CARD_URI_MAX + 2);
    struct card_uri uri;

    (void)state;
    assert_non_null(text);
    memset(text, 'a', CARD_URI_MAX + 1);
    memcpy(text, "card:token=", 11);
    text[CARD_URI_MAX + 1] = '\0';
    assert_int_equal(card_uri_parse(text, &uri), CARD_E_URI);
    text[CARD_URI_MAX] = '\0';
    assert_int_equal(card_uri_parse(text, &uri), 0);
    assert_int_equal(strlen(uri.token), CARD_URI_MAX - 11);
    card_uri_clear(&uri);
    free(text);
}

static void test_is_ours_then_by_scheme(void **state)
{
    (void)state;
    assert_true(card_uri_is_ours("card:"));
    assert_true(card_uri_is_ours("Pkcs11:x"));
    assert_true(card_uri_is_ours("store://anything"));
    assert_false(card_uri_is_ours("file:card:"));
    assert_false(card_uri_is_ours("/etc/ssl/card:"));
    assert_false(card_uri_is_ours("card"));
    assert_false(card_uri_is_ours(""));
    assert_false(card_uri_is_ours(NULL));
}

struct redact_row {
    const char *text, *shown;
};

static const struct redact_row redactions[] = {
    {"card:usage=auth", "card:usage=auth"},
    {"card:?pin-value=1234", "card:?pin-value=XXXX"},
    {"card:?pin-value=1234&pin-source=/a",
     "card:?pin-value=XXXX&pin-source=/a"},
    {"pkcs11:pin-value=1234;object=k", "pkcs11:pin-value=XXXX;object=k"},
    {"pkcs11:pin-value=1234?pin-source=/a",
     "pkcs11:pin-value=XXXX?pin-source=/a"},
    {"card:?pin-value=12;34&5", "card:?pin-value=XXXX"},
    {"card:?pin-value=12;34=5&pin-source=/a",
     "card:?pin-value=XXXX&pin-source=/a"},
    {"card:?pin-value=12?pin-source=/a", "card:?pin-value=XXXX"},
    {"card:pin-value=12&pin-source=/a", "card:pin-value=XXXX"},
    {"card:?PIN-Value=1234", "card:?pin-value=XXXX"},
    {"card:?pin-value=1&pin-value=2", "card:?pin-value=XXXX&pin-value=XXXX"},
    {"no URI: pin-value=1234", "no URI: pin-value=XXXX"},
    {"card:?pin-value=", "card:?pin-value=XXXX"}};

static void test_redact_then_no_pin(void **state)
{
    char out[128];

    (void)state;
    for (size_t i = 0; i < nitems(redactions); i++) {
        assert_ptr_equal(card_uri_redact(redactions[i].text, out, sizeof(out)),
                         out);
        assert_string_equal(out, redactions[i].shown);
    }
}

static void test_redact_when_small_then_cut(void **state)
{
    char out[24];

    (void)state;
    for (size_t cap = 1; cap <= sizeof(out); cap++) {
        card_uri_redact("card:?pin-value=1234&x=5", out, cap);
        assert_int_equal(strlen(out), cap - 1 < 20 ? cap - 1 : 20);
        assert_null(strchr(out, '1'));
    }
    out[0] = 'z';
    card_uri_redact("card:", out, 0);
    assert_int_equal(out[0], 'z');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_when_sound_then_its_meaning),
        cmocka_unit_test(test_parse_when_unsound_then_names_the_attribute),
        cmocka_unit_test(test_parse_when_over_the_limit_then_refused),
        cmocka_unit_test(test_is_ours_then_by_scheme),
        cmocka_unit_test(test_redact_then_no_pin),
        cmocka_unit_test(test_redact_when_small_then_cut)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
