/*
 * What cards say of themselves reaches people as clean text, whatever it is.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "card/base/text.h"
#include "card/driver/fields.h"
#include "card/error.h"

/* Text as a card has it, in hex, and as it is shown in so many bytes. */
static const struct {
    const char *hex, *shown;
    size_t cap;
} texts[] = {
    {"", "", 16},
    {"4D617274696E", "Martin", 16},
    {"C3896C6F646965", "\xC3\x89lodie", 16},
    {"C96C6F646965", "\xC3\x89lodie", 16},             /* Latin-1 */
    {"C3C9", "\xC3\x83\xC3\x89", 16},                  /* likewise */
    {"611B5B326A0D0A62", "a?[2j??b", 16},              /* ESC [2J, CR LF */
    {"610062", "a?b", 16},
    {"61C29B62", "a?b", 16},                           /* CSI as U+009B */
    {"61E280AE62", "a?b", 16},                         /* turns the writing */
    {"61E281A662", "a?b", 16},
    {"61E280A862", "a?b", 16},                         /* a new line */
    {"C0AF", "\xC3\x80\xC2\xAF", 16},                  /* over-long is none */
    {"EDA080", "\xC3\xAD\xC2\xA0?"  /* nor a surrogate; 80 is a control */, 16},
    {"616263", "ab", 3},
    {"61C389", "a", 3},                                /* no half of a letter */
    {"F09F9982", "\xF0\x9F\x99\x82", 5},
    {"F09F9982", "", 4},
};

static void test_text_is_clean_and_cut_at_a_character(void **state)
{
    (void)state;
    for (size_t i = 0; i < nitems(texts); i++) {
        uint8_t space[64];
        struct buf text = BUF_ON(space);
        char out[16];

        assert_int_equal(bytes_from_hex(texts[i].hex, &text), 0);
        text_copy(out, texts[i].cap, buf_view(&text));
        assert_string_equal(out, texts[i].shown);
    }
}

/* The last field given, and what is answered to it. */
struct taken {
    char name[32], value[FIELD_MAX];
    bool personal;
    unsigned count;
    int answer;
};

static int take(void *arg, const struct card_field *field)
{
    struct taken *t = arg;

    strncpy(t->name, field->name, sizeof(t->name) - 1);
    strncpy(t->value, field->value, sizeof(t->value) - 1);
    t->personal = field->personal;
    t->count++;
    return t->answer;
}

static void test_fields_come_as_text_hex_and_number(void **state)
{
    static const uint8_t raw[] = {0x0A, 0xFF};
    struct taken t = {.count = 0};
    struct fields f = {.put = take, .arg = &t};

    (void)state;
    fields_text(&f, "holder", bytes_of_string("MARTIN\n"), "DO 5B", true);
    assert_string_equal(t.value, "MARTIN?");
    assert_true(t.personal);
    fields_hex(&f, "guid", BYTES_OF(raw), "CHUID 34", false);
    assert_string_equal(t.value, "0AFF");
    fields_number(&f, "signature-count", UINT32_MAX, "DO 93");
    assert_string_equal(t.value, "4294967295");
    assert_false(t.personal);
    assert_int_equal(t.count, 3);
}

static void test_nothing_is_no_field_and_too_much_is_cut(void **state)
{
    static const uint8_t much[4096] = {0};
    struct taken t = {.count = 0};
    struct fields f = {.put = take, .arg = &t};

    (void)state;
    fields_text(&f, "login", bytes_from(NULL, 0), "DO 5E", true);
    fields_hex(&f, "guid", bytes_from(NULL, 0), "CHUID 34", false);
    assert_int_equal(t.count, 0);
    fields_text(&f, "login", BYTES_OF(much), "DO 5E", true);
    assert_int_equal(strlen(t.value), FIELD_MAX - 1);
    fields_hex(&f, "guid", BYTES_OF(much), "CHUID 34", false);
    assert_true(strlen(t.value) < FIELD_MAX);
    assert_int_equal(t.count, 2);
}

static void test_an_error_ends_them(void **state)
{
    struct taken t = {.answer = CARD_E_CANCELLED};
    struct fields f = {.put = take, .arg = &t};

    (void)state;
    for (int i = 0; i < 3; i++)
        fields_number(&f, "signature-count", 1, "DO 93");
    assert_int_equal(t.count, 1);
    assert_int_equal(f.rc, CARD_E_CANCELLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_clean_and_cut_at_a_character),
        cmocka_unit_test(test_fields_come_as_text_hex_and_number),
        cmocka_unit_test(test_nothing_is_no_field_and_too_much_is_cut),
        cmocka_unit_test(test_an_error_ends_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
