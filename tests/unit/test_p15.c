/*
 * ISO 7816-15 files. The CPS3 bytes are those of real cards (OpenSC issues
 * #2224 and #2267), malformed BIT STRINGs and all.
 */
#include "card/wire/p15.h"

#include <stdio.h>
#include <string.h>

#include "card/error.h"
#include "card/wire/tlv.h"
#include "tests/unit/test.h"

static uint8_t raw[4096];
static struct buf file;

static int set_up(void **state)
{
    (void)state;
    file = (struct buf)BUF_ON(raw);
    return 0;
}

static void hex(const char *digits)
{
    assert_int_equal(bytes_from_hex(digits, &file), 0);
}

static void text(const char *characters)
{
    assert_int_equal(buf_put(&file, bytes_of_string(characters)), 0);
}

/*
 * BER from a notation that shows its structure: a tag before braces, values in
 * hexadecimal or quoted: "30{0C{'label'} 04{01}}". Returns behind the brace.
 */
static const char *put_ber(const char *notation, struct buf *out)
{
    while (*notation != '\0' && *notation != '}') {
        size_t len = strcspn(notation, "{} '");
        char digits[300] = "";
        uint8_t inner_raw[512];
        struct buf inner = BUF_ON(inner_raw);
        struct buf tag = {inner_raw, 0, 3};

        if (*notation == ' ') {
            notation++;
        } else if (*notation == '\'') {
            len = strcspn(notation + 1, "'");
            assert_int_equal(buf_put(out, bytes_from(notation + 1, len)), 0);
            notation += len + 2;
        } else if (notation[len] == '{') {
            uint32_t number = 0;

            memcpy(digits, notation, len);
            assert_int_equal(bytes_from_hex(digits, &tag), 0);
            assert_true(tlv_unsigned(buf_view(&tag), &number));
            notation = put_ber(notation + len + 1, &inner);
            assert_int_equal(tlv_put(out, number, buf_view(&inner)), 0);
        } else {
            assert_true(len < sizeof(digits));
            memcpy(digits, notation, len);
            assert_int_equal(bytes_from_hex(digits, out), 0);
            notation += len;
        }
    }
    return *notation == '}' ? notation + 1 : notation;
}

static void ber(const char *notation)
{
    assert_string_equal(put_ber(notation, &file), "");
}

#define assert_id(id, digits)                                                  \
    assert_bytes_hex(bytes_from((id).data, (id).len), digits)

/* AODF */

static struct card_pin_info pins[4];

static size_t parse_pins(void)
{
    size_t count = 0;

    memset(pins, 0x55, sizeof(pins));
    p15_parse_aodf(buf_view(&file), pins, nitems(pins), &count);
    return count;
}

static void put_cps3_pin(void)
{
    hex("3061 303F 0C1C");
    text("Code porteur de la carte CPS");
    hex("030108 040102 3019 3006 03020520 0500 3006 03020640 0500"
        "3007 03020308 040104"
        "3003 040101"
        "A119 3017 0303040C10 0A0101 020104 020108 020104 800101 0401FF");
}

static void put_cps3_puk(void)
{
    hex("3058 3039 0C22");
    text("Code de d\xC3\xA9" "blocage de la carte CPS");
    hex("030108 3010 3006 03020520 0500 3006 03020640 0500"
        "3003 040104"
        "A116 3014 0303041D10 0A0101 020108 020108 020108 800102");
}

