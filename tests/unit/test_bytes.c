/*
 * Views, cursors, bounded buffers, hexadecimal; the error sentence.
 */
#include "card/base/bytes.h"

#include <pthread.h>
#include <string.h>

#include "card/error.h"
#include "tests/unit/test.h"

static void test_take_when_too_short_then_nothing_moves(void **state)
{
    const uint8_t data[] = {1, 2, 3};
    struct bytes cursor = BYTES_OF(data);
    struct bytes out;
    uint16_t u16;
    uint8_t u8;

    (void)state;
    assert_true(bytes_take_u16(&cursor, &u16));
    assert_int_equal(u16, 0x0102);
    assert_false(bytes_take_u16(&cursor, &u16));
    assert_false(bytes_take(&cursor, 2, &out));
    assert_false(bytes_take(&cursor, SIZE_MAX, &out));
    assert_int_equal(cursor.len, 1);
    assert_true(bytes_take_u8(&cursor, &u8));
    assert_int_equal(u8, 3);
    assert_false(bytes_take_u8(&cursor, &u8));
    assert_true(bytes_take(&cursor, 0, &out));
}

static void test_equal_when_lengths_or_bytes_differ_then_false(void **state)
{
    struct bytes a = bytes_of_string("1234");

    (void)state;
    assert_true(bytes_equal(a, bytes_of_string("1234")));
    assert_true(bytes_equal_secret(a, bytes_of_string("1234")));
    assert_false(bytes_equal(a, bytes_of_string("1235")));
    assert_false(bytes_equal_secret(a, bytes_of_string("0234")));
    assert_false(bytes_equal(a, bytes_of_string("12345")));
    assert_false(bytes_equal_secret(a, bytes_of_string("123")));
    assert_true(bytes_equal(bytes_from(NULL, 0), bytes_from(NULL, 0)));
    assert_true(bytes_start_with(a, bytes_of_string("12")));
    assert_true(bytes_start_with(a, bytes_from(NULL, 0)));
    assert_false(bytes_start_with(bytes_of_string("12"), a));
}

static void test_put_when_full_then_buffer_error_and_unchanged(void **state)
{
    uint8_t raw[4];
    struct buf b = BUF_ON(raw);

    (void)state;
    assert_int_equal(buf_put_u16(&b, 0xABCD), 0);
    assert_int_equal(buf_put_u8(&b, 0xEF), 0);
    assert_int_equal(buf_put_u16(&b, 0x1234), CARD_E_BUFFER);
    assert_int_equal(buf_put(&b, bytes_from(NULL, 0)), 0);
    assert_bytes_hex(buf_view(&b), "ABCDEF");
    assert_int_equal(buf_put_u8(&b, 0x01), 0);
    assert_int_equal(buf_put_u8(&b, 0x02), CARD_E_BUFFER);
}

static void test_contain_when_at_either_end_then_true(void **state)
{
    struct bytes all = bytes_of_string("YubiKey");

    (void)state;
    assert_true(bytes_contain(all, bytes_of_string("Yu")));
    assert_true(bytes_contain(all, bytes_of_string("Key")));
    assert_true(bytes_contain(all, all));
    assert_false(bytes_contain(all, bytes_of_string("Keys")));
    assert_false(bytes_contain(all, bytes_of_string("YubiKeys")));
    assert_false(bytes_contain(bytes_from(NULL, 0), all));
}

static void test_put_number_when_short_or_long_then_exact_length(void **state)
{
    const uint8_t number[] = {0, 0, 0x12, 0x34}, wide[] = {0, 0, 0x12, 0x34};
    uint8_t raw[8];
    struct buf b = BUF_ON(raw);

    (void)state;
    assert_int_equal(buf_put_number(&b, bytes_from(number + 2, 2), 4), 0);
    assert_true(bytes_equal(buf_view(&b), BYTES_OF(wide)));
    b.len = 0;
    assert_int_equal(buf_put_number(&b, BYTES_OF(number), 2), 0);
    assert_true(bytes_equal(buf_view(&b), bytes_from(number + 2, 2)));
    assert_int_equal(buf_put_number(&b, BYTES_OF(number), 1), CARD_E_PROTOCOL);
    assert_int_equal(b.len, 2);
    assert_int_equal(buf_put_number(&b, bytes_from(NULL, 0), 2), 0);
    assert_int_equal(b.len, 4);
    assert_int_equal(buf_put_number(&b, BYTES_OF(number), 5), CARD_E_BUFFER);
}

static void test_wipe_then_whole_capacity_is_zero(void **state)
{
    uint8_t raw[] = {1, 2, 3, 4};
    const uint8_t zero[4] = {0};
    struct buf b = {raw, 2, sizeof(raw)};

    (void)state;
    buf_wipe(&b);
    assert_int_equal(b.len, 0);
    assert_int_equal(b.cap, 4);
    assert_memory_equal(raw, zero, sizeof(zero));
}

