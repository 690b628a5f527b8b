/*
 * ISO 7816 commands on a scripted card; PIN blocks.
 */
#include "card/wire/iso7816.h"

#include <string.h>

#include "card/error.h"
#include "card/object.h"
#include "card/wire/apdu.h"
#include "tests/unit/fake_reader.h"
#include "tests/unit/test.h"

static uint8_t raw[70000];
static struct buf out;
static struct reader reader;

static int set_up(void **state)
{
    (void)state;
    out = (struct buf)BUF_ON(raw);
    return 0;
}

/* A card that expects `list` (of struct fake_step) in the reader. */
#define PLAY(name, list)                                                       \
    struct fake_card name = FAKE_CARD(list);                                   \
    fake_reader_open(&reader, &name)

/* `len` bytes of EE in hexadecimal and a status word. */
static const char *filler(char *text, size_t len, const char *sw)
{
    memset(text, 'E', 2 * len);
    strcpy(text + 2 * len, sw);
    return text;
}

static void test_select_when_no_fcp_then_not_fetched(void **state)
{
    const uint8_t mf[] = {0x3F, 0x00};
    const struct fake_step steps[] = {{"00A4000C023F00", "6125"},
                                      {"00A4020C023F00", "6283"},
                                      {"00A4020C023F00", "6A82"},
                                      {"00A4030C00", "9000"}};
    PLAY(card, steps);

    (void)state;
    assert_int_equal(
        iso_select(&reader, 0, SELECT_NO_ANSWER, BYTES_OF(mf), NULL), 0);
    assert_int_equal(iso_select(&reader, SELECT_FID, SELECT_NO_ANSWER,
                                BYTES_OF(mf), NULL),
                     0);
    assert_int_equal(iso_select(&reader, SELECT_FID, SELECT_NO_ANSWER,
                                BYTES_OF(mf), NULL),
                     CARD_E_NOT_FOUND);
    assert_int_equal(iso_select(&reader, SELECT_PARENT, SELECT_NO_ANSWER,
                                bytes_from(NULL, 0), NULL),
                     0);
    fake_reader_done(&card);
}

static void test_select_when_fcp_then_fetched(void **state)
{
    const uint8_t path[] = {0x3F, 0x00, 0x2F, 0x01};
    const struct fake_step steps[] = {{"00A40904043F002F01", "6106"},
                                      {"00C0000006", "620480020039 9000"}};
    PLAY(card, steps);

    (void)state;
    assert_int_equal(
        iso_select(&reader, SELECT_PATH, SELECT_FCP, BYTES_OF(path), &out), 0);
    assert_bytes_hex(buf_view(&out), "620480020039");
    fake_reader_done(&card);
}

static void test_read_when_several_chunks_then_exactly_wanted(void **state)
{
    const struct fake_step steps[] = {{"00B0010204", "01020304 9000"},
                                      {"00B0010604", "05060708 9000"},
                                      {"00B0010A02", "090A 9000"}};
    PLAY(card, steps);

    (void)state;
    assert_int_equal(iso_read_binary(&reader, 0x102, 10, 4, &out), 0);
    assert_bytes_hex(buf_view(&out), "0102030405060708090A");
    fake_reader_done(&card);
}

static void check_end(const struct fake_step *steps, size_t count,
                      const char *content)
{
    struct fake_card card = {.steps = steps, .count = count};

    out.len = 0;
    fake_reader_open(&reader, &card);
    assert_int_equal(iso_read_file(&reader, 4, &out), 0);
    assert_bytes_hex(buf_view(&out), content);
    fake_reader_done(&card);
}

static void test_read_when_end_of_file_then_what_there_is(void **state)
{
    const struct fake_step with_6282[] = {{NULL, "01020304 9000"},
                                          {NULL, "0506 6282"}};
    const struct fake_step full_6282[] = {{NULL, "01020304 6282"}};
    const struct fake_step with_6b00[] = {{NULL, "01020304 9000"},
                                          {"00B0000404", "6B00"}};
    const struct fake_step short_answer[] = {{NULL, "01020304 9000"},
                                             {NULL, "05 9000"}};
    const struct fake_step with_6c[] = {{NULL, "01020304 9000"},
                                        {"00B0000404", "6C02"},
                                        {"00B0000402", "0506 9000"}};
    const struct fake_step nothing[] = {{NULL, "9000"}};
    const struct fake_step nothing_6b[] = {{NULL, "6B00"}};

    (void)state;
    check_end(with_6282, nitems(with_6282), "010203040506");
    check_end(full_6282, nitems(full_6282), "01020304");
    check_end(with_6b00, nitems(with_6b00), "01020304");
    check_end(short_answer, nitems(short_answer), "0102030405");
    check_end(with_6c, nitems(with_6c), "010203040506");
    check_end(nothing, nitems(nothing), "");
    check_end(nothing_6b, nitems(nothing_6b), "");
}

