/*
 * The four cases under T=0 and T=1, 61xx, 6Cxx, chaining, extended length,
 * and cards that lie or never end.
 */
#include "card/wire/apdu.h"

#include <stdio.h>
#include <string.h>

#include "card/error.h"
#include "tests/unit/fake_reader.h"
#include "tests/unit/test.h"

static uint8_t input[600];
static uint8_t raw[70000];
static struct buf rsp;
static struct reader reader;
static uint16_t sw;

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(input); i++)
        input[i] = (uint8_t)i;
    reader = (struct reader){.ops = NULL};
    rsp = (struct buf)BUF_ON(raw);
    sw = 0;
    return 0;
}

/* Hex of `prefix`, then n bytes of input from `from` on, then `suffix`. */
static const char *with_input(char *out, const char *prefix, size_t from,
                              size_t n, const char *suffix)
{
    char hex[2 * sizeof(input) + 1];

    bytes_to_hex(bytes_from(input + from, n), hex, sizeof(hex));
    assert_true(snprintf(out, 2000, "%s%s%s", prefix, hex, suffix) < 2000);
    return out;
}

static int run(struct fake_card *card, const struct apdu *cmd,
               enum reader_protocol protocol)
{
    int rc;

    if (reader.io != card)
        fake_reader_open(&reader, card);
    reader.protocol = protocol;
    rc = apdu_exchange(&reader, cmd, cmd->le > 0 ? &rsp : NULL, &sw);
    return rc;
}

static const struct apdu case1 = {.ins = 0x20, .p2 = 0x01};
static const struct apdu case2 = {.ins = 0xB0, .p1 = 1, .p2 = 2, .le = 256};
static const struct apdu case3 = {.ins = 0x22, .p1 = 0x41, .p2 = 0xB6,
                                  .data = {input, 3}};
static const struct apdu case4 = {.ins = 0x88, .data = {input, 3}, .le = 16};

struct form_row {
    const struct apdu *cmd;
    enum reader_protocol protocol;
    const char *bytes;
};

static const struct form_row forms[] = {
    {&case1, READER_T0, "0020000100"},
    {&case1, READER_T1, "00200001"},
    {&case2, READER_T0, "00B0010200"},
    {&case2, READER_T1, "00B0010200"},
    {&case3, READER_T0, "002241B603000102"},
    {&case3, READER_T1, "002241B603000102"},
    {&case4, READER_T0, "0088000003000102"},
    {&case4, READER_T1, "008800000300010210"}};

static void test_exchange_when_each_case_then_its_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < nitems(forms); i++) {
        const struct fake_step steps[] = {{forms[i].bytes, "AABB 6A82"}};
        struct fake_card card = FAKE_CARD(steps);

        rsp.len = 0;
        reader.io = NULL;
        assert_int_equal(run(&card, forms[i].cmd, forms[i].protocol), 0);
        assert_int_equal(sw, 0x6A82);
        assert_int_equal(rsp.len, forms[i].cmd->le > 0 ? 2 : 0);
        fake_reader_done(&card);
    }
}

static void test_exchange_when_61xx_on_t0_then_get_response(void **state)
{
    const struct fake_step steps[] = {{"0088000003000102", "6102"},
                                      {"00C0000002", "AABB 6103"},
                                      {"00C0000003", "CCDDEE 9000"}};
    struct fake_card card = FAKE_CARD(steps);

    (void)state;
    assert_int_equal(run(&card, &case4, READER_T0), 0);
    assert_int_equal(sw, 0x9000);
    assert_bytes_hex(buf_view(&rsp), "AABBCCDDEE");
    assert_int_equal(reader.budget, APDU_BUDGET - 3);
    fake_reader_done(&card);
}

static void test_exchange_when_61xx_on_t1_then_get_response(void **state)
{
    const struct fake_step steps[] = {{"008800000300010210", "11 6100"},
                                      {"00C0000000", "AABB 6282"}};
    struct fake_card card = FAKE_CARD(steps);

    (void)state;
    assert_int_equal(run(&card, &case4, READER_T1), 0);
    assert_int_equal(sw, 0x6282);
    assert_bytes_hex(buf_view(&rsp), "11AABB");
    fake_reader_done(&card);
}