static void test_buf_new_and_free_then_empty(void **state)
{
    struct buf b;

    (void)state;
    assert_int_equal(buf_new(&b, 100), 0);
    assert_int_equal(b.cap, 100);
    assert_int_equal(b.len, 0);
    memset(b.data, 0x55, 100);
    buf_free(&b);
    assert_null(b.data);
    assert_int_equal(b.cap, 0);
    buf_free(&b);
}

static void test_to_hex_when_cap_is_small_then_whole_bytes(void **state)
{
    const uint8_t data[] = {0x0A, 0xBC, 0xDE};
    char out[8];

    (void)state;
    assert_string_equal(bytes_to_hex(BYTES_OF(data), out, 8), "0ABCDE");
    assert_string_equal(bytes_to_hex(BYTES_OF(data), out, 7), "0ABCDE");
    assert_string_equal(bytes_to_hex(BYTES_OF(data), out, 6), "0ABC");
    assert_string_equal(bytes_to_hex(BYTES_OF(data), out, 2), "");
    assert_string_equal(bytes_to_hex(BYTES_OF(data), out, 1), "");
    strcpy(out, "keep");
    assert_string_equal(bytes_to_hex(BYTES_OF(data), out, 0), "keep");
}

static void test_from_hex_when_odd_or_foreign_then_argument(void **state)
{
    uint8_t raw[4];
    struct buf b = BUF_ON(raw);

    (void)state;
    assert_int_equal(bytes_from_hex(" 0a\tBc\n", &b), 0);
    assert_int_equal(b.len, 2);
    assert_int_equal(raw[0], 0x0A);
    assert_int_equal(raw[1], 0xBC);
    assert_int_equal(bytes_from_hex("123", &b), CARD_E_ARGUMENT);
    assert_int_equal(bytes_from_hex("0g", &b), CARD_E_ARGUMENT);
    b.len = 0;
    assert_int_equal(bytes_from_hex("0102030405", &b), CARD_E_BUFFER);
}

static void test_error_when_in_context_then_prefixed(void **state)
{
    (void)state;
    card_error_clear();
    assert_string_equal(card_error_sentence(), "");
    assert_int_equal(card_fail(CARD_E_COMM, "answer %d", 7), CARD_E_COMM);
    assert_int_equal(card_fail_in(CARD_E_COMM, "reader %s", "A"), CARD_E_COMM);
    assert_string_equal(card_error_sentence(), "reader A: answer 7");
    card_fail(CARD_E_COMM, "again %s", card_error_sentence());
    assert_string_equal(card_error_sentence(), "again reader A: answer 7");
}

static void test_error_when_too_long_then_cut(void **state)
{
    char text[1000];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    card_fail(CARD_E_COMM, "%s", text);
    assert_int_equal(strlen(card_error_sentence()), 511);
    card_fail_in(CARD_E_COMM, "%s", text);
    assert_int_equal(strlen(card_error_sentence()), 511);
    card_fail(CARD_E_COMM, "%.508s", text);
    card_fail_in(CARD_E_COMM, "%s", "abcdef");
    assert_int_equal(strlen(card_error_sentence()), 511);
}

static void *fail_elsewhere(void *arg)
{
    (void)arg;
    card_fail(CARD_E_COMM, "other thread");
    return NULL;
}

static void test_error_when_other_thread_fails_then_own_sentence(void **state)
{
    pthread_t thread;

    (void)state;
    card_fail(CARD_E_COMM, "own");
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
    pthread_join(thread, NULL);
    assert_string_equal(card_error_sentence(), "own");
}

static void test_error_names_then_every_code_has_one(void **state)
{
    const struct card_error_name *row = card_error_names;

    (void)state;
    for (int code = CARD_E_MEMORY; code >= CARD_E_TOKEN; code--, row++) {
        assert_int_equal(row->code, code);
        assert_ptr_equal(card_error_name(code), row);
        assert_true(strlen(row->words) > 0);
        assert_non_null(row->remedy);
    }
    assert_int_equal(row->code, CARD_OK);
    assert_ptr_equal(card_error_name(0), row);
    assert_string_equal(card_error_name(-1000)->words, "unknown error code");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_take_when_too_short_then_nothing_moves),
        cmocka_unit_test(test_equal_when_lengths_or_bytes_differ_then_false),
        cmocka_unit_test(test_put_when_full_then_buffer_error_and_unchanged),
        cmocka_unit_test(test_contain_when_at_either_end_then_true),
        cmocka_unit_test(test_put_number_when_short_or_long_then_exact_length),
        cmocka_unit_test(test_wipe_then_whole_capacity_is_zero),
        cmocka_unit_test(test_buf_new_and_free_then_empty),
        cmocka_unit_test(test_to_hex_when_cap_is_small_then_whole_bytes),
        cmocka_unit_test(test_from_hex_when_odd_or_foreign_then_argument),
        cmocka_unit_test(test_error_when_in_context_then_prefixed),
        cmocka_unit_test(test_error_when_too_long_then_cut),
        cmocka_unit_test(test_error_when_other_thread_fails_then_own_sentence),
        cmocka_unit_test(test_error_names_then_every_code_has_one)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