static void test_read_when_refused_then_error(void **state)
{
    const struct fake_step steps[] = {{NULL, "6982"}};
    PLAY(card, steps);

    (void)state;
    assert_int_equal(iso_read_file(&reader, 231, &out), CARD_E_LOGIN);
    fake_reader_done(&card);
}

static void test_read_when_card_gives_more_then_protocol(void **state)
{
    const struct fake_step steps[] = {{NULL, "0102030405 9000"}};
    PLAY(card, steps);

    (void)state;
    assert_int_equal(iso_read_binary(&reader, 0, 4, 4, &out), CARD_E_PROTOCOL);
    assert_int_equal(out.len, 0);
    fake_reader_done(&card);
}

static void test_read_when_past_32767_then_limit(void **state)
{
    char text[520];
    const struct fake_step steps[] = {{NULL, filler(text, 256, "9000")}};
    PLAY(card, steps);

    (void)state;
    card.endless = true;
    assert_int_equal(iso_read_file(&reader, 256, &out), CARD_E_LIMIT);
    assert_int_equal(card.sent, 128);
    assert_int_equal(iso_read_binary(&reader, 32768, 1, 1, &out),
                     CARD_E_LIMIT);
    assert_int_equal(iso_read_binary(&reader, 0, 1, 0, &out), CARD_E_ARGUMENT);
    assert_int_equal(iso_read_binary(&reader, 0, 1, 257, &out),
                     CARD_E_ARGUMENT);
    assert_int_equal(card.sent, 128);
}

static void test_read_file_when_buffer_is_full_then_stops(void **state)
{
    const struct fake_step steps[] = {{"00B0000004", "01020304 9000"},
                                      {"00B0000401", "05 9000"}};
    PLAY(card, steps);

    (void)state;
    out.cap = 5;
    assert_int_equal(iso_read_file(&reader, 4, &out), 0);
    assert_int_equal(out.len, 5);
    fake_reader_done(&card);
}

static void test_read_der_then_exactly_the_object(void **state)
{
    const struct fake_step steps[] = {{"00B0001008", "3081 0A 0102030405 9000"},
                                      {"00B0001805", "060708090A 9000"}};
    PLAY(card, steps);

    (void)state;
    assert_int_equal(iso_read_der(&reader, 0x10, 8, &out), 0);
    assert_bytes_hex(buf_view(&out), "30810A0102030405060708090A");
    fake_reader_done(&card);
}

static void test_read_der_when_padded_then_padding_is_cut(void **state)
{
    const struct fake_step steps[] = {{NULL, "3002 0102 FFFFFFFF 9000"}};
    PLAY(card, steps);

    (void)state;
    assert_int_equal(iso_read_der(&reader, 0, 8, &out), 0);
    assert_bytes_hex(buf_view(&out), "30020102");
    fake_reader_done(&card);
}

struct der_row {
    const char *first, *second;
    int code;
};

static const struct der_row bad_der[] = {
    {"9000", NULL, CARD_E_PROTOCOL},
    {"FFFFFFFFFFFFFFFF 9000", NULL, CARD_E_PROTOCOL},
    {"0000000000000000 9000", NULL, CARD_E_PROTOCOL},
    {"3080010000000000 9000", NULL, CARD_E_PROTOCOL},
    {"3082 9000", NULL, CARD_E_PROTOCOL},
    {"3083010000 010203 9000", NULL, CARD_E_LIMIT},
    {"3082 0800 01020304 9000", NULL, CARD_E_BUFFER},
    {"300A 010203040506 9000", "07 6282", CARD_E_PROTOCOL},
    {"6A82", NULL, CARD_E_NOT_FOUND}};

static void test_read_der_when_malformed_then_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < nitems(bad_der); i++) {
        const struct fake_step steps[] = {{NULL, bad_der[i].first},
                                          {NULL, bad_der[i].second}};
        struct fake_card card = {.steps = steps,
                                 .count = bad_der[i].second ? 2 : 1};

        out = (struct buf){raw, 0, 1024};
        fake_reader_open(&reader, &card);
        assert_int_equal(iso_read_der(&reader, 0, 8, &out), bad_der[i].code);
        fake_reader_done(&card);
    }
}

