/*
 * The tool's output: whatever a card or a server calls itself, a terminal gets
 * clean text of its width and a program gets JSON. Each document is made by a
 * child process.
 */
#define _XOPEN_SOURCE 700 /* posix_openpt, wcwidth */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include <jansson.h>

#include "card/base/text.h"
#include "card/tool/out.h"

#define UTF8 "C.UTF-8"

enum { SHOWN_MAX = 1 << 20, NO_TERMINAL = 0 };

/* How a document is made, and what came out. */
struct world {
    const char *locale;
    unsigned short columns; /* of a terminal, or NO_TERMINAL */
    struct out_options options;
    bool finished;
};

static char shown[SHOWN_MAX];

typedef void make_fn(struct out *o);

/* ---- a child process ----------------------------------------------------- */

static _Noreturn void make(const struct world *w, int fd, make_fn *fn)
{
    struct out *o;
    bool ok;

    if (dup2(fd, STDOUT_FILENO) < 0 || setlocale(LC_ALL, w->locale) == NULL ||
        (o = out_new(&w->options)) == NULL)
        _exit(2);
    fn(o);
    ok = out_finish(o);
    out_free(o);
    _exit(ok ? 0 : 1);
}

/* Both ends; bytes are not changed on the way. */
static void open_terminal(unsigned short columns, int ends[2])
{
    const struct winsize size = {.ws_row = 24, .ws_col = columns};
    struct termios mode;

    ends[0] = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(ends[0] >= 0);
    assert_int_equal(grantpt(ends[0]), 0);
    assert_int_equal(unlockpt(ends[0]), 0);
    ends[1] = open(ptsname(ends[0]), O_RDWR | O_NOCTTY);
    assert_true(ends[1] >= 0);
    assert_int_equal(tcgetattr(ends[1], &mode), 0);
    mode.c_oflag &= ~(tcflag_t)OPOST;
    assert_int_equal(tcsetattr(ends[1], TCSANOW, &mode), 0);
    assert_int_equal(ioctl(ends[1], TIOCSWINSZ, &size), 0);
}

static void run(struct world *w, make_fn *fn)
{
    size_t used = 0;
    int ends[2], status;
    ssize_t n;
    pid_t child;

    if (w->columns != NO_TERMINAL)
        open_terminal(w->columns, ends);
    else
        assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        make(w, ends[1], fn);
    close(ends[1]);
    /* A terminal that nobody has any more ends with an error. */
    while ((n = read(ends[0], shown + used, sizeof(shown) - 1 - used)) > 0)
        used += (size_t)n;
    close(ends[0]);
    shown[used] = '\0';
    assert_int_equal(strlen(shown), used);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
    w->finished = WEXITSTATUS(status) == 0;
}

static size_t count_lines(void)
{
    size_t lines = 0;

    for (const char *at = shown; *at != '\0'; at++)
        lines += *at == '\n';
    return lines;
}

/* ---- hostile names ------------------------------------------------------- */

static const char *const hostile[] = {
    "\033[2J\033]0;title\007",   /* escape sequences */
    "a\rtessera: all is well",
    "a\ntessera: all is well",
    "\x7F\b\b\b\b",
    "a\xC2\x9B" "31mb",          /* CSI as U+009B */
    "a\x9B" "31mb",              /* and as it is in 8 bits */
    "a\xE2\x80\xAE" "drowssap",  /* turns the writing */
    "a\xE2\x80\xA8" "b\xE2\x80\xA9" "c",
    "a\xE2\x81\xA6\xE2\x80\x8F" "b",
    "\xC3",                      /* half a letter */
    "\xE2\x80",
    "a\xC3\xA9\xFF\xFE\xED\xA0\x80\xC0\x8A",
};

static void put_hostile(struct out *o)
{
    for (size_t i = 0; i < nitems(hostile); i++) {
        const char *list[] = {hostile[i], "x"};

        out_open(o, "open");
        out_title(o, "%s", hostile[i]);
        out_field(o, "field", "Label", hostile[i]);
        out_personal(o, "personal", "Label", hostile[i]);
        out_sourced(o, "sourced", "Label", hostile[i], hostile[i], false);
        out_strings(o, "list", "Label", list, nitems(list));
        out_number(o, "number", "Label", 1, hostile[i]);
        out_line(o, "It is %s.", hostile[i]);
        out_words(stdout, 2, "it is %s", hostile[i]);
        out_close(o);
    }
}

/* Lines of what may have several: only the line ends stay. */
static void put_lines(struct out *o)
{
    for (size_t i = 0; i < nitems(hostile); i++) {
        out_verbatim(o, hostile[i]);
        out_print(stdout, "%s\n", hostile[i]);
    }
}

static void assert_clean(void)
{
    char *rest = NULL;

    for (char *line = strtok_r(shown, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest))
        if (!text_is_clean(bytes_of_string(line)))
            fail_msg("not clean: %s", line);
}