static void test_exchange_when_61xx_and_no_le_then_done(void **state)
{
    const struct fake_step steps[] = {{"002241B603000102", "6110"}};
    struct fake_card card = FAKE_CARD(steps);

    (void)state;
    assert_int_equal(run(&card, &case3, READER_T0), 0);
    assert_int_equal(sw, 0x9000);
    fake_reader_done(&card);
}

static void test_get_response_then_class_without_chain_and_sm(void **state)
{
    static const uint8_t classes[][2] = {{0x01, 0x01}, {0x0D, 0x01},
                                         {0x80, 0x00}, {0x9C, 0x00},
                                         {0x75, 0x45}, {0xA0, 0xA0}};
    char get[16];

    (void)state;
    for (size_t i = 0; i < nitems(classes); i++) {
        const struct fake_step steps[] = {{NULL, "6101"}, {get, "AA9000"}};
        struct fake_card card = FAKE_CARD(steps);
        struct apdu cmd = case2;

        snprintf(get, sizeof(get), "%02XC0000001", classes[i][1]);
        cmd.cla = classes[i][0];
        reader.io = NULL;
        assert_int_equal(run(&card, &cmd, READER_T0), 0);
        fake_reader_done(&card);
    }
}

static void test_exchange_when_sw6c_then_same_command_with_that_le(void **state)
{
    const struct fake_step steps[] = {{"00B0010200", "6C05"},
                                      {"00B0010205", "0102030405 9000"}};
    struct fake_card card = FAKE_CARD(steps);

    (void)state;
    assert_int_equal(run(&card, &case2, READER_T0), 0);
    assert_int_equal(sw, 0x9000);
    assert_bytes_hex(buf_view(&rsp), "0102030405");
    fake_reader_done(&card);
}

static void test_exchange_when_sw6c_on_t1_with_data_then_resent(void **state)
{
    const struct fake_step steps[] = {{"008800000300010210", "6C02"},
                                      {"008800000300010202", "AABB 9000"}};
    struct fake_card card = FAKE_CARD(steps);

    (void)state;
    assert_int_equal(run(&card, &case4, READER_T1), 0);
    assert_bytes_hex(buf_view(&rsp), "AABB");
    fake_reader_done(&card);
}

static void test_get_response_when_sw6c_then_repeated(void **state)
{
    const struct fake_step steps[] = {{"0088000003000102", "6110"},
                                      {"00C0000010", "6C02"},
                                      {"00C0000002", "AABB 9000"}};
    struct fake_card card = FAKE_CARD(steps);

    (void)state;
    assert_int_equal(run(&card, &case4, READER_T0), 0);
    assert_bytes_hex(buf_view(&rsp), "AABB");
    fake_reader_done(&card);
}

static void test_exchange_when_sw6c_again_then_final(void **state)
{
    const struct fake_step steps[] = {{"00B0010200", "6C05"},
                                      {"00B0010205", "6C06"}};
    struct fake_card card = FAKE_CARD(steps);

    (void)state;
    assert_int_equal(run(&card, &case2, READER_T0), 0);
    assert_int_equal(sw, 0x6C06);
    fake_reader_done(&card);
}

static void test_get_response_when_sw6c_was_obeyed_then_final(void **state)
{
    const struct fake_step steps[] = {{"00B0010200", "6C05"},
                                      {"00B0010205", "6105"},
                                      {"00C0000005", "6C03"}};
    struct fake_card card = FAKE_CARD(steps);

    (void)state;
    assert_int_equal(run(&card, &case2, READER_T0), 0);
    assert_int_equal(sw, 0x6C03);
    fake_reader_done(&card);
}

/* T=0 sends no Le beside data: there is nothing to correct. */
static void test_exchange_when_sw6c_on_t0_with_data_then_final(void **state)
{
    const struct fake_step steps[] = {{"0088000003000102", "6C02"}};
    struct fake_card card = FAKE_CARD(steps);

    (void)state;
    assert_int_equal(run(&card, &case4, READER_T0), 0);
    assert_int_equal(sw, 0x6C02);
    fake_reader_done(&card);
}

