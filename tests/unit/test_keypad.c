/*
 * PINs entered at a reader's keypad: what the reader is asked and told (PC/SC
 * part 10), the commands it completes, and when the card layer has it do so.
 */
#define _DEFAULT_SOURCE /* mkstemp */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "card/error.h"
#include "card/object.h"
#include "card/reader/part10.h"
#include "card/wire/apdu.h"
#include "card/wire/iso_pin_set.h"
#include "tests/sim/keypad.h"
#include "tests/unit/card_world.h"
#include "tests/unit/fake_reader.h"
#include "tests/unit/test.h"

#define AUTH "card:usage=auth?pin-value=1234"

/* A keypad for readers that have none, and who stands before it. */
static struct {
    struct reader_keypad offers;
    const char *typed[4]; /* one entry after the other */
    uint16_t answer;      /* of the reader itself, whatever is typed; or 0 */
    unsigned asked, entered;
} pad;

static void pad_keypad(struct reader *r, struct reader_keypad *out)
{
    (void)r;
    pad.asked++;
    *out = pad.offers;
}

static int pad_enter_pin(struct reader *r, const struct reader_entry *entry,
                         struct buf *rsp)
{
    const char *typed = pad.typed[pad.entered++ % nitems(pad.typed)];
    uint8_t structure_space[PART10_MAX_STRUCTURE], apdu_space[300];
    struct buf structure = BUF_ON(structure_space);
    struct buf apdu = BUF_ON(apdu_space);
    unsigned sw = pad.answer;

    assert_int_equal(part10_structure(entry, &structure), 0);
    if (sw == 0)
        sw = keypad_complete(entry->modify, buf_view(&structure),
                             typed != NULL ? typed : "", &apdu);
    return sw == KEYPAD_DONE ? r->ops->transmit(r, buf_view(&apdu), rsp)
                             : buf_put_u16(rsp, (uint16_t)sw);
}

static const struct reader_ops *with_keypad(const struct reader_ops *base)
{
    static struct reader_ops ops;

    ops = *base;
    ops.keypad = pad_keypad;
    ops.enter_pin = pad_enter_pin;
    return &ops;
}

static int set_up(void **state)
{
    (void)state;
    memset(&pad, 0, sizeof(pad));
    pad.offers = (struct reader_keypad){.verify = true, .modify = true};
    return 0;
}

/* ---- part 10 ------------------------------------------------------------- */

static struct part10_features features_of(const char *hex)
{
    uint8_t space[PART10_MAX_ANSWER];
    struct buf answer = BUF_ON(space);
    struct part10_features features;

    assert_int_equal(bytes_from_hex(hex, &answer), 0);
    part10_features(buf_view(&answer), &features);
    return features;
}

static void test_features_are_read_and_others_passed_over(void **state)
{
    struct part10_features f =
        features_of("0A0442330001 060442330006 070442330007 120442330012");

    (void)state;
    assert_int_equal(f.verify, 0x42330006);
    assert_int_equal(f.modify, 0x42330007);
    assert_int_equal(f.properties, 0x42330012);
    f = features_of("2004FFFFFFFF 0604FF000001");
    assert_int_equal(f.verify, 0xFF000001);
    assert_int_equal(f.modify, 0);
}

static void test_features_when_malformed_are_none(void **state)
{
    static const char *const answers[] = {
        "", "06", "0604", "0604423300", "0603423300", "060542330006FF",
        "06FF42330006", "9000"};

    (void)state;
    for (size_t i = 0; i < nitems(answers); i++)
        assert_int_equal(features_of(answers[i]).verify, 0);
    /* one of them does not hide the next */
    assert_int_equal(features_of("0703423300 060442330006").verify,
                     0x42330006);
}

static void test_limits_are_read_or_unknown(void **state)
{
    const uint8_t good[] = {1, 2, 0, 16, 6, 1, 4, 7, 1, 12};
    const uint8_t bad[] = {6, 2, 4, 0, 10, 2, 0, 4, 7, 1};
    struct part10_limits limits;

    (void)state;
    part10_limits(BYTES_OF(good), &limits);
    assert_int_equal(limits.min_pin, 4);
    assert_int_equal(limits.max_pin, 12);
    assert_int_equal(limits.max_data, 0);
    part10_limits(BYTES_OF(bad), &limits);
    assert_int_equal(limits.min_pin, 0);
    assert_int_equal(limits.max_pin, 0);
    assert_int_equal(limits.max_data, 0);
}