static void test_aodf_when_cps3_then_pin_and_puk(void **state)
{
    (void)state;
    put_cps3_pin();
    put_cps3_puk();
    hex("000000");
    assert_int_equal(parse_pins(), 2);
    assert_string_equal(pins[0].label, "Code porteur de la carte CPS");
    assert_id(pins[0].auth_id, "01");
    assert_id(pins[0].protected_by, "02");
    assert_int_equal(pins[0].type, CARD_PIN_ASCII_NUMERIC);
    assert_int_equal(pins[0].min_len, 4);
    assert_int_equal(pins[0].stored_len, 8);
    assert_int_equal(pins[0].max_len, 4);
    assert_int_equal(pins[0].ref, 1);
    assert_int_equal(pins[0].pad_char, 0xFF);
    assert_true(pins[0].needs_padding);
    assert_true(pins[0].exchange_ref_data);
    assert_false(pins[0].unblocking);
    assert_false(pins[0].local);
    assert_int_equal(pins[0].path.len, 0);
    assert_int_equal(pins[0].tries_left, CARD_TRIES_UNKNOWN);
    assert_int_equal(pins[0].tries_max, CARD_TRIES_UNKNOWN);
    assert_false(pins[0].verified);

    assert_string_equal(pins[1].label,
                        "Code de d\xC3\xA9" "blocage de la carte CPS");
    assert_id(pins[1].auth_id, "04");
    assert_id(pins[1].protected_by, "");
    assert_int_equal(pins[1].ref, 2);
    assert_true(pins[1].unblocking);
    assert_true(pins[1].unblock_disabled);
    assert_int_equal(pins[1].max_len, 8);
}

static void test_aodf_when_local_with_path_then_both(void **state)
{
    (void)state;
    ber("30{30{} 30{04{01}}"
        " A1{30{03{0640} 0A{02} 02{04} 02{10} 80{0081} 04{00}"
        " 30{04{3F005015}}}}}");
    assert_int_equal(parse_pins(), 1);
    assert_true(pins[0].local);
    assert_int_equal(pins[0].ref, 0x81);
    assert_int_equal(pins[0].type, CARD_PIN_UTF8);
    assert_int_equal(pins[0].min_len, 4);
    assert_int_equal(pins[0].stored_len, 16);
    assert_int_equal(pins[0].max_len, 0);
    assert_id(pins[0].path, "3F005015");
}

static void test_aodf_when_one_is_no_pin_then_skipped(void **state)
{
    (void)state;
    ber("A0{30{} 30{04{09}} A1{30{0A{01} 02{04}}}}"); /* biometric */
    ber("30{}");
    ber("30{30{} 30{04{09}} A1{30{05{}}}}");        /* no type */
    ber("30{30{} 30{04{09}} A1{30{0A{07} 02{04}}}}"); /* no known type */
    put_cps3_puk();
    assert_int_equal(parse_pins(), 1);
    assert_id(pins[0].auth_id, "04");
}

/* PrKDF */

static struct card_key_info keys[4];

static size_t parse_keys(void)
{
    size_t count = 0;

    memset(keys, 0x55, sizeof(keys));
    p15_parse_prkdf(buf_view(&file), keys, nitems(keys), &count);
    return count;
}

static void put_cps3_auth_key(void)
{
    hex("3059 302A 0C0C");
    text("CPS_PRIV_AUT");
    hex("030205E0 040101 3013 3007 03020001 040101 3008 0303060040 040101"
        "301F 040E E828BD080F8025000001FF001002 03020560 0101FF 030204B0"
        "02020082"
        "A10A 3008 30020400 02020800");
}

static void test_prkdf_when_cps3_then_auth_key(void **state)
{
    (void)state;
    put_cps3_auth_key();
    hex("FFFF");
    assert_int_equal(parse_keys(), 1);
    assert_string_equal(keys[0].label, "CPS_PRIV_AUT");
    assert_id(keys[0].id, "E828BD080F8025000001FF001002");
    assert_int_equal(keys[0].type, CARD_KEY_RSA);
    assert_int_equal(keys[0].bits, 2048);
    assert_int_equal(keys[0].usage, P15_USAGE_DECRYPT | P15_USAGE_SIGN);
    assert_int_equal(keys[0].uses, 0);
    assert_int_equal(keys[0].can, 0);
    assert_int_equal(keys[0].ref, 0x82);
    assert_int_equal(keys[0].path.len, 0);
    assert_id(keys[0].auth_id, "01");
    assert_true(keys[0].private_object);
    assert_false(keys[0].user_consent);
}