/* A command with data and no Le may carry a PIN: it goes out once. */
static void test_exchange_when_sw6c_and_no_le_then_never_resent(void **state)
{
    static const struct apdu *const commands[] = {&case1, &case3};

    (void)state;
    for (int protocol = READER_T0; protocol <= READER_T1; protocol++) {
        for (size_t i = 0; i < nitems(commands); i++) {
            const struct fake_step steps[] = {{NULL, "6C08"}};
            struct fake_card card = FAKE_CARD(steps);

            reader.io = NULL;
            assert_int_equal(
                run(&card, commands[i], (enum reader_protocol)protocol), 0);
            assert_int_equal(sw, 0x6C08);
            fake_reader_done(&card);
        }
    }
}

static void test_exchange_when_long_and_chaining_then_blocks(void **state)
{
    char first[2000], last[2000];
    const struct fake_step steps[] = {
        {with_input(first, "102A8086FF", 0, 255, ""), "9000"},
        {with_input(last, "002A808602", 255, 2, ""), "6102"},
        {"00C0000002", "AABB 9000"}};
    struct fake_card card = FAKE_CARD(steps);
    const struct apdu cmd = {.ins = 0x2A, .p1 = 0x80, .p2 = 0x86,
                             .data = {input, 257}, .le = 256};

    (void)state;
    fake_reader_open(&reader, &card);
    reader.chaining = true;
    assert_int_equal(run(&card, &cmd, READER_T0), 0);
    assert_int_equal(sw, 0x9000);
    assert_bytes_hex(buf_view(&rsp), "AABB");
    fake_reader_done(&card);
}

static void test_chain_when_t1_then_le_in_the_last_only(void **state)
{
    char first[2000], second[2000], last[2000];
    const struct fake_step steps[] = {
        {with_input(first, "102A8086FF", 0, 255, ""), "9000"},
        {with_input(second, "102A8086FF", 255, 255, ""), "9000"},
        {with_input(last, "002A80865A", 510, 90, "00"), "9000"}};
    struct fake_card card = FAKE_CARD(steps);
    const struct apdu cmd = {.ins = 0x2A, .p1 = 0x80, .p2 = 0x86,
                             .data = {input, 600}, .le = 256};

    (void)state;
    fake_reader_open(&reader, &card);
    reader.chaining = true;
    assert_int_equal(run(&card, &cmd, READER_T1), 0);
    fake_reader_done(&card);
}

static void test_chain_when_broken_then_rest_is_not_sent(void **state)
{
    const struct fake_step steps[] = {{NULL, "6884"}};
    struct fake_card card = FAKE_CARD(steps);
    const struct apdu cmd = {.ins = 0x2A, .data = {input, 600}, .le = 256};

    (void)state;
    fake_reader_open(&reader, &card);
    reader.chaining = true;
    assert_int_equal(run(&card, &cmd, READER_T0), 0);
    assert_int_equal(sw, 0x6884);
    assert_int_equal(rsp.len, 0);
    fake_reader_done(&card);
}

static void test_exchange_when_extended_then_one_command(void **state)
{
    char first[2000], last[2000];
    const struct fake_step steps[] = {
        {with_input(first, "002A8086000101", 0, 257, "0100"), "AA 9000"},
        {"00CB3FFF000000", "BB 9000"},
        {with_input(last, "00DB3FFF000100", 0, 256, ""), "9000"}};
    struct fake_card card = FAKE_CARD(steps);
    const struct apdu cmd = {.ins = 0x2A, .p1 = 0x80, .p2 = 0x86,
                             .data = {input, 257}, .le = 256};
    const struct apdu get = {.ins = 0xCB, .p1 = 0x3F, .p2 = 0xFF, .le = 65536};
    const struct apdu put = {.ins = 0xDB, .p1 = 0x3F, .p2 = 0xFF,
                             .data = {input, 256}};

    (void)state;
    card.max_data = 65536;
    fake_reader_open(&reader, &card);
    reader.extended = true;
    reader.chaining = true;
    assert_int_equal(run(&card, &cmd, READER_T1), 0);
    assert_int_equal(run(&card, &get, READER_T1), 0);
    assert_int_equal(run(&card, &put, READER_T1), 0);
    assert_bytes_hex(buf_view(&rsp), "AABB");
    fake_reader_done(&card);
}