/* dwMaxAPDUDataSize: libccid tells 0 or 65536. */
static void test_most_data_is_read_and_nonsense_passed_over(void **state)
{
    static const struct {
        uint8_t answer[6];
        unsigned max_data;
    } rows[] = {
        {{10, 4, 0x00, 0x00, 0x00, 0x00}, READER_SHORT_DATA},
        {{10, 4, 0xFB, 0x00, 0x00, 0x00}, READER_SHORT_DATA},
        {{10, 4, 0x05, 0x01, 0x00, 0x00}, READER_SHORT_DATA},
        {{10, 4, 0x06, 0x01, 0x00, 0x00}, 262},
        {{10, 4, 0xF6, 0x03, 0x00, 0x00}, 1014},
        {{10, 4, 0x00, 0x00, 0x01, 0x00}, 65536},
        {{10, 4, 0x01, 0x00, 0x01, 0x00}, 0},
        {{10, 4, 0xFF, 0xFF, 0xFF, 0xFF}, 0},
    };
    struct part10_limits limits;

    (void)state;
    for (size_t i = 0; i < nitems(rows); i++) {
        part10_limits(BYTES_OF(rows[i].answer), &limits);
        assert_int_equal(limits.max_data, rows[i].max_data);
    }
}

static void check_structure(const struct reader_entry *entry, const char *hex)
{
    uint8_t space[PART10_MAX_STRUCTURE];
    struct buf out = BUF_ON(space);

    assert_int_equal(part10_structure(entry, &out), 0);
    assert_bytes_hex(buf_view(&out), hex);
}