static void test_get_data_when_no_object_then_not_found(void **state)
{
    const uint8_t header[] = {0x4D, 0x08, 0x70, 0x06, 0xBF,
                              0x81, 0x01, 0x02, 0xA0, 0x80};
    const struct fake_step steps[] = {
        {"00CB3FFF0A4D087006BF810102A080", "6102"},
        {"00C0000002", "7000 9000"},
        {NULL, "6A88"}};
    PLAY(card, steps);

    (void)state;
    assert_int_equal(iso_get_data(&reader, 0x3FFF, BYTES_OF(header), &out), 0);
    assert_bytes_hex(buf_view(&out), "7000");
    assert_int_equal(iso_get_data(&reader, 0x3FFF, BYTES_OF(header), &out),
                     CARD_E_NOT_FOUND);
    fake_reader_done(&card);
}

struct verify_row {
    const char *answer;
    int code, tries;
};

static const struct verify_row verify_rows[] = {
    {"9000", 0, CARD_TRIES_UNKNOWN},
    {"63C2", CARD_E_PIN_WRONG, 2},
    {"63C0", CARD_E_PIN_LOCKED, 0},
    {"6300", CARD_E_PIN_WRONG, CARD_TRIES_UNKNOWN},
    {"6983", CARD_E_PIN_LOCKED, 0},
    {"6982", CARD_E_STATUS, CARD_TRIES_UNKNOWN},
    {"6984", CARD_E_STATUS, CARD_TRIES_UNKNOWN},
    {"6700", CARD_E_STATUS, CARD_TRIES_UNKNOWN},
    {"6A88", CARD_E_STATUS, CARD_TRIES_UNKNOWN}};

static void test_verify_then_code_and_tries(void **state)
{
    (void)state;
    for (size_t i = 0; i < nitems(verify_rows); i++) {
        const struct fake_step steps[] = {
            {"002000010431323334", verify_rows[i].answer}};
        int tries = 99;
        PLAY(card, steps);

        assert_int_equal(
            iso_verify(&reader, 1, bytes_of_string("1234"), &tries),
            verify_rows[i].code);
        assert_int_equal(tries, verify_rows[i].tries);
        fake_reader_done(&card);
    }
}

static void test_verify_when_empty_then_nothing_sent(void **state)
{
    struct fake_card card = {.count = 0};
    uint8_t big[CARD_MAX_PIN + 1] = {0};
    int tries;

    (void)state;
    fake_reader_open(&reader, &card);
    assert_int_equal(iso_verify(&reader, 1, bytes_from(NULL, 0), &tries),
                     CARD_E_PIN_FORMAT);
    assert_int_equal(iso_verify(&reader, 1, BYTES_OF(big), &tries),
                     CARD_E_PIN_FORMAT);
    assert_int_equal(card.sent, 0);
}

struct query_row {
    const char *answer;
    int code;
    bool verified;
    int tries;
};

static const struct query_row query_rows[] = {
    {"9000", 0, true, CARD_TRIES_UNKNOWN},
    {"63C3", 0, false, 3},
    {"63C0", 0, false, 0},
    {"6983", 0, false, 0},
    {"6A88", CARD_E_NOT_FOUND, false, CARD_TRIES_UNKNOWN},
    {"6984", CARD_E_STATUS, false, CARD_TRIES_UNKNOWN},
    {"6700", CARD_E_UNSUPPORTED, false, CARD_TRIES_UNKNOWN},
    {"6A86", CARD_E_UNSUPPORTED, false, CARD_TRIES_UNKNOWN},
    {"6D00", CARD_E_UNSUPPORTED, false, CARD_TRIES_UNKNOWN},
    {"6300", CARD_E_UNSUPPORTED, false, CARD_TRIES_UNKNOWN},
    {"6C08", CARD_E_UNSUPPORTED, false, CARD_TRIES_UNKNOWN}};

static void test_verify_query_then_state(void **state)
{
    (void)state;
    for (size_t i = 0; i < nitems(query_rows); i++) {
        const struct fake_step steps[] = {{"0020008100",
                                           query_rows[i].answer}};
        bool verified = true;
        int tries = 99;
        PLAY(card, steps);

        assert_int_equal(iso_verify_query(&reader, 0x81, &verified, &tries),
                         query_rows[i].code);
        assert_int_equal(verified, query_rows[i].verified);
        assert_int_equal(tries, query_rows[i].tries);
        fake_reader_done(&card);
    }
}