/* A reader of short commands, or that says nothing. */
static void test_exchange_when_reader_is_short_then_chained(void **state)
{
    static const unsigned told[] = {READER_SHORT_DATA, 0};
    char first[2000], last[2000];
    const struct fake_step steps[] = {
        {with_input(first, "102A8086FF", 0, 255, ""), "9000"},
        {with_input(last, "002A808602", 255, 2, "00"), "AA 6101"},
        {"00C0000001", "BB 9000"},
        {"00CB3FFF00", "CC 6101"},
        {"00C0000001", "DD 9000"}};
    const struct apdu cmd = {.ins = 0x2A, .p1 = 0x80, .p2 = 0x86,
                             .data = {input, 257}, .le = 512};
    const struct apdu get = {.ins = 0xCB, .p1 = 0x3F, .p2 = 0xFF, .le = 65536};

    (void)state;
    for (size_t i = 0; i < nitems(told); i++) {
        struct fake_card card = FAKE_CARD(steps);

        card.max_data = told[i];
        fake_reader_open(&reader, &card);
        reader.extended = reader.chaining = true;
        rsp.len = 0;
        assert_int_equal(run(&card, &cmd, READER_T1), 0);
        assert_int_equal(run(&card, &get, READER_T1), 0);
        assert_bytes_hex(buf_view(&rsp), "AABBCCDD");
        fake_reader_done(&card);
    }
}

static void test_exchange_when_reader_has_a_limit_then_kept(void **state)
{
    char whole[2000];
    const struct fake_step steps[] = {
        {with_input(whole, "002A80860001F4", 0, 500, "01F4"), "9000"},
        {"00CB3FFF0001F4", "9000"},
        {NULL, "9000"},
        {NULL, "9000"}};
    struct fake_card card = FAKE_CARD(steps);
    struct apdu cmd = {.ins = 0x2A, .p1 = 0x80, .p2 = 0x86,
                       .data = {input, 500}, .le = 512};
    const struct apdu get = {.ins = 0xCB, .p1 = 0x3F, .p2 = 0xFF, .le = 65536};

    (void)state;
    card.max_data = 500;
    fake_reader_open(&reader, &card);
    reader.extended = reader.chaining = true;
    assert_int_equal(run(&card, &cmd, READER_T1), 0);
    assert_int_equal(run(&card, &get, READER_T1), 0);
    cmd.data.len = 501;
    assert_int_equal(run(&card, &cmd, READER_T1), 0);
    fake_reader_done(&card);
}

/* Without chaining: extended at a reader that says nothing, else not at all. */
static void test_exchange_when_no_chaining_then_reader_decides(void **state)
{
    char whole[2000];
    const struct fake_step steps[] = {
        {with_input(whole, "002A8086000101", 0, 257, "0200"), "9000"},
        {"00CB3FFF000000", "9000"},
        {"00CB3FFF00", "9000"}};
    struct fake_card card = FAKE_CARD(steps);
    const struct apdu cmd = {.ins = 0x2A, .p1 = 0x80, .p2 = 0x86,
                             .data = {input, 257}, .le = 512};
    const struct apdu get = {.ins = 0xCB, .p1 = 0x3F, .p2 = 0xFF, .le = 65536};

    (void)state;
    fake_reader_open(&reader, &card);
    reader.extended = true;
    assert_int_equal(run(&card, &cmd, READER_T1), 0);
    assert_int_equal(run(&card, &get, READER_T1), 0);
    card.max_data = READER_SHORT_DATA;
    assert_int_equal(run(&card, &cmd, READER_T1), CARD_E_UNSUPPORTED);
    assert_non_null(strstr(card_error_sentence(), "reader does not carry"));
    assert_int_equal(card.sent, 2);
    assert_int_equal(run(&card, &get, READER_T1), 0);
    fake_reader_done(&card);
}

static void test_reader_is_asked_only_for_what_is_long(void **state)
{
    const struct fake_step steps[] = {{NULL, "9000"}};
    struct fake_card card = FAKE_CARD(steps);
    struct apdu cmd = {.ins = 0x88, .data = {input, 255}, .le = 256};

    (void)state;
    card.endless = true;
    fake_reader_open(&reader, &card);
    reader.extended = reader.chaining = true;
    assert_int_equal(run(&card, &cmd, READER_T1), 0);
    assert_int_equal(card.asked, 0);
    cmd.data.len++;
    assert_int_equal(run(&card, &cmd, READER_T0), 0);
    reader.extended = false;
    assert_int_equal(run(&card, &cmd, READER_T1), 0);
    assert_int_equal(card.asked, 0);
    reader.extended = true;
    assert_int_equal(run(&card, &cmd, READER_T1), 0);
    assert_int_equal(card.asked, 1);
}