static void test_structures_are_part_10s(void **state)
{
    const uint8_t verify[] = {0x00, 0x20, 0x00, 0x01, 0x08, 0x20, 0xFF, 0xFF,
                              0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    const uint8_t change[] = {0x00, 0x24, 0x00, 0x01, 0x00};
    struct reader_entry entry = {.command = BYTES_OF(verify), .block = 8,
                                 .min_len = 4, .max_len = 12};

    (void)state;
    check_structure(&entry, "1919 820800 0C04 02FF0904 00 000000 0D000000"
                            "0020000108 20FFFFFFFFFFFFFF");
    /* as in the reference manual of ACS's ACR83 */
    entry.digits = READER_DIGITS_ISO9564;
    check_structure(&entry, "1919 414804 0C04 02FF0904 00 000000 0D000000"
                            "0020000108 20FFFFFFFFFFFFFF");
    entry = (struct reader_entry){.command = BYTES_OF(change), .min_len = 4,
                                  .max_len = 8, .modify = true};
    check_structure(&entry, "1919 820000 0000 0804 03 02FF0904 000102 000000"
                            "05000000 0024000100");
    entry.max_len = 256;
    assert_int_equal(part10_structure(&entry, &(struct buf){NULL, 0, 0}),
                     CARD_E_ARGUMENT);
}

/* ---- commands ------------------------------------------------------------ */

static struct reader reader;

/* The card expects one command, or none (NULL). */
static void open_reader(struct fake_card *card, struct fake_step *step,
                        const char *command, const char *answer)
{
    *step = (struct fake_step){command, answer};
    *card = (struct fake_card){.steps = step, .count = command != NULL};
    fake_reader_open(&reader, card);
    reader.ops = with_keypad(&fake_reader);
}

static int present(struct card_pin_info *pin, const char *typed,
                   const char *command, const char *answer)
{
    struct fake_step step;
    struct fake_card card;
    int rc;

    open_reader(&card, &step, command, answer);
    pad.typed[0] = typed;
    pad.entered = 0;
    rc = iso_present_pin(&reader, pin, bytes_of_string(pin->keypad ? ""
                                                                   : typed));
    fake_reader_done(&card);
    return rc;
}

static void test_keypad_builds_what_is_built_from_a_value(void **state)
{
    static const struct {
        struct card_pin_info info;
        const char *typed, *command;
    } rows[] = {
        {{.type = CARD_PIN_ASCII_NUMERIC, .min_len = 4, .max_len = 8,
          .stored_len = 8, .pad_char = 0xFF, .needs_padding = true, .ref = 1},
         "12345", "0020000108 3132333435FFFFFF"},
        {{.type = CARD_PIN_ASCII_NUMERIC, .ref = 0x81}, "123456",
         "0020008106 313233343536"},
        {{.type = CARD_PIN_UTF8, .min_len = 6, .max_len = 127, .ref = 0x82},
         "12345678", "0020008208 3132333435363738"},
        {{.type = CARD_PIN_BCD, .stored_len = 8, .pad_char = 0xFF,
          .needs_padding = true}, "12345", "0020000008 12345FFFFFFFFFFF"},
        {{.type = CARD_PIN_HALF_NIBBLE_BCD, .stored_len = 6, .pad_char = 0x0F,
          .needs_padding = true}, "1234", "0020000006 010203040F0F"},
        {{.type = CARD_PIN_ISO9564_1, .ref = 2}, "12345",
         "0020000208 2512345FFFFFFFFF"},
    };

    (void)state;
    for (size_t i = 0; i < nitems(rows); i++) {
        struct card_pin_info pin = rows[i].info;

        pin.tries_left = 3;
        assert_int_equal(present(&pin, rows[i].typed, rows[i].command, "63C1"),
                         CARD_E_PIN_WRONG);
        assert_int_equal(pin.tries_left, 1);
        assert_int_equal(pad.entered, 0);
        pin.keypad = true;
        pin.tries_left = 3;
        assert_int_equal(present(&pin, rows[i].typed, rows[i].command, "63C1"),
                         CARD_E_PIN_WRONG);
        assert_int_equal(pin.tries_left, 1);
        assert_int_equal(pad.entered, 1);
        assert_int_equal(present(&pin, rows[i].typed, rows[i].command, "9000"),
                         0);
    }
}

static void test_keypad_words_are_errors_that_cost_nothing(void **state)
{
    static const struct {
        const char *typed;
        uint16_t answer;
        int rc;
    } rows[] = {
        {"", 0, CARD_E_CANCELLED},       {"cancel", 0, CARD_E_CANCELLED},
        {"123", 0, CARD_E_PIN_FORMAT},   {"123456789", 0, CARD_E_PIN_FORMAT},
        {"1234", 0x6402, CARD_E_PIN_FORMAT},
        {"1234", 0x6B80, CARD_E_UNSUPPORTED},
        {"1234", 0x6F00, CARD_E_STATUS}, {"1234", 0x6982, CARD_E_STATUS},
    };

    (void)state;
    for (size_t i = 0; i < nitems(rows); i++) {
        struct card_pin_info pin = {.type = CARD_PIN_ASCII_NUMERIC,
                                    .min_len = 4, .max_len = 8, .ref = 1,
                                    .keypad = true};

        pad.answer = rows[i].answer;
        assert_int_equal(present(&pin, rows[i].typed, NULL, NULL), rows[i].rc);
        assert_string_not_equal(card_error_sentence(), "");
    }
}

static void test_keypad_when_card_is_locked_then_no_tries(void **state)
{
    struct card_pin_info pin = {.type = CARD_PIN_ASCII_NUMERIC, .ref = 1,
                                .keypad = true};

    (void)state;
    assert_int_equal(present(&pin, "1234", "0020000104 31323334", "63C0"),
                     CARD_E_PIN_LOCKED);
    assert_int_equal(pin.tries_left, 0);
    assert_int_equal(present(&pin, "1234", "0020000104 31323334", NULL),
                     CARD_E_REMOVED);
}

static void test_keypad_fits_only_what_it_can_build(void **state)
{
    static const struct {
        struct card_pin_info info;
        struct reader_keypad offers;
        bool fits;
    } rows[] = {
        {{.type = CARD_PIN_UTF8}, {.verify = true}, true},
        {{.type = CARD_PIN_UTF8}, {.modify = true}, false},
        {{.type = CARD_PIN_UTF8, .derived = true}, {.verify = true}, false},
        {{.type = CARD_PIN_UTF8, .stored_len = 15, .needs_padding = true},
         {.verify = true}, true},
        {{.type = CARD_PIN_UTF8, .stored_len = 16, .needs_padding = true},
         {.verify = true}, false},
        {{.type = CARD_PIN_UTF8, .stored_len = 16}, {.verify = true}, true},
        {{.type = CARD_PIN_BCD}, {.verify = true}, false},
        {{.type = CARD_PIN_BCD, .stored_len = 4, .needs_padding = true},
         {.verify = true}, false},
        {{.type = CARD_PIN_ISO9564_1, .stored_len = 12}, {.verify = true},
         false},
        {{.type = (enum card_pin_type)9}, {.verify = true}, false},
        {{.type = CARD_PIN_UTF8, .min_len = 8}, {true, false, 4, 8}, true},
        {{.type = CARD_PIN_UTF8, .min_len = 9}, {true, false, 4, 8}, false},
        {{.type = CARD_PIN_UTF8, .max_len = 4}, {true, false, 5, 0}, false},
        {{.type = CARD_PIN_UTF8, .min_len = 300, .max_len = 400},
         {.verify = true}, false},
        {{.type = CARD_PIN_UTF8, .min_len = 5, .stored_len = 4,
          .needs_padding = true}, {.verify = true}, false},
    };

    (void)state;
    for (size_t i = 0; i < nitems(rows); i++) {
        struct fake_card card = {.steps = NULL};

        fake_reader_open(&reader, &card);
        assert_false(iso_keypad_fits(&reader, &rows[i].info, false));
        reader.ops = with_keypad(&fake_reader);
        pad.offers = rows[i].offers;
        if (iso_keypad_fits(&reader, &rows[i].info, false) != rows[i].fits)
            fail_msg("row %zu", i);
    }
}

static int change(struct card_pin_info *pin, const char *old, const char *new,
                  const char *command, const char *answer)
{
    struct fake_step step;
    struct fake_card card;
    int rc;

    open_reader(&card, &step, command, answer);
    rc = iso_change_pin(&reader, pin, bytes_of_string(old),
                        bytes_of_string(new));
    fake_reader_done(&card);
    return rc;
}

static void test_change_from_values_sends_both_or_nothing(void **state)
{
    struct card_pin_info pin = {.type = CARD_PIN_ASCII_NUMERIC, .min_len = 4,
                                .max_len = 6, .stored_len = 6,
                                .needs_padding = true, .ref = 0x81};

    (void)state;
    assert_int_equal(change(&pin, "1234", "567890",
                            "002400810C 313233340000 353637383930", "9000"),
                     0);
    assert_int_equal(change(&pin, "1234", "5678",
                            "002400810C 313233340000 353637380000", "63C2"),
                     CARD_E_PIN_WRONG);
    assert_int_equal(pin.tries_left, 2);
    assert_int_equal(change(&pin, "1234", "567", NULL, NULL),
                     CARD_E_PIN_FORMAT);
    assert_int_equal(change(&pin, "12345678", "5678", NULL, NULL),
                     CARD_E_PIN_FORMAT);
    assert_int_equal(change(&pin, "1234", "56x8", NULL, NULL),
                     CARD_E_PIN_FORMAT);
}

static void test_change_at_keypad_asks_old_and_new_twice(void **state)
{
    struct card_pin_info pin = {.type = CARD_PIN_ASCII_NUMERIC, .min_len = 4,
                                .max_len = 6, .stored_len = 6,
                                .needs_padding = true, .ref = 1,
                                .keypad = true};

    (void)state;
    pad.typed[0] = pad.typed[1] = "1234 567890 567890";
    assert_int_equal(change(&pin, "", "",
                            "002400010C 313233340000 353637383930", "9000"),
                     0);
    pin.needs_padding = false;
    assert_int_equal(change(&pin, "", "", "002400010A 31323334 353637383930",
                            "63C2"),
                     CARD_E_PIN_WRONG);
    assert_int_equal(pin.tries_left, 2);
    pad.typed[2] = "1234 5678 5679";
    assert_int_equal(change(&pin, "", "", NULL, NULL), CARD_E_PIN_FORMAT);
    pad.offers.modify = false;
    assert_int_equal(change(&pin, "", "", NULL, NULL), CARD_E_UNSUPPORTED);
    assert_int_equal(pad.entered, 3);
}

/* ---- the card layer ------------------------------------------------------ */

static struct card_world w;

/* A CPS3 in a reader with a keypad, and a person who is told. */
static void open_world(const char *first, const char *second)
{
    world_open(&w, (struct cps3_options){0});
    w.settings.readers = with_keypad(&reader_sim);
    pad.typed[0] = first;
    pad.typed[1] = second;
    world_person(&w, "", "");
}

/* PINs the card was shown. */
static size_t presented(void)
{
    size_t count = 0;

    for (size_t i = 0; i < sim_world_logged(w.sim); i++) {
        struct bytes c = sim_world_command(w.sim, i);

        count += c.len > 5 && c.data[1] == INS_VERIFY;
    }
    return count;
}

static void test_person_is_told_and_stored_pin_is_not_presented(void **state)
{
    struct card_key *key;

    (void)state;
    open_world("1234", NULL);
    key = world_key(&w, "card:usage=auth?pin-value=9999");
    assert_int_equal(pad.asked, 0); /* no PIN was needed so far */
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    assert_int_equal(pad.entered, 1);
    assert_int_equal(presented(), 1);
    assert_int_equal(w.person.asked, 1);
    assert_true(w.person.last.keypad);
    assert_true(w.person.last.holds_card);
    assert_int_equal(w.person.last.tries_left, 3);
    card_key_free(key);
    world_close(&w);
}

static void test_signature_key_wants_each_pin_at_the_keypad(void **state)
{
    struct card_key *key;

    (void)state;
    open_world("1234", "1234");
    key = world_key(&w, "card:usage=sign");
    assert_int_equal(world_sign_and_check(key, "sign.pem"), 0);
    assert_int_equal(world_sign_and_check(key, "sign.pem"), 0);
    assert_int_equal(pad.entered, 2);
    assert_int_equal(w.person.asked, 2);
    card_key_free(key);
    world_close(&w);
}

static void test_wrong_pin_at_the_keypad_costs_one_try(void **state)
{
    struct card_key *key;

    (void)state;
    open_world("9999", "1234");
    key = world_key(&w, "card:usage=auth");
    assert_int_equal(world_sign_and_check(key, "auth.pem"), CARD_E_PIN_WRONG);
    assert_int_equal(pad.entered, 1);
    assert_int_equal(world_pin_tries(&w), 2);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    assert_int_equal(w.person.last.tries_left, 2);
    assert_int_equal(world_pin_tries(&w), 3);
    card_key_free(key);
    world_close(&w);
}

static void test_cancelled_or_late_at_the_keypad_costs_no_try(void **state)
{
    struct card_key *key;

    (void)state;
    open_world("cancel", "");
    key = world_key(&w, "card:usage=auth");
    assert_int_equal(world_sign_and_check(key, "auth.pem"), CARD_E_CANCELLED);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), CARD_E_CANCELLED);
    assert_int_equal(pad.entered, 2);
    assert_int_equal(presented(), 0);
    assert_int_equal(world_pin_tries(&w), 3);
    card_key_free(key);
    world_close(&w);
}