/* As the CPS3's signature key, its PIN named by the access rule only. */
static void test_prkdf_when_pin_in_access_rule_then_auth_id(void **state)
{
    (void)state;
    ber("30{30{0C{'CPS_PRIV_SIG'} 03{05E0} 02{01}"
        " 30{30{03{0640} 04{07}} 30{03{0780} 05{}} 30{03{0204} 04{01}}}}"
        " 30{04{03} 03{060040} 02{FF81}} A1{30{30{}}}}");
    assert_int_equal(parse_keys(), 1);
    assert_id(keys[0].auth_id, "01");
    assert_true(keys[0].user_consent);
    assert_int_equal(keys[0].ref, 0x81);
    assert_int_equal(keys[0].usage, P15_USAGE_NON_REPUDIATION);
    assert_int_equal(keys[0].bits, 0);
}

static void test_prkdf_when_negative_reference_then_low_byte(void **state)
{
    (void)state;
    ber("30{30{} 30{02{81} 04{07}}}");
    assert_int_equal(parse_keys(), 1);
    assert_int_equal(keys[0].ref, 0x81);
    assert_id(keys[0].id, "07");
    assert_false(keys[0].private_object);
}

static void test_prkdf_when_ec_then_type_and_field_size(void **state)
{
    (void)state;
    ber("A0{05{} 30{04{01}} A1{30{30{04{4B01}} 02{0100}}}}");
    ber("A0{05{} 30{04{02}} A1{30{30{04{}} 02{05}}}}"); /* a keyInfo: 5 */
    assert_int_equal(parse_keys(), 2);
    assert_int_equal(keys[0].type, CARD_KEY_EC);
    assert_id(keys[0].path, "4B01");
    assert_int_equal(keys[0].bits, 256);
    assert_int_equal(keys[1].bits, 0);
    assert_string_equal(keys[1].label, "");
}

static void test_prkdf_when_other_or_empty_then_skipped(void **state)
{
    (void)state;
    ber("30{} 30{30{}} 30{30{} 30{}} 30{05{} 05{}}");
    ber("A1{30{} 30{04{01}}}"); /* DH */
    ber("05{} 04{0000}");
    put_cps3_auth_key();
    ber("30{30{} 3082}"); /* class attributes cut off */
    ber("30{30{} A1{30{30{04{4B02}} 02{0400}}} 85{00}}"); /* none at all */
    assert_int_equal(parse_keys(), 2);
    assert_string_equal(keys[0].label, "CPS_PRIV_AUT");
    assert_id(keys[1].path, "4B02");
    assert_id(keys[1].id, "");
    assert_int_equal(keys[1].bits, 1024);
}

static void test_prkdf_when_id_too_long_then_skipped(void **state)
{
    (void)state;
    hex("3047 3000 3043 0441");
    for (int i = 0; i < 65; i++)
        hex("11");
    put_cps3_auth_key();
    assert_int_equal(parse_keys(), 1);
    assert_string_equal(keys[0].label, "CPS_PRIV_AUT");
}

static void test_prkdf_when_array_is_full_then_rest_left_out(void **state)
{
    size_t count = 3;

    (void)state;
    put_cps3_auth_key();
    put_cps3_auth_key();
    p15_parse_prkdf(buf_view(&file), keys, 4, &count);
    assert_int_equal(count, 4);
}

/* Each prefix of a file gives the whole objects in it, and reads no further. */
static void test_prkdf_when_cut_anywhere_then_whole_objects(void **state)
{
    (void)state;
    put_cps3_auth_key();
    for (size_t len = 0; len < file.len; len++) {
        uint8_t exact[128];
        size_t count = 0;

        memcpy(exact, raw, len);
        p15_parse_prkdf(bytes_from(exact, len), keys, 4, &count);
        assert_int_equal(count, 0);
    }
}

/* CDF */

static struct card_cert_info certs[4];

static size_t parse_certs(void)
{
    size_t count = 0;

    memset(certs, 0x55, sizeof(certs));
    p15_parse_cdf(buf_view(&file), certs, nitems(certs), &count);
    return count;
}