static void test_terminals_get_no_control_characters(void **state)
{
    static const char *const locales[] = {UTF8, "C"};
    static const unsigned short widths[] = {NO_TERMINAL, 200};

    (void)state;
    for (size_t i = 0; i < nitems(locales); i++)
        for (size_t j = 0; j < nitems(widths); j++) {
            struct world w = {.locale = locales[i], .columns = widths[j]};

            run(&w, put_hostile);
            assert_int_equal(count_lines(), 8 * nitems(hostile));
            assert_clean();
            run(&w, put_lines);
            assert_int_equal(count_lines(), 2 * nitems(hostile) + 2);
            assert_clean();
        }
}

static void put_french(struct out *o)
{
    out_field(o, "field", "Pr\xC3\xA9nom", "\xC3\x89lodie \xE2\x80\x99");
}

static void test_what_a_locale_lacks_is_replaced(void **state)
{
    struct world w = {.locale = UTF8};

    (void)state;
    run(&w, put_french);
    assert_string_equal(shown, "Pr\xC3\xA9nom                  "
                               "\xC3\x89lodie \xE2\x80\x99\n");
    w.locale = "C";
    run(&w, put_french);
    assert_non_null(strstr(shown, "lodie"));
    assert_clean();
    assert_null(strpbrk(shown, "\xC3\xA9\xE2"));
}

/* ---- JSON ---------------------------------------------------------------- */