static void test_keypad_when_nobody_can_be_told_is_left_alone(void **state)
{
    struct card_key *key;

    (void)state;
    open_world("1234", "1234");
    w.person.answers[0] = NULL;
    key = world_key(&w, AUTH);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), CARD_E_PIN_NEEDED);
    assert_non_null(strstr(card_error_sentence(), "nobody is there"));
    card_key_free(key);
    w.settings.ask_pin = NULL;
    world_restart(&w);
    key = world_key(&w, AUTH);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), CARD_E_PIN_NEEDED);
    assert_non_null(strstr(card_error_sentence(), "keypad"));
    card_key_free(key);
    assert_int_equal(pad.entered, 0);
    assert_int_equal(presented(), 0);
    world_close(&w);
}

static int give_stored(void *arg, const struct card_pin_question *question,
                       struct buf *pin)
{
    unsigned *asked = arg;

    (void)question;
    ++*asked;
    return buf_put(pin, bytes_of_string("1234"));
}

static void test_keypad_when_turned_off_then_pin_as_without(void **state)
{
    unsigned asked = 0;
    struct card_key *key;

    (void)state;
    open_world("1234", "1234");
    key = world_key(&w, "card:usage=auth");
    assert_int_equal(card_key_fetch_pin(key, give_stored, &asked), 0);
    assert_int_equal(asked, 0);
    card_key_free(key);
    w.settings.no_keypad = true;
    world_restart(&w);
    key = world_key(&w, AUTH);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    card_key_free(key);
    key = world_key(&w, "card:usage=sign");
    assert_int_equal(card_key_fetch_pin(key, give_stored, &asked), 0);
    assert_int_equal(asked, 1);
    assert_int_equal(world_sign_and_check(key, "sign.pem"), 0);
    card_key_free(key);
    assert_int_equal(pad.entered, 0);
    assert_int_equal(w.person.asked, 0);
    world_close(&w);
}

