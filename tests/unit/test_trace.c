/*
 * The recorder: what it writes, what it hides, which files it refuses.
 */
#define _DEFAULT_SOURCE /* mkdtemp */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "card/error.h"
#include "card/wire/apdu.h"
#include "tests/unit/fake_reader.h"
#include "tests/unit/test.h"

static char folder[64];
static char path[96];
static struct reader reader;
static struct reader_trace *trace;

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/test_trace.XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/trace", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    if (remove(path) != 0)
        return -1;
    return rmdir(folder);
}

/* A recorded, connected T=0 reader on `card`. */
static void open_recorded(struct fake_card *card)
{
    assert_int_equal(reader_trace_new(&fake_reader, card, path, &trace), 0);
    reader = (struct reader){.ops = &reader_trace, .io = trace,
                             .name = "Fake 0", .budget = APDU_BUDGET};
    assert_int_equal(reader_trace.connect(&reader), 0);
}

static void close_recorded(void)
{
    reader_trace.disconnect(&reader);
    assert_null(reader.link);
    reader_trace_free(trace);
}

static const char *recorded(void)
{
    static char text[8192];
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, text, sizeof(text) - 1);

    assert_true(n >= 0);
    close(fd);
    text[n] = '\0';
    return text;
}

static void assert_recorded(const char *line)
{
    if (strstr(recorded(), line) == NULL)
        fail_msg("no %s in\n%s", line, recorded());
}

/* One command; what was recorded must hold `lines`. */
static void check_lines(const char *command, const char *answer,
                        const char *lines)
{
    const struct fake_step steps[] = {{command, answer}};
    struct fake_card card = FAKE_CARD(steps);
    uint8_t raw[300], rsp_raw[300];
    struct buf cmd = BUF_ON(raw);
    struct buf rsp = BUF_ON(rsp_raw);

    open_recorded(&card);
    assert_int_equal(bytes_from_hex(command, &cmd), 0);
    assert_int_equal(reader.ops->transmit(&reader, buf_view(&cmd), &rsp), 0);
    assert_bytes_hex(buf_view(&rsp), answer);
    close_recorded();
    fake_reader_done(&card);
    assert_recorded(lines);
}

static void test_trace_when_used_then_whole_dialogue(void **state)
{
    const struct fake_step steps[] = {{"00B0000000", "6C02"},
                                      {"00B0000002", "AABB9000"}};
    struct fake_card card = FAKE_CARD(steps);
    const struct apdu cmd = {.ins = INS_READ_BINARY, .le = 256};
    uint8_t raw[300];
    struct buf rsp = BUF_ON(raw);
    uint16_t sw;

    (void)state;
    open_recorded(&card);
    assert_int_equal(reader.protocol, READER_T0);
    assert_int_equal(reader.atr_len, 2);
    assert_int_equal(reader_trace.begin(&reader), 0);
    assert_int_equal(apdu_exchange(&reader, &cmd, &rsp, &sw), 0);
    assert_bytes_hex(buf_view(&rsp), "AABB");
    reader_trace.end(&reader, READER_LEAVE);
    close_recorded();
    assert_string_equal(recorded(), "# reader Fake 0\n"
                                    "# protocol T=0\n"
                                    "atr 3B00\n"
                                    "> 00B0000000\n"
                                    "< 6C02\n"
                                    "> 00B0000002\n"
                                    "< AABB9000\n"
                                    "# end leave\n");
}

struct mask_row {
    const char *command, *line;
};