static void test_exchange_when_extended_on_t0_then_chained(void **state)
{
    const struct fake_step steps[] = {{NULL, "9000"}, {NULL, "9000"}};
    struct fake_card card = FAKE_CARD(steps);
    const struct apdu cmd = {.ins = 0x2A, .data = {input, 257}};

    (void)state;
    fake_reader_open(&reader, &card);
    reader.extended = true;
    reader.chaining = true;
    assert_int_equal(run(&card, &cmd, READER_T0), 0);
    fake_reader_done(&card);
}

static void test_exchange_when_long_and_no_way_then_nothing_sent(void **state)
{
    struct fake_card card = {.count = 0};
    const struct apdu cmd = {.ins = 0x2A, .data = {input, 256}};

    (void)state;
    assert_int_equal(run(&card, &cmd, READER_T0), CARD_E_UNSUPPORTED);
    reader.extended = true;
    assert_int_equal(run(&card, &cmd, READER_T0), CARD_E_UNSUPPORTED);
    assert_int_equal(card.sent, 0);
    assert_int_equal(reader.budget, APDU_BUDGET);
}

static void test_exchange_when_le_over_256_short_then_00(void **state)
{
    const struct fake_step steps[] = {{"00B0000000", "9000"}};
    struct fake_card card = FAKE_CARD(steps);
    const struct apdu cmd = {.ins = 0xB0, .le = 512};

    (void)state;
    assert_int_equal(run(&card, &cmd, READER_T1), 0);
    fake_reader_done(&card);
}

static void test_exchange_when_no_status_word_then_protocol(void **state)
{
    const struct fake_step steps[] = {{NULL, "90"}, {NULL, ""}};
    struct fake_card card = FAKE_CARD(steps);

    (void)state;
    assert_int_equal(run(&card, &case2, READER_T0), CARD_E_PROTOCOL);
    assert_int_equal(run(&card, &case2, READER_T0), CARD_E_PROTOCOL);
    assert_int_equal(rsp.len, 0);
}

static void test_exchange_when_removed_then_reader_error(void **state)
{
    const struct fake_step steps[] = {{NULL, "6105"}, {NULL, NULL}};
    struct fake_card card = FAKE_CARD(steps);

    (void)state;
    assert_int_equal(run(&card, &case2, READER_T0), CARD_E_REMOVED);
    fake_reader_done(&card);
}

static void test_exchange_when_answer_over_capacity_then_buffer(void **state)
{
    const struct fake_step steps[] = {{NULL, "0102 6103"},
                                      {NULL, "030405 9000"}};
    struct fake_card card = FAKE_CARD(steps);

    (void)state;
    rsp.cap = 4;
    assert_int_equal(run(&card, &case2, READER_T0), CARD_E_BUFFER);
    assert_true(rsp.len <= 4);
    fake_reader_done(&card);
}

static void test_exchange_when_61xx_gives_nothing_then_ends(void **state)
{
    const struct fake_step steps[] = {{NULL, "6110"}};
    struct fake_card card = FAKE_CARD(steps);

    (void)state;
    card.endless = true;
    assert_int_equal(run(&card, &case2, READER_T0), CARD_E_PROTOCOL);
    assert_int_equal(card.sent, 2);
}

static void test_exchange_when_61xx_endless_then_capped(void **state)
{
    char answer[520] = "";
    const struct fake_step steps[] = {{NULL, answer}};
    struct fake_card card = FAKE_CARD(steps);

    (void)state;
    memset(answer, 'A', 512);
    memcpy(answer + 512, "6100", 4);
    card.endless = true;
    assert_int_equal(run(&card, &case2, READER_T0), CARD_E_PROTOCOL);
    assert_int_equal(card.sent, APDU_MAX_ANSWER / 256 + 1);
}