static void test_cdf_when_cps3_then_certificate(void **state)
{
    (void)state;
    hex("3052 3034 0C1B");
    text("Certificat de Signature CPS");
    hex("03020800 3011 3006 03020780 0500 3007 03020640 040101"
        "3010 040E E828BD080F8025000001FF001001"
        "A108 3006 3004 0402 7101");
    assert_int_equal(parse_certs(), 1);
    assert_string_equal(certs[0].label, "Certificat de Signature CPS");
    assert_id(certs[0].id, "E828BD080F8025000001FF001001");
    assert_id(certs[0].path, "7101");
    assert_int_equal(certs[0].offset, 0);
    assert_int_equal(certs[0].length, 0);
    assert_false(certs[0].authority);
    assert_false(certs[0].private_object);
}

static void test_cdf_when_index_and_length_then_range(void **state)
{
    (void)state;
    ber("30{30{} 30{04{01} 01{FF}}"
        " A1{30{30{04{4331} 02{0A} 80{0400}}}}}");
    ber("30{30{03{0780}} 30{04{02} 01{00}}"
        " A1{30{30{04{4332} 02{0A}}}}}"); /* index alone counts for nothing */
    assert_int_equal(parse_certs(), 2);
    assert_id(certs[0].path, "4331");
    assert_int_equal(certs[0].offset, 10);
    assert_int_equal(certs[0].length, 0x400);
    assert_true(certs[0].authority);
    assert_false(certs[0].private_object);
    assert_int_equal(certs[1].offset, 0);
    assert_int_equal(certs[1].length, 0);
    assert_false(certs[1].authority);
    assert_true(certs[1].private_object);
}

static void test_cdf_when_path_behind_aid_then_path(void **state)
{
    (void)state;
    ber("30{30{} 30{} A1{30{30{A1{4F{A0000063} 04{4401}}}}}}");
    ber("30{30{} 30{} A1{30{A1{4F{A0000063} 04{4402}}}}}");
    ber("30{30{} 30{} A1{30{30{30{4F{A0000063} 04{4403}} 02{01} 80{02}}}}}");
    assert_int_equal(parse_certs(), 3);
    assert_id(certs[0].path, "4401");
    assert_id(certs[1].path, "4402");
    assert_id(certs[2].path, "4403");
    assert_int_equal(certs[2].offset, 1);
    assert_int_equal(certs[2].length, 2);
}

static const char *const unusable_paths[] = {
    "30{04{}}",
    "30{04{43}}",
    "30{}",
    "A0{}", /* a certificate itself, but none */
    "30{04{4331} 02{010001} 80{01}}",
    "30{04{4331} 02{00} 80{010001}}",
    "30{04{4331} 02{0100000000} 80{01}}",
    "30{04{3F00 50155015501550155015501550155015}}",
    "05{}"};

static void test_cdf_when_no_usable_path_then_skipped(void **state)
{
    char notation[128];

    (void)state;
    for (size_t i = 0; i < nitems(unusable_paths); i++) {
        snprintf(notation, sizeof(notation), "30{30{} 30{04{01}} A1{30{%s}}}",
                 unusable_paths[i]);
        ber(notation);
    }
    ber("30{30{} 30{04{01}}}");
    ber("30{30{} 30{04{01}} A1{30{30{04{4331}}}}}");
    assert_int_equal(parse_certs(), 1);
    assert_id(certs[0].path, "4331");
}

static void test_cdf_when_not_x509_then_skipped(void **state)
{
    (void)state;
    ber("A0{30{} 30{04{01}} A1{30{30{04{4331}}}}}");
    assert_int_equal(parse_certs(), 0);
}

/* Labels */

static const char *label_of(const char *digits)
{
    static struct p15_app app;
    char notation[400];
    size_t count;

    file.len = 0;
    snprintf(notation, sizeof(notation), "61{4F{AA} 50{%s}}", digits);
    ber(notation);
    p15_parse_dir(buf_view(&file), &app, 1, &count);
    assert_int_equal(count, 1);
    return app.label;
}