/* The CPS3's authentication and signature sequences. */
static void test_crypto_commands_then_their_bytes(void **state)
{
    const uint8_t auth[] = {0x80, 0x01, 0x02, 0x84, 0x01, 0x82};
    const uint8_t hash[] = {0x90, 0x00, 0x80, 0x01, 0xAA};
    const uint8_t info[] = {0x30, 0x00};
    const struct fake_step steps[] = {
        {"002241A406800102840182", "9000"},
        {"0088000002 3000", "6102"},
        {"00C0000002", "AABB 9000"},
        {"002A90A005 90008001AA", "9000"},
        {"002A9E9A00", "CC 9000"},
        {"002A9E9A02 3000", "DD 9000"},
        {"002A9E9A00", "6985"}};
    struct bytes none = bytes_from(NULL, 0);
    PLAY(card, steps);

    (void)state;
    assert_int_equal(
        iso_mse_set(&reader, MSE_SET_COMPUTE, CRT_AT, BYTES_OF(auth)), 0);
    assert_int_equal(
        iso_internal_authenticate(&reader, BYTES_OF(info), 256, &out), 0);
    assert_int_equal(iso_pso_hash(&reader, BYTES_OF(hash)), 0);
    assert_int_equal(iso_pso_sign(&reader, none, 256, &out), 0);
    assert_int_equal(iso_pso_sign(&reader, BYTES_OF(info), 256, &out), 0);
    assert_bytes_hex(buf_view(&out), "AABBCCDD");
    assert_int_equal(iso_pso_sign(&reader, none, 256, &out), CARD_E_STATUS);
    fake_reader_done(&card);
}

static void test_decipher_when_rsa_2048_then_chained(void **state)
{
    const uint8_t cryptogram[256] = {0};
    const struct fake_step steps[] = {{NULL, "9000"},
                                      {"002A808602 0000", "6102"},
                                      {"00C0000002", "AABB 9000"}};
    PLAY(card, steps);

    (void)state;
    reader.chaining = true;
    assert_int_equal(
        iso_pso_decipher(&reader, 0x81, BYTES_OF(cryptogram), 256, &out), 0);
    assert_bytes_hex(buf_view(&out), "AABB");
    fake_reader_done(&card);
}

/* No PIN was presented: such words are about the cryptogram. */
static void test_decipher_when_words_are_of_a_pin_then_a_refusal(void **state)
{
    const uint8_t cryptogram[8] = {0};
    const struct fake_step steps[] = {
        {NULL, "63C2"}, {NULL, "6983"}, {NULL, "6300"}};
    PLAY(card, steps);

    (void)state;
    for (size_t i = 0; i < nitems(steps); i++)
        assert_int_equal(
            iso_pso_decipher(&reader, 0x81, BYTES_OF(cryptogram), 8, &out),
            CARD_E_STATUS);
    fake_reader_done(&card);
}

struct pin_row {
    struct card_pin_info info;
    const char *pin, *block; /* block NULL: CARD_E_PIN_FORMAT */
};

#define ASCII CARD_PIN_ASCII_NUMERIC

static const struct pin_row pins[] = {
    /* The CPS3: min 4, stored 8, max 4, FF */
    {{.type = ASCII, .min_len = 4, .max_len = 4, .stored_len = 8,
      .pad_char = 0xFF, .needs_padding = true},
     "1234", "31323334FFFFFFFF"},
    {{.type = ASCII, .min_len = 4, .max_len = 4}, "12345", NULL},
    {{.type = ASCII, .min_len = 4, .max_len = 4}, "123", NULL},
    {{.type = ASCII, .min_len = 4, .max_len = 8}, "12a4", NULL},
    {{.type = ASCII}, "", NULL},
    {{.type = ASCII, .min_len = 4, .stored_len = 8, .pad_char = 0xFF}, "1234",
     "31323334"},
    {{.type = ASCII, .needs_padding = true, .pad_char = 0xFF}, "1234",
     "31323334"},
    {{.type = ASCII, .stored_len = 4}, "12345", NULL},
    {{.type = CARD_PIN_UTF8, .min_len = 4, .max_len = 4}, "caf\xC3\xA9",
     "636166C3A9"},
    {{.type = CARD_PIN_UTF8, .min_len = 5}, "caf\xC3\xA9", NULL},
    {{.type = CARD_PIN_UTF8, .stored_len = 4}, "caf\xC3\xA9", NULL},
    {{.type = CARD_PIN_BCD}, "1234", "1234"},
    {{.type = CARD_PIN_BCD, .stored_len = 4, .pad_char = 0xFF,
      .needs_padding = true},
     "12345", "12345FFF"},
    {{.type = CARD_PIN_BCD}, "12345x", NULL},
    {{.type = CARD_PIN_HALF_NIBBLE_BCD, .stored_len = 5, .pad_char = 0x0F,
      .needs_padding = true},
     "1290", "010209000F"},
    {{.type = CARD_PIN_ISO9564_1}, "1234", "241234FFFFFFFFFF"},
    {{.type = CARD_PIN_ISO9564_1, .stored_len = 8, .needs_padding = true},
     "12345", "2512345FFFFFFFFF"},
    {{.type = CARD_PIN_ISO9564_1}, "123456789012", "2C123456789012FF"},
    {{.type = CARD_PIN_ISO9564_1}, "1234567890123", NULL},
    {{.type = CARD_PIN_ISO9564_1}, "123", NULL},
    {{.type = (enum card_pin_type)9}, "1234", ""}};