static void test_exchange_when_budget_is_spent_then_limit(void **state)
{
    const struct fake_step steps[] = {{NULL, "AA 6101"}};
    struct fake_card card = FAKE_CARD(steps);

    (void)state;
    card.endless = true;
    assert_int_equal(run(&card, &case2, READER_T0), CARD_E_LIMIT);
    assert_int_equal(card.sent, APDU_BUDGET);
    assert_int_equal(reader.budget, 0);
    assert_int_equal(run(&card, &case2, READER_T0), CARD_E_LIMIT);
    assert_int_equal(card.sent, APDU_BUDGET);
}

static void test_exchange_when_le_and_no_buffer_then_argument(void **state)
{
    struct fake_card card = {.count = 0};

    (void)state;
    fake_reader_open(&reader, &card);
    assert_int_equal(apdu_exchange(&reader, &case2, NULL, &sw),
                     CARD_E_ARGUMENT);
}

struct sw_row {
    uint16_t sw;
    int code;
};

static const struct sw_row sw_rows[] = {
    {0x9000, 0},
    {0x63C2, CARD_E_PIN_WRONG},
    {0x63C0, CARD_E_PIN_LOCKED},
    {0x6300, CARD_E_PIN_WRONG},
    {0x6982, CARD_E_LOGIN},
    {0x6983, CARD_E_PIN_LOCKED},
    {0x6984, CARD_E_STATUS},
    {0x6985, CARD_E_STATUS},
    {0x6A82, CARD_E_NOT_FOUND},
    {0x6A88, CARD_E_NOT_FOUND},
    {0x6D00, CARD_E_UNSUPPORTED},
    {0x6E00, CARD_E_UNSUPPORTED},
    {0x6100, CARD_E_STATUS},
    {0x0000, CARD_E_STATUS}};

static void test_sw_error_then_code_and_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < nitems(sw_rows); i++)
        assert_int_equal(apdu_sw_error(sw_rows[i].sw, "x"), sw_rows[i].code);
    apdu_sw_error(0x6A82, "read a file");
    assert_string_equal(card_error_sentence(),
                        "read a file: card answered 6A82 (file not found)");
    apdu_sw_error(0x63C2, "verify");
    assert_string_equal(
        card_error_sentence(),
        "verify: card answered 63C2 (wrong PIN, tries left: 2)");
}

#define TEST(function) cmocka_unit_test_setup(function, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_exchange_when_each_case_then_its_form),
        TEST(test_exchange_when_61xx_on_t0_then_get_response),
        TEST(test_exchange_when_61xx_on_t1_then_get_response),
        TEST(test_exchange_when_61xx_and_no_le_then_done),
        TEST(test_get_response_then_class_without_chain_and_sm),
        TEST(test_exchange_when_sw6c_then_same_command_with_that_le),
        TEST(test_exchange_when_sw6c_on_t1_with_data_then_resent),
        TEST(test_get_response_when_sw6c_then_repeated),
        TEST(test_exchange_when_sw6c_again_then_final),
        TEST(test_get_response_when_sw6c_was_obeyed_then_final),
        TEST(test_exchange_when_sw6c_on_t0_with_data_then_final),
        TEST(test_exchange_when_sw6c_and_no_le_then_never_resent),
        TEST(test_exchange_when_long_and_chaining_then_blocks),
        TEST(test_chain_when_t1_then_le_in_the_last_only),
        TEST(test_chain_when_broken_then_rest_is_not_sent),
        TEST(test_exchange_when_extended_then_one_command),
        TEST(test_exchange_when_reader_is_short_then_chained),
        TEST(test_exchange_when_reader_has_a_limit_then_kept),
        TEST(test_exchange_when_no_chaining_then_reader_decides),
        TEST(test_reader_is_asked_only_for_what_is_long),
        TEST(test_exchange_when_extended_on_t0_then_chained),
        TEST(test_exchange_when_long_and_no_way_then_nothing_sent),
        TEST(test_exchange_when_le_over_256_short_then_00),
        TEST(test_exchange_when_no_status_word_then_protocol),
        TEST(test_exchange_when_removed_then_reader_error),
        TEST(test_exchange_when_answer_over_capacity_then_buffer),
        TEST(test_exchange_when_61xx_gives_nothing_then_ends),
        TEST(test_exchange_when_61xx_endless_then_capped),
        TEST(test_exchange_when_budget_is_spent_then_limit),
        TEST(test_exchange_when_le_and_no_buffer_then_argument),
        TEST(test_sw_error_then_code_and_sentence)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