static void test_label_when_any_charset_then_utf8(void **state)
{
    (void)state;
    assert_string_equal(label_of("43 C3A9 E282AC F09F9492"),
                        "C\xC3\xA9\xE2\x82\xAC\xF0\x9F\x94\x92");
    assert_string_equal(label_of("43 E9 43"), "C\xC3\xA9" "C"); /* Latin-1 */
    assert_string_equal(label_of("41 00 1B 0A 7F C285 42"), "A?????B");
    assert_string_equal(label_of("41 85 FF"), "A?\xC3\xBF");
    /* Overlong, surrogate, past U+10FFFF, cut: no UTF-8 */
    assert_string_equal(label_of("C1A1"), "\xC3\x81\xC2\xA1");
    assert_string_equal(label_of("EDA0A1"), "\xC3\xAD\xC2\xA0\xC2\xA1");
    assert_string_equal(label_of("F4A0A0A0"),
                        "\xC3\xB4\xC2\xA0\xC2\xA0\xC2\xA0");
    assert_string_equal(label_of("E2A2"), "\xC3\xA2\xC2\xA2");
    assert_string_equal(label_of(""), "");
}

static void test_label_when_long_then_cut_at_a_character(void **state)
{
    char digits[280] = "";

    (void)state;
    for (int i = 0; i < 31; i++)
        strcat(digits, "F09F9492"); /* 124 bytes */
    strcat(digits, "414243");
    assert_int_equal(strlen(label_of(digits)), 127);
    strcat(digits, "44");
    assert_int_equal(strlen(label_of(digits)), 127);
    strcpy(digits + 2 * 126, "C3A9");
    assert_int_equal(strlen(label_of(digits)), 126);
}

/* ODF, DIR, TokenInfo */

static void test_odf_when_cps3_then_paths(void **state)
{
    struct p15_odf odf;

    (void)state;
    hex("A006 3004 0402 7002 A406 3004 0402 7005 A806 3004 0402 7001 00");
    assert_int_equal(p15_parse_odf(buf_view(&file), &odf), 0);
    assert_int_equal(odf.prkdf.count, 1);
    assert_id(odf.prkdf.path[0], "7002");
    assert_id(odf.cdf.path[0], "7005");
    assert_id(odf.aodf.path[0], "7001");
    assert_int_equal(odf.pukdf.count, 0);
}

static void test_odf_when_two_paths_or_entries_then_all_in_order(void **state)
{
    struct p15_odf odf;

    (void)state;
    ber("A6{30{04{3F004406}}}"             /* useful */
        "A4{30{04{4401}} 30{04{4402}}}"
        "A5{30{04{4405}}}"                 /* trusted */
        "A4{30{04{4401}}}"                 /* named twice */
        "A3{30{04{4409}}}"                 /* secret keys: not ours */
        "A4{30{} 04{4404} 30{04{4403}}}"
        "A0{30{}}");
    assert_int_equal(p15_parse_odf(buf_view(&file), &odf), 0);
    assert_int_equal(odf.cdf.count, 5);
    assert_id(odf.cdf.path[0], "4401");
    assert_id(odf.cdf.path[1], "4402");
    assert_id(odf.cdf.path[2], "4403");
    assert_id(odf.cdf.path[3], "4405");
    assert_id(odf.cdf.path[4], "3F004406");
    assert_int_equal(odf.prkdf.count, 0);
}

static void test_odf_when_too_many_paths_then_capped(void **state)
{
    struct p15_odf odf;

    (void)state;
    for (uint8_t i = 0; i < 20; i++) {
        hex("A006 3004 0402 70");
        buf_put_u8(&file, i);
    }
    assert_int_equal(p15_parse_odf(buf_view(&file), &odf), 0);
    assert_int_equal(odf.prkdf.count, P15_MAX_FILES);
}

static void test_odf_when_no_path_then_protocol(void **state)
{
    struct p15_odf odf;

    (void)state;
    assert_int_equal(p15_parse_odf(bytes_from(NULL, 0), &odf),
                     CARD_E_PROTOCOL);
    ber("A0{30{}} 0000 A0{30{04{7002}}}"); /* nothing counts behind 00 */
    assert_int_equal(p15_parse_odf(buf_view(&file), &odf), CARD_E_PROTOCOL);
    file.len = 0;
    hex("FFFFFFFF");
    assert_int_equal(p15_parse_odf(buf_view(&file), &odf), CARD_E_PROTOCOL);
}