static void test_pin_block_then_as_the_card_stores_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < nitems(pins); i++) {
        struct bytes pin = bytes_of_string(pins[i].pin);
        int rc;

        out.len = 0;
        rc = iso_pin_block(&pins[i].info, pin, &out);
        if (pins[i].block == NULL)
            assert_int_equal(rc, CARD_E_PIN_FORMAT);
        else if (pins[i].block[0] == '\0')
            assert_int_equal(rc, CARD_E_UNSUPPORTED);
        else
            assert_int_equal(rc, 0);
        assert_bytes_hex(buf_view(&out),
                         pins[i].block == NULL ? "" : pins[i].block);
    }
}

static void test_pin_block_when_too_big_then_limit(void **state)
{
    struct card_pin_info info = {.type = ASCII, .stored_len = 65,
                                 .needs_padding = true};
    char big[CARD_MAX_PIN + 2];

    (void)state;
    assert_int_equal(iso_pin_block(&info, bytes_of_string("1234"), &out),
                     CARD_E_LIMIT);
    info.stored_len = 8;
    info.pad_char = 0xFF;
    out.cap = 7;
    assert_int_equal(iso_pin_block(&info, bytes_of_string("1234"), &out),
                     CARD_E_BUFFER);
    memset(big, '1', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    info = (struct card_pin_info){.type = ASCII};
    assert_int_equal(iso_pin_block(&info, bytes_of_string(big), &out),
                     CARD_E_PIN_FORMAT);
    assert_int_equal(out.len, 0);
}

static void test_capabilities_when_not_told_then_none(void **state)
{
    const uint8_t told[] = {0x73, 0x00, 0x00, 0xC0, 0x57, 'Y'};
    const uint8_t behind[] = {0x31, 0xF5, 0x73, 0xC0, 0x01, 0x80};
    const uint8_t other[] = {0x31, 0x73, 0x72, 0x00, 0x80};

    (void)state;
    assert_int_equal(iso_card_capabilities(BYTES_OF(told)),
                     ISO_CHAINING | ISO_EXTENDED);
    assert_int_equal(iso_card_capabilities(BYTES_OF(behind)), ISO_CHAINING);
    assert_int_equal(iso_card_capabilities(BYTES_OF(other)), 0);
    assert_int_equal(iso_card_capabilities(bytes_from(told, 3)), 0);
    assert_int_equal(iso_card_capabilities(bytes_from(NULL, 0)), 0);
}

#define TEST(function) cmocka_unit_test_setup(function, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_select_when_no_fcp_then_not_fetched),
        TEST(test_select_when_fcp_then_fetched),
        TEST(test_read_when_several_chunks_then_exactly_wanted),
        TEST(test_read_when_end_of_file_then_what_there_is),
        TEST(test_read_when_refused_then_error),
        TEST(test_read_when_card_gives_more_then_protocol),
        TEST(test_read_when_past_32767_then_limit),
        TEST(test_read_file_when_buffer_is_full_then_stops),
        TEST(test_read_der_then_exactly_the_object),
        TEST(test_read_der_when_padded_then_padding_is_cut),
        TEST(test_read_der_when_malformed_then_error),
        TEST(test_get_data_when_no_object_then_not_found),
        TEST(test_verify_then_code_and_tries),
        TEST(test_verify_when_empty_then_nothing_sent),
        TEST(test_verify_query_then_state),
        TEST(test_crypto_commands_then_their_bytes),
        TEST(test_decipher_when_rsa_2048_then_chained),
        TEST(test_decipher_when_words_are_of_a_pin_then_a_refusal),
        TEST(test_pin_block_then_as_the_card_stores_it),
        TEST(test_pin_block_when_too_big_then_limit),
        TEST(test_capabilities_when_not_told_then_none)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