static const struct mask_row masks[] = {
    {"00200001 04 31323334", "> 0020000104XXXXXXXX\n"},
    {"0020000100", "> 0020000100\n"},
    {"00200001", "> 00200001\n"},
    {"0C200001 04 31323334", "> 0C20000104XXXXXXXX\n"},
    {"10200001 04 31323334", "> 1020000104XXXXXXXX\n"},
    {"00210001 04 31323334", "> 0021000104XXXXXXXX\n"},
    {"00200001 000004 31323334", "> 00200001000004XXXXXXXX\n"},
    {"00200001 08 31323334", "> 0020000108XXXXXXXX\n"}, /* wrong Lc */
    {"00200001 02 31323334", "> 0020000102XXXXXXXX\n"},
    {"01200001 04 31323334", "> 0120000104XXXXXXXX\n"},
    {"80200001 04 31323334", "> 8020000104XXXXXXXX\n"},
    {"10240001 04 31323334", "> 1024000104XXXXXXXX\n"},
    {"84240001 04 31323334", "> 8424000104XXXXXXXX\n"},
    {"8C2C0001 04 31323334", "> 8C2C000104XXXXXXXX\n"},
    {"012C0001 04 31323334", "> 012C000104XXXXXXXX\n"},
    {"00240001 04 31323334 00", "> 0024000104XXXXXXXXXX\n"},
    {"002C0201 04 31323334", "> 002C020104XXXXXXXX\n"},
    {"00260001 04 31323334", "> 0026000104XXXXXXXX\n"},
    {"00280001 04 31323334", "> 0028000104XXXXXXXX\n"},
    {"00820001 04 31323334", "> 0082000104XXXXXXXX\n"},
    {"002241B6 03 840181", "> 002241B603840181\n"},
    {"002A9E9A 02 AABB 00", "> 002A9E9A02AABB00\n"}};

static void test_trace_when_pin_command_then_data_masked(void **state)
{
    (void)state;
    for (size_t i = 0; i < nitems(masks); i++) {
        check_lines(masks[i].command, "63C2", masks[i].line);
        assert_recorded("< 63C2\n");
        assert_null(strstr(recorded(), "31323334"));
        assert_int_equal(unlink(path), 0);
    }
    check_lines("00B0000000", "9000", "> 00B0000000\n");
}

/* PIV's way to decipher and to agree on secrets. */
static void test_trace_when_key_is_used_then_answer_masked(void **state)
{
    (void)state;
    check_lines("00871107 04 7C028200 00", "5EC0DE9000",
                "> 00871107047C02820000\n< XXXXXX9000\n");
    assert_int_equal(unlink(path), 0);
    check_lines("00860000 04 7C028500 00", "5EC0DE9000",
                "> 00860000047C02850000\n< XXXXXX9000\n");
}

/* The plain text in both answers of a chained DECIPHER, and no further. */
static void test_trace_when_deciphered_then_answers_masked(void **state)
{
    const struct fake_step steps[] = {{NULL, "9000"},
                                      {NULL, "5EC0DE6103"},
                                      {"00C0000003", "5EC0DE9000"},
                                      {NULL, "AABB9000"}};
    struct fake_card card = FAKE_CARD(steps);
    const uint8_t cryptogram[257] = {0x81};
    const struct apdu decipher = {.ins = INS_PSO, .p1 = 0x80, .p2 = 0x86,
                                  .data = {cryptogram, sizeof(cryptogram)},
                                  .le = 256};
    const struct apdu read = {.ins = INS_READ_BINARY, .le = 2};
    uint8_t raw[300];
    struct buf rsp = BUF_ON(raw);
    uint16_t sw;

    (void)state;
    open_recorded(&card);
    reader.chaining = true;
    assert_int_equal(apdu_exchange(&reader, &decipher, &rsp, &sw), 0);
    assert_bytes_hex(buf_view(&rsp), "5EC0DE5EC0DE");
    assert_int_equal(apdu_exchange(&reader, &read, &rsp, &sw), 0);
    close_recorded();
    assert_recorded("> 102A8086FF81");
    assert_recorded("> 002A8086020000\n< XXXXXX6103\n"
                    "> 00C0000003\n< XXXXXX9000\n"
                    "> 00B0000002\n< AABB9000\n");
}