static void test_dir_when_cpx_then_two_applications(void **state)
{
    struct p15_app apps[4];
    size_t count = 7;

    (void)state;
    ber("61{4F{E828BD080F8025000001FF0010} 50{'CPX IAS'}"
        " 73{4F{E828BD080F8025000001FF0010}}}");
    ber("61{50{'neither AID nor path'}}");
    ber("61{4F{0102030405060708090A0B0C0D0E0F1011}}"); /* AID over 16 */
    ber("62{4F{E828}}");
    ber("61{4F{E828BD080F8025000001FF0020} 50{'CPX IAS CL'}"
        " 51{3F000001}} FF");
    p15_parse_dir(buf_view(&file), apps, nitems(apps), &count);
    assert_int_equal(count, 2);
    assert_id(apps[0].aid, "E828BD080F8025000001FF0010");
    assert_string_equal(apps[0].label, "CPX IAS");
    assert_id(apps[0].path, "");
    assert_string_equal(apps[1].label, "CPX IAS CL");
    assert_id(apps[1].path, "3F000001");
    p15_parse_dir(buf_view(&file), apps, 1, &count);
    assert_int_equal(count, 1);
    p15_parse_dir(bytes_from(NULL, 0), apps, 4, &count);
    assert_int_equal(count, 0);
}

static void test_token_info_when_cps3_then_names(void **state)
{
    struct p15_token_info info;

    (void)state;
    ber("30{02{00} 04{0123456789} 0C{'ASIP SANTE'} 80{'CPS3v3-2300081197'}"
        " 03{06C0} A5{18{'20100316110000Z'}}}");
    assert_int_equal(p15_parse_token_info(buf_view(&file), &info), 0);
    assert_string_equal(info.label, "CPS3v3-2300081197");
    assert_string_equal(info.manufacturer, "ASIP SANTE");
    assert_string_equal(info.serial, "0123456789");
}

static void test_token_info_when_no_sequence_then_protocol(void **state)
{
    struct p15_token_info info;

    (void)state;
    hex("A000");
    assert_int_equal(p15_parse_token_info(buf_view(&file), &info),
                     CARD_E_PROTOCOL);
    file.len = 0;
    hex("3000");
    assert_int_equal(p15_parse_token_info(buf_view(&file), &info), 0);
    assert_string_equal(info.label, "");
    assert_string_equal(info.serial, "");
}

#define TEST(function) cmocka_unit_test_setup(function, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_aodf_when_cps3_then_pin_and_puk),
        TEST(test_aodf_when_local_with_path_then_both),
        TEST(test_aodf_when_one_is_no_pin_then_skipped),
        TEST(test_prkdf_when_cps3_then_auth_key),
        TEST(test_prkdf_when_pin_in_access_rule_then_auth_id),
        TEST(test_prkdf_when_negative_reference_then_low_byte),
        TEST(test_prkdf_when_ec_then_type_and_field_size),
        TEST(test_prkdf_when_other_or_empty_then_skipped),
        TEST(test_prkdf_when_id_too_long_then_skipped),
        TEST(test_prkdf_when_array_is_full_then_rest_left_out),
        TEST(test_prkdf_when_cut_anywhere_then_whole_objects),
        TEST(test_cdf_when_cps3_then_certificate),
        TEST(test_cdf_when_index_and_length_then_range),
        TEST(test_cdf_when_path_behind_aid_then_path),
        TEST(test_cdf_when_no_usable_path_then_skipped),
        TEST(test_cdf_when_not_x509_then_skipped),
        TEST(test_label_when_any_charset_then_utf8),
        TEST(test_label_when_long_then_cut_at_a_character),
        TEST(test_odf_when_cps3_then_paths),
        TEST(test_odf_when_two_paths_or_entries_then_all_in_order),
        TEST(test_odf_when_too_many_paths_then_capped),
        TEST(test_odf_when_no_path_then_protocol),
        TEST(test_dir_when_cpx_then_two_applications),
        TEST(test_token_info_when_cps3_then_names),
        TEST(test_token_info_when_no_sequence_then_protocol)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