static void test_keypad_that_offers_nothing_changes_nothing(void **state)
{
    struct card_key *key;

    (void)state;
    open_world("1234", "1234");
    pad.offers.verify = false;
    key = world_key(&w, AUTH);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    assert_int_equal(pad.entered, 0);
    assert_int_equal(w.person.asked, 0);
    card_key_free(key);
    world_close(&w);
}

/* What the trace writes: the request and its answer, and never a digit. */
static void test_trace_tells_of_the_keypad(void **state)
{
    char path[] = "/tmp/test_keypad.XXXXXX", text[16384];
    int fd = mkstemp(path);
    struct card_key *key;
    ssize_t n;

    (void)state;
    open_world("9999", "1234");
    w.settings.trace = path;
    world_restart(&w);
    key = world_key(&w, "card:usage=auth");
    assert_int_equal(world_sign_and_check(key, "auth.pem"), CARD_E_PIN_WRONG);
    assert_int_equal(world_sign_and_check(key, "auth.pem"), 0);
    card_key_free(key);
    world_close(&w);
    n = read(fd, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    close(fd);
    unlink(path);
    assert_non_null(strstr(text, "# keypad offers verify modify\n"));
    assert_non_null(strstr(text, "# keypad > 0020000108"));
    assert_non_null(strstr(text, "# keypad < 63C2\n"));
    assert_non_null(strstr(text, "# keypad < 9000\n"));
    assert_null(strstr(text, "39393939"));
    assert_null(strstr(text, "31323334"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        TEST(test_features_are_read_and_others_passed_over),
        TEST(test_features_when_malformed_are_none),
        TEST(test_limits_are_read_or_unknown),
        TEST(test_most_data_is_read_and_nonsense_passed_over),
        TEST(test_structures_are_part_10s),
        TEST(test_keypad_builds_what_is_built_from_a_value),
        TEST(test_keypad_words_are_errors_that_cost_nothing),
        TEST(test_keypad_when_card_is_locked_then_no_tries),
        TEST(test_keypad_fits_only_what_it_can_build),
        TEST(test_change_from_values_sends_both_or_nothing),
        TEST(test_change_at_keypad_asks_old_and_new_twice),
        TEST(test_person_is_told_and_stored_pin_is_not_presented),
        TEST(test_signature_key_wants_each_pin_at_the_keypad),
        TEST(test_wrong_pin_at_the_keypad_costs_one_try),
        TEST(test_cancelled_or_late_at_the_keypad_costs_no_try),
        TEST(test_keypad_when_nobody_can_be_told_is_left_alone),
        TEST(test_keypad_when_turned_off_then_pin_as_without),
        TEST(test_keypad_that_offers_nothing_changes_nothing),
        TEST(test_trace_tells_of_the_keypad),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
