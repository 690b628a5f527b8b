/*
 * BER-TLV: what is taken, what is refused.
 */
#include "card/wire/tlv.h"

#include "card/error.h"
#include "tests/unit/test.h"

static uint8_t scratch[70000];

static struct bytes from_hex(const char *hex)
{
    static struct buf b;

    b = (struct buf)BUF_ON(scratch);
    assert_int_equal(bytes_from_hex(hex, &b), 0);
    return buf_view(&b);
}

struct next_row {
    const char *hex;
    uint32_t tag;
    const char *value;
    size_t rest;
};

static const struct next_row next_rows[] = {
    {"04 00", 0x04, "", 0},
    {"30 02 05 00 FF", 0x30, "0500", 1},
    {"7F49 01 AA", 0x7F49, "AA", 0},
    {"BF8101 02 A080", 0xBF8101, "A080", 0},
    {"04 81 01 AA", 0x04, "AA", 0},         /* not minimal */
    {"04 82 0001 AA BB", 0x04, "AA", 1},    /* not minimal */
    {"04 83 000002 AABB", 0x04, "AABB", 0}, /* not minimal */
    {"04 80 00 00", 0, NULL, 0},            /* indefinite */
    {"04 84 00000001 AA", 0, NULL, 0},      /* four bytes of length */
    {"04 FF 00", 0, NULL, 0},
    {"04 02 AA", 0, NULL, 0},               /* longer than there is */
    {"04 83 FFFFFF AA", 0, NULL, 0},
    {"04 82 01", 0, NULL, 0},               /* header cut */
    {"04", 0, NULL, 0},
    {"7F", 0, NULL, 0},
    {"BF81", 0, NULL, 0},
    {"BF818101 00", 0, NULL, 0},            /* four bytes of tag */
    {"", 0, NULL, 0}};

static void test_next_when_each_form_then_taken_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < nitems(next_rows); i++) {
        struct bytes in = from_hex(next_rows[i].hex);
        struct bytes cursor = in;
        struct tlv t;

        if (next_rows[i].value == NULL) {
            assert_false(tlv_next(&cursor, &t));
            assert_int_equal(cursor.len, in.len);
            continue;
        }
        assert_true(tlv_next(&cursor, &t));
        assert_int_equal(t.tag, next_rows[i].tag);
        assert_bytes_hex(t.value, next_rows[i].value);
        assert_int_equal(cursor.len, next_rows[i].rest);
        assert_ptr_equal(t.whole.data, in.data);
        assert_int_equal(t.whole.len, in.len - next_rows[i].rest);
    }
}

static void test_next_is_when_other_tag_then_nothing_moves(void **state)
{
    struct bytes cursor = from_hex("0401AA 0C0142");
    struct tlv t;

    (void)state;
    assert_false(tlv_next_is(&cursor, 0x0C, &t));
    assert_int_equal(cursor.len, 6);
    assert_true(tlv_next_is(&cursor, 0x04, &t));
    assert_true(tlv_next_is(&cursor, 0x0C, &t));
    assert_bytes_hex(t.value, "42");
    assert_false(tlv_next_is(&cursor, 0x0C, &t));
}

/* DOCP of the CPS3's PIN, a real answer. */
static void test_find_path_when_docp_then_tries(void **state)
{
    static const uint32_t tries[] = {0x70, 0xBF8101, 0xA0, 0x9B, 0};
    static const uint32_t usage[] = {0x70, 0xBF8101, 0xA0, 0x9D, 0};
    static const uint32_t whole[] = {0};
    struct bytes in = from_hex("70 16 BF8101 12 A0 10 9A0103 9B0103 "
                               "A1 08 8C 06 F3 00 00 13 FF 00");
    struct tlv t;

    (void)state;
    assert_true(tlv_find_path(in, tries, &t));
    assert_bytes_hex(t.value, "03");
    assert_false(tlv_find_path(in, usage, &t));
    assert_true(tlv_find_path(in, whole, &t));
    assert_int_equal(t.value.len, in.len);
}

static void test_find_when_twice_then_the_first(void **state)
{
    struct tlv t;

    (void)state;
    assert_true(tlv_find(from_hex("0201AA 040101 040102"), 0x04, &t));
    assert_bytes_hex(t.value, "01");
    assert_false(tlv_find(from_hex("0201AA 0405"), 0x04, &t));
}

static void test_whole_len_when_header_only_then_length(void **state)
{
    size_t len;

    (void)state;
    assert_true(tlv_whole_len(from_hex("30 82 05 10"), &len));
    assert_int_equal(len, 4 + 0x510);
    assert_true(tlv_whole_len(from_hex("30 03 AA"), &len));
    assert_int_equal(len, 5);
    assert_true(tlv_whole_len(from_hex("7F49 83 FFFFFF"), &len));
    assert_int_equal(len, 6 + 0xFFFFFF);
    assert_false(tlv_whole_len(from_hex("30 82 05"), &len));
    assert_false(tlv_whole_len(from_hex("30 80 00 00"), &len));
    assert_false(tlv_whole_len(from_hex(""), &len));
}