static void test_trace_when_signed_then_answer_shown(void **state)
{
    (void)state;
    check_lines("002A9E9A00", "AABB9000", "< AABB9000\n");
}

static void test_trace_when_transmit_fails_then_noted(void **state)
{
    const struct fake_step steps[] = {{NULL, NULL}};
    struct fake_card card = FAKE_CARD(steps);
    uint8_t raw[8];
    struct buf rsp = BUF_ON(raw);

    (void)state;
    open_recorded(&card);
    assert_int_equal(reader.ops->transmit(&reader, bytes_of_string("1"), &rsp),
                     CARD_E_REMOVED);
    assert_string_equal(card_error_sentence(), "fake: card removed");
    close_recorded();
    assert_recorded("# transmit: the card was taken out while in use\n");
}

static void test_trace_when_reader_name_is_hostile_then_one_line(void **state)
{
    struct fake_card card = {.count = 0};

    (void)state;
    assert_int_equal(reader_trace_new(&fake_reader, &card, path, &trace), 0);
    reader = (struct reader){.ops = &reader_trace, .io = trace,
                             .name = "a\n> 00\x1B"};
    assert_int_equal(reader_trace.connect(&reader), 0);
    reader_trace.forget(&reader);
    reader_trace.forget(&reader);
    reader_trace_free(trace);
    assert_recorded("# reader a?> 00?\n");
}

static void test_trace_when_listing_then_inner_readers(void **state)
{
    struct fake_card card = {.count = 0};
    struct reader_list list;

    (void)state;
    assert_int_equal(reader_trace_new(&fake_reader, &card, path, &trace), 0);
    assert_int_equal(reader_trace.list(trace, &list), 0);
    assert_string_equal(list.names[0], "Fake");
    reader_trace_free(trace);
    reader_trace_free(NULL);
}

static void test_trace_when_file_exists_then_appended(void **state)
{
    (void)state;
    check_lines("00B0000000", "9000", "< 9000\n");
    check_lines("00B0000001", "6A82", "< 9000\n");
    assert_recorded("< 6A82\n");
}

static void test_trace_when_created_then_owner_only(void **state)
{
    struct stat st;
    mode_t old = umask(0);

    (void)state;
    assert_int_equal(reader_trace_new(&fake_reader, NULL, path, &trace), 0);
    umask(old);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    reader_trace_free(trace);
}

static void assert_refused(void)
{
    assert_int_equal(reader_trace_new(&fake_reader, NULL, path, &trace),
                     CARD_E_CONFIG);
    assert_non_null(strstr(card_error_sentence(), path));
}

static void test_trace_when_symlink_then_refused(void **state)
{
    (void)state;
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_refused();
}

static void test_trace_when_not_a_file_then_refused(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    alarm(30);
    assert_refused();
    alarm(0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_refused();
}

/* Needs root, who may give files away. */
static void test_trace_when_foreign_file_then_refused(void **state)
{
    (void)state;
    close(open(path, O_WRONLY | O_CREAT, 0600));
    if (geteuid() != 0)
        skip();
    assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
    assert_refused();
}

#define TEST(function)                                                         \
    cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_trace_when_used_then_whole_dialogue),
        TEST(test_trace_when_pin_command_then_data_masked),
        TEST(test_trace_when_key_is_used_then_answer_masked),
        TEST(test_trace_when_deciphered_then_answers_masked),
        TEST(test_trace_when_signed_then_answer_shown),
        TEST(test_trace_when_transmit_fails_then_noted),
        TEST(test_trace_when_reader_name_is_hostile_then_one_line),
        TEST(test_trace_when_listing_then_inner_readers),
        TEST(test_trace_when_file_exists_then_appended),
        TEST(test_trace_when_created_then_owner_only),
        TEST(test_trace_when_symlink_then_refused),
        TEST(test_trace_when_not_a_file_then_refused),
        TEST(test_trace_when_foreign_file_then_refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