static json_t *document(struct world *w, make_fn *fn)
{
    json_error_t error;
    json_t *root;

    w->options.json = true;
    run(w, fn);
    root = json_loads(shown, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        fail_msg("no JSON: %s, line %d", error.text, error.line);
    return root;
}

static void put_all_pairs(struct out *o)
{
    out_open_list(o, "pairs");
    for (int first = 1; first < 256; first++)
        for (int second = 1; second < 256; second++) {
            const char pair[] = {(char)first, (char)second, '\0'};

            out_string(o, NULL, pair);
        }
    out_close(o);
}

static bool is_pair_of_utf8(unsigned first, unsigned second)
{
    return (first < 0x80 && second < 0x80) ||
           (first >= 0xC2 && first < 0xE0 && second >= 0x80 && second < 0xC0);
}

/* UTF-8 as it is; anything else byte by byte. */
static void assert_pair(const char *value, int first, int second)
{
    const char pair[] = {(char)first, (char)second, '\0'};
    wchar_t wide[3];

    if (is_pair_of_utf8((unsigned)first, (unsigned)second)) {
        assert_string_equal(value, pair);
        return;
    }
    assert_int_equal(mbstowcs(wide, value, nitems(wide)), 2);
    assert_int_equal(wide[0], first);
    assert_int_equal(wide[1], second);
}

static void test_json_is_valid_for_any_bytes(void **state)
{
    struct world w = {.locale = "C"};
    json_t *root = document(&w, put_all_pairs);
    const json_t *pairs = json_object_get(root, "pairs");

    (void)state;
    assert_non_null(setlocale(LC_ALL, UTF8));
    assert_int_equal(json_array_size(pairs), 255 * 255);
    for (int first = 1; first < 256; first++)
        for (int second = 1; second < 256; second++) {
            size_t at = (size_t)((first - 1) * 255 + second - 1);

            assert_pair(json_string_value(json_array_get(pairs, at)), first,
                        second);
        }
    json_decref(root);
}

static void put_document(struct out *o)
{
    const char *list[] = {"a", "b"};

    out_title(o, "Title");
    out_line(o, "A sentence.");
    out_verbatim(o, "text");
    out_blank(o);
    out_open_list(o, "cards");
    out_open(o, NULL);
    out_field(o, "serial", "Serial", "1");
    out_field(o, "absent", "Absent", NULL);
    out_field(o, "empty", "Empty", "");
    out_number(o, "number", "Number", -5, "words");
    out_flag(o, "flag", "Flag", true, NULL);
    out_sourced(o, "field", "Field", "value", "EF", false);
    out_strings(o, "list", "List", list, nitems(list));
    out_close(o);
    out_error(o, "message");
    out_close(o);
}

static void test_json_has_values_and_no_text(void **state)
{
    struct world w = {.locale = UTF8};
    json_t *root = document(&w, put_document);
    json_t *wanted = json_pack(
        "{s:[{s:s, s:i, s:b, s:{s:s, s:s}, s:[s, s]}], s:s}", "cards",
        "serial", "1", "number", -5, "flag", 1, "field", "value", "value",
        "source", "EF", "list", "a", "b", "error", "message");

    (void)state;
    assert_non_null(wanted);
    assert_true(json_equal(root, wanted));
    json_decref(root);
    json_decref(wanted);
}

static void put_two(struct out *o)
{
    out_string(o, "event", "a\nb");
    out_flush(o);
    out_string(o, "event", "c");
    out_flush(o);
}

static void test_each_event_is_a_document_on_a_line(void **state)
{
    struct world w = {.locale = UTF8, .options = {.json = true}};

    (void)state;
    run(&w, put_two);
    assert_string_equal(shown, "{\"event\":\"a\\nb\"}\n{\"event\":\"c\"}\n");
}

/* ---- personal values ----------------------------------------------------- */

static void put_person(struct out *o)
{
    out_personal(o, "name", "Name", "CANARY");
    out_sourced(o, "number", "Number", "CANARY", "certificate", true);
    out_sourced(o, "serial", "Serial", "1", "EF", false);
    out_personal(o, "absent", "Absent", "");
}

static void test_redaction_hides_who_and_nothing_else(void **state)
{
    struct world w = {.locale = UTF8, .options = {.redact = true}};
    json_t *root;

    (void)state;
    run(&w, put_person);
    assert_null(strstr(shown, "CANARY"));
    assert_non_null(strstr(shown, "***"));
    assert_non_null(strstr(shown, "1 [EF]"));
    assert_null(strstr(shown, "Absent"));
    root = document(&w, put_person);
    assert_null(strstr(shown, "CANARY"));
    assert_int_equal(json_object_size(root), 3);
    json_decref(root);
    w.options = (struct out_options){.redact = false};
    run(&w, put_person);
    assert_non_null(strstr(shown, "CANARY"));
}

/* ---- width --------------------------------------------------------------- */

#define WIDE "\xE6\xBC\xA2\xE5\xAD\x97" /* two characters, four columns */

static void put_long(struct out *o)
{
    out_open(o, "open");
    out_title(o, "A title " WIDE " of " WIDE " more words than fit on a line");
    out_line(o, WIDE " " WIDE " words and " WIDE " words and " WIDE " words, "
                "which go on and on " WIDE " until nobody reads them");
    out_field(o, "field", "Label " WIDE, WIDE " " WIDE " " WIDE " " WIDE
              " words and words and words and words and words and " WIDE);
    out_field(o, "long", "A label that is longer than its column", "a value "
              "of words");
    out_words(stdout, 3, WIDE " further words and words and words and words");
    out_close(o);
}

static size_t width_of(const char *line, size_t bytes)
{
    size_t columns = 0;
    wchar_t wide;
    int n;

    for (size_t i = 0; i < bytes; i += (size_t)n) {
        n = mbtowc(&wide, line + i, bytes - i);
        assert_true(n > 0);
        columns += (size_t)wcwidth(wide);
    }
    return columns;
}

static void test_lines_are_broken_at_the_terminals_width(void **state)
{
    static const unsigned short widths[] = {20, 40, 60, 80};

    (void)state;
    assert_non_null(setlocale(LC_ALL, UTF8));
    for (size_t i = 0; i < nitems(widths); i++) {
        struct world w = {.locale = UTF8, .columns = widths[i]};
        size_t widest = 0;

        run(&w, put_long);
        for (const char *line = shown; *line != '\0';
             line += strcspn(line, "\n") + 1) {
            size_t columns = width_of(line, strcspn(line, "\n"));

            if (strstr(line, "A label that is longer") != line + 2)
                assert_in_range(columns, 1, widths[i]);
            widest = columns > widest ? columns : widest;
        }
        assert_in_range(widest, widths[i] - 8, widths[i] + 20);
    }
}

static void put_word(struct out *o)
{
    out_field(o, "uri", "URI", "card://serial=99002752;usage=auth");
    out_verbatim(o, "curl --cert /a/long/name.pem https://localhost:8443/");
}

/* It is to be pasted. */
static void test_words_and_commands_stay_whole(void **state)
{
    struct world w = {.locale = UTF8, .columns = 20};

    (void)state;
    run(&w, put_word);
    assert_non_null(strstr(shown, "  card://serial=99002752;usage=auth\n"));
    assert_non_null(strstr(shown, "\ncurl --cert /a/long/name.pem "
                                  "https://localhost:8443/\n"));
}

/* ---- a full disk --------------------------------------------------------- */

static void fill_disk(struct out *o)
{
    int full = open("/dev/full", O_WRONLY);

    if (full < 0 || dup2(full, STDOUT_FILENO) < 0)
        _exit(2);
    out_field(o, "key", "Label", "value");
}

static void test_a_full_disk_is_told(void **state)
{
    struct world w = {.locale = UTF8};

    (void)state;
    for (int json = 0; json < 2; json++) {
        w.options.json = json == 1;
        run(&w, fill_disk);
        assert_false(w.finished);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_terminals_get_no_control_characters),
        cmocka_unit_test(test_what_a_locale_lacks_is_replaced),
        cmocka_unit_test(test_json_is_valid_for_any_bytes),
        cmocka_unit_test(test_json_has_values_and_no_text),
        cmocka_unit_test(test_each_event_is_a_document_on_a_line),
        cmocka_unit_test(test_redaction_hides_who_and_nothing_else),
        cmocka_unit_test(test_lines_are_broken_at_the_terminals_width),
        cmocka_unit_test(test_words_and_commands_stay_whole),
        cmocka_unit_test(test_a_full_disk_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