static void check_put(uint32_t tag, size_t len, const char *header)
{
    static uint8_t raw[70100], value[70000];
    struct buf out = BUF_ON(raw);
    struct bytes view, head;

    assert_int_equal(tlv_put(&out, tag, bytes_from(value, len)), 0);
    view = buf_view(&out);
    assert_true(bytes_take(&view, out.len - len, &head));
    assert_bytes_hex(head, header);
}

static void test_put_when_each_length_then_shortest_form(void **state)
{
    (void)state;
    check_put(0x80, 0, "8000");
    check_put(0x80, 127, "807F");
    check_put(0x80, 128, "808180");
    check_put(0x7F49, 255, "7F4981FF");
    check_put(0xBF8101, 256, "BF8101820100");
    check_put(0x04, 65535, "0482FFFF");
    check_put(0x04, 65536, "0483010000");
}

static void test_put_when_no_room_then_nothing_written(void **state)
{
    uint8_t raw[5];
    const uint8_t value[4] = {1, 2, 3, 4};
    struct buf out = BUF_ON(raw);

    (void)state;
    assert_int_equal(tlv_put(&out, 0x04, BYTES_OF(value)), CARD_E_BUFFER);
    assert_int_equal(out.len, 0);
    assert_int_equal(tlv_put(&out, 0x04, bytes_from(value, (size_t)1 << 24)),
                     CARD_E_BUFFER);
    assert_int_equal(out.len, 0);
    assert_int_equal(tlv_put(&out, 0x04, bytes_from(value, 3)), 0);
    assert_bytes_hex(buf_view(&out), "0403010203");
}

static void test_unsigned_when_top_bit_then_not_negative(void **state)
{
    uint32_t n;

    (void)state;
    assert_true(tlv_unsigned(from_hex("81"), &n));
    assert_int_equal(n, 0x81);
    assert_true(tlv_unsigned(from_hex("0082"), &n));
    assert_int_equal(n, 0x82);
    assert_true(tlv_unsigned(from_hex("0000FFFFFFFF"), &n));
    assert_int_equal(n, 0xFFFFFFFF);
    assert_false(tlv_unsigned(from_hex("0100000000"), &n));
    assert_false(tlv_unsigned(from_hex(""), &n));
}

static void test_ecdsa_when_not_alone_or_not_whole_then_false(void **state)
{
    static const char *const others[] = {
        "", "30", "3006 020101 0401FF", "3003 020101", "3006 020101 020102 00",
        "3009 020101 020102 020103", "3106 020101 020102",
    };
    struct bytes r, s;

    (void)state;
    assert_true(tlv_ecdsa(from_hex("3007 020200FF 020102"), &r, &s));
    assert_bytes_hex(r, "00FF");
    assert_bytes_hex(s, "02");
    for (size_t i = 0; i < nitems(others); i++)
        assert_false(tlv_ecdsa(from_hex(others[i]), &r, &s));
}

struct bits_row {
    const char *hex;
    uint32_t bits;
};

static const struct bits_row bits_rows[] = {
    {"", 0},
    {"08", 0},                   /* CPS3 */
    {"0800", 0},                 /* CPS3 */
    {"0880", 1},                 /* a bad count counts as 0 */
    {"0780", 1},
    {"07FF", 1},                 /* unused bits are not bits */
    {"05E0", 7},
    {"0560", 6},
    {"06 0040", 0x200},          /* nonRepudiation */
    {"04 0C10", 0x830},          /* CPS3 PIN */
    {"04 1D10", 0x8B8},          /* CPS3 PUK */
    {"00 FFFFFFFF FF", 0xFFFFFFFF},
    {"00 00000001 80", 0x80000000}};

static void test_bits_when_malformed_then_lax(void **state)
{
    (void)state;
    for (size_t i = 0; i < nitems(bits_rows); i++)
        assert_int_equal(tlv_bits(from_hex(bits_rows[i].hex)),
                         bits_rows[i].bits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_when_each_form_then_taken_or_refused),
        cmocka_unit_test(test_next_is_when_other_tag_then_nothing_moves),
        cmocka_unit_test(test_find_path_when_docp_then_tries),
        cmocka_unit_test(test_find_when_twice_then_the_first),
        cmocka_unit_test(test_whole_len_when_header_only_then_length),
        cmocka_unit_test(test_put_when_each_length_then_shortest_form),
        cmocka_unit_test(test_put_when_no_room_then_nothing_written),
        cmocka_unit_test(test_unsigned_when_top_bit_then_not_negative),
        cmocka_unit_test(test_ecdsa_when_not_alone_or_not_whole_then_false),
        cmocka_unit_test(test_bits_when_malformed_then_lax)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
