/*
 * Output: one walk gives text or JSON. Text goes out at once, in the locale's
 * characters; the JSON tree is built beside and printed at the end.
 */
#define _XOPEN_SOURCE 700 /* wcwidth */
#include "card/tool/out.h"

#include <errno.h>
#include <iconv.h>
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include <jansson.h>

enum {
    DEPTH_MAX = 16,
    INDENT = 2,
    LABEL_WIDTH = 24,    /* columns of labels, where there is room */
    GAP = 2,             /* columns behind a label that is longer */
    NARROW = 60,         /* columns; below it values get lines of their own */
    LINE_MAX_BYTES = 4096
};

struct out {
    struct out_options options;
    size_t width;             /* columns; 0: nobody reads it on a terminal */
    json_t *root;
    json_t *nest[DEPTH_MAX];  /* lent from root */
    size_t depth;
    size_t indent[DEPTH_MAX]; /* of text at that depth */
    bool failed;
};

/* ---- characters ---------------------------------------------------------- */

/* What a terminal would act on. Line ends stay: see join_lines. */
static void clean(char *text)
{
    for (; *text != '\0'; text++)
        if (((unsigned char)*text < 0x20 && *text != '\n') || *text == 0x7F)
            *text = '?';
}

static bool is_between(char c, unsigned char first, unsigned char last)
{
    return (unsigned char)c >= first && (unsigned char)c <= last;
}

/*
 * In UTF-8 the bytes of a C1 control (U+0080 to U+009F), of a line's end, or of
 * what turns the writing of the text beside it; 0: it is none.
 */
static size_t control_bytes(const char *at)
{
    if ((unsigned char)at[0] == 0xC2)
        return is_between(at[1], 0x80, 0x9F) ? 2 : 0;
    if ((unsigned char)at[0] != 0xE2)
        return 0;
    if ((unsigned char)at[1] == 0x80) /* U+200E, U+200F, U+2028 to U+202E */
        return is_between(at[2], 0x8E, 0x8F) || is_between(at[2], 0xA8, 0xAE)
                   ? 3 : 0;
    return (unsigned char)at[1] == 0x81 && is_between(at[2], 0xA6, 0xA9) ? 3
                                                                         : 0;
}

static void clean_utf8(char *text)
{
    size_t len;

    for (; *text != '\0'; text++)
        if ((len = control_bytes(text)) > 0) {
            memset(text, '?', len);
            text += len - 1;
        }
}

/* What is one line stays one, whatever a name in it says. */
static void join_lines(char *text)
{
    for (; *text != '\0'; text++)
        if (*text == '\n')
            *text = '?';
}

/* What the locale lacks is shown by something like it, or by '?'. */
static void convert(iconv_t to, char *in, size_t in_len, char *out,
                    size_t out_len)
{
    while (in_len > 0 && iconv(to, &in, &in_len, &out, &out_len) ==
                             (size_t)-1 && errno != E2BIG && out_len > 1) {
        do { /* one character, whole */
            in++;
            in_len--;
        } while (in_len > 0 && ((unsigned char)*in & 0xC0) == 0x80);
        *out++ = '?';
        out_len--;
    }
    *out = '\0';
}

char *out_localised(const char *utf8)
{
    size_t len = strlen(utf8), cap = 4 * len + 1;
    char *in = strdup(utf8), *out = malloc(cap);
    char charset[64];
    iconv_t to = (iconv_t)-1;

    if (in == NULL || out == NULL)
        goto out;
    clean_utf8(in);
    snprintf(charset, sizeof(charset), "%s//TRANSLIT", nl_langinfo(CODESET));
    if ((to = iconv_open(charset, "UTF-8")) != (iconv_t)-1)
        convert(to, in, len, out, cap - 1);
    else
        memcpy(out, in, len + 1);
    clean(out);
out:
    if (to != (iconv_t)-1)
        iconv_close(to);
    free(in);
    return out;
}

void out_print(FILE *to, const char *format, ...)
{
    char message[LINE_MAX_BYTES];
    va_list args;
    char *text;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    text = out_localised(message);
    fputs(text != NULL ? text : "?", to);
    free(text);
}

/* ---- text ---------------------------------------------------------------- */

static size_t terminal_width(FILE *to)
{
    struct winsize size;

    if (!isatty(fileno(to)))
        return 0;
    if (ioctl(fileno(to), TIOCGWINSZ, &size) < 0 || size.ws_col < 20)
        return 80;
    return size.ws_col;
}

static size_t columns_of(const char *text)
{
    mbstate_t state;
    wchar_t wide;
    size_t columns = 0, n;

    memset(&state, 0, sizeof(state));
    for (; *text != '\0'; text += n) {
        int w;

        n = mbrtowc(&wide, text, strlen(text), &state);
        if (n == 0 || n == (size_t)-1 || n == (size_t)-2) {
            memset(&state, 0, sizeof(state));
            n = 1;
            columns++;
            continue;
        }
        w = wcwidth(wide);
        columns += w > 0 ? (size_t)w : 0;
    }
    return columns;
}

static size_t indent_of(const struct out *o)
{
    return o->indent[o->depth];
}

static void put(struct out *o, const char *text)
{
    if (fputs(text, stdout) == EOF)
        o->failed = true;
}

static void put_spaces(struct out *o, size_t count)
{
    for (; count > 0; count--)
        put(o, " ");
}

/*
 * Words from column `at` on, lines broken at the width and begun at `margin`.
 * What is longer than a line stays whole: it may be pasted.
 */
static void break_words(FILE *to, size_t width, char *text, size_t at,
                        size_t margin)
{
    char *rest = NULL;
    bool first = true;

    for (char *word = strtok_r(text, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest)) {
        size_t columns = columns_of(word);

        if (!first && width > 0 && at + 1 + columns > width) {
            fprintf(to, "\n%*s", (int)margin, "");
            at = margin;
        } else if (!first) {
            fputc(' ', to);
            at++;
        }
        fputs(word, to);
        at += columns;
        first = false;
    }
    fputc('\n', to);
}

void out_words(FILE *to, size_t at, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;
    char *text;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if ((text = out_localised(line)) != NULL) {
        join_lines(text);
        break_words(to, terminal_width(to), text, at, at);
    }
    free(text);
}

static void put_words(struct out *o, char *text, size_t at, size_t margin)
{
    break_words(stdout, o->width, text, at, margin);
    if (ferror(stdout))
        o->failed = true;
}

static void put_sentence(struct out *o, size_t indent, const char *format,
                         va_list args) __attribute__((format(printf, 3, 0)));

static void put_sentence(struct out *o, size_t indent, const char *format,
                         va_list args)
{
    char line[LINE_MAX_BYTES];
    char *text;

    if (o->options.json)
        return;
    vsnprintf(line, sizeof(line), format, args);
    if ((text = out_localised(line)) == NULL) {
        o->failed = true;
        return;
    }
    join_lines(text);
    put_spaces(o, indent);
    put_words(o, text, indent, indent);
    free(text);
}

void out_line(struct out *o, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put_sentence(o, indent_of(o), format, args);
    va_end(args);
}

void out_title(struct out *o, const char *format, ...)
{
    size_t indent = o->depth > 0 ? o->indent[o->depth - 1] : 0;
    va_list args;

    va_start(args, format);
    put_sentence(o, indent, format, args);
    va_end(args);
    o->indent[o->depth] = indent + INDENT;
}

void out_verbatim(struct out *o, const char *text)
{
    char *copy;

    if (o->options.json)
        return;
    if ((copy = out_localised(text)) == NULL) {
        o->failed = true;
        return;
    }
    put_spaces(o, indent_of(o));
    put(o, copy);
    put(o, "\n");
    free(copy);
}

void out_blank(struct out *o)
{
    if (!o->options.json)
        put(o, "\n");
}

/* "Label   value", the value on a line of its own where there is no room. */
static void put_columns(struct out *o, const char *label, char *value)
{
    size_t indent = indent_of(o), used = columns_of(label);
    size_t at = LABEL_WIDTH;

    put_spaces(o, indent);
    put(o, label);
    if (o->width > 0 && o->width < NARROW) {
        put(o, "\n");
        at = INDENT;
        put_spaces(o, indent + at);
    } else {
        if (used + GAP > at)
            at = used + GAP;
        put_spaces(o, at - used);
    }
    put_words(o, value, indent + at, indent + at);
}

/* A value is one line, whatever the card says. */
static void put_pair(struct out *o, const char *label, const char *value)
{
    char *name = out_localised(label), *text = out_localised(value);

    if (name == NULL || text == NULL) {
        o->failed = true;
    } else {
        join_lines(text);
        put_columns(o, name, text);
    }
    free(name);
    free(text);
}

/* ---- the tree ------------------------------------------------------------ */

/* Text has no tree. */
static void add(struct out *o, const char *key, json_t *value)
{
    json_t *to = o->nest[o->depth];
    int rc = 0;

    if (!o->options.json)
        json_decref(value);
    else if (key != NULL)
        rc = json_object_set_new(to, key, value);
    else
        rc = json_array_append_new(to, value);
    if (rc < 0)
        o->failed = true;
}

/* JSON is UTF-8: what is not is kept byte by byte as Latin-1. */
static json_t *string_of(const char *value)
{
    json_t *string = json_string(value);
    char *latin, *at;

    if (string != NULL || (latin = malloc(2 * strlen(value) + 1)) == NULL)
        return string;
    for (at = latin; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;

        if (c >= 0x80) {
            *at++ = (char)(0xC0 | c >> 6);
            c = 0x80 | (c & 0x3F);
        }
        *at++ = (char)c;
    }
    *at = '\0';
    string = json_string(latin);
    free(latin);
    return string;
}

static void nest(struct out *o, const char *key, json_t *value)
{
    if (o->depth + 1 == DEPTH_MAX) {
        json_decref(value);
        o->failed = true;
        return;
    }
    add(o, key, value);
    o->indent[o->depth + 1] = o->indent[o->depth];
    o->nest[++o->depth] = o->options.json ? value : o->root;
}

void out_open(struct out *o, const char *key)
{
    nest(o, key, json_object());
}

void out_open_list(struct out *o, const char *key)
{
    nest(o, key, json_array());
}

void out_close(struct out *o)
{
    if (o->depth > 0)
        o->depth--;
}

/* ---- values -------------------------------------------------------------- */

static bool is_absent(const char *value)
{
    return value == NULL || value[0] == '\0';
}

void out_string(struct out *o, const char *key, const char *value)
{
    if (!is_absent(value))
        add(o, key, string_of(value));
}

void out_field(struct out *o, const char *key, const char *label,
               const char *value)
{
    out_string(o, key, value);
    if (!is_absent(value) && !o->options.json)
        put_pair(o, label, value);
}

void out_number(struct out *o, const char *key, const char *label,
                long long number, const char *words)
{
    add(o, key, json_integer(number));
    if (!o->options.json)
        put_pair(o, label, words);
}

void out_flag(struct out *o, const char *key, const char *label, bool value,
              const char *words)
{
    add(o, key, json_boolean(value));
    if (!is_absent(words) && !o->options.json)
        put_pair(o, label, words);
}

static const char *shown(const struct out *o, const char *value, bool personal)
{
    return personal && o->options.redact && !is_absent(value) ? "***" : value;
}

void out_personal(struct out *o, const char *key, const char *label,
                  const char *value)
{
    out_field(o, key, label, shown(o, value, true));
}

void out_sourced(struct out *o, const char *key, const char *label,
                 const char *value, const char *source, bool personal)
{
    char text[LINE_MAX_BYTES];

    if (is_absent(value))
        return;
    value = shown(o, value, personal);
    out_open(o, key);
    out_string(o, "value", value);
    out_string(o, "source", source);
    out_close(o);
    snprintf(text, sizeof(text), "%s  [%s]", value, source);
    if (!o->options.json)
        put_pair(o, label, text);
}

void out_error(struct out *o, const char *message)
{
    if (json_object_set_new(o->root, "error", string_of(message)) < 0)
        o->failed = true;
}

void out_strings(struct out *o, const char *key, const char *label,
                 const char *const *values, size_t count)
{
    char text[LINE_MAX_BYTES] = "";
    size_t used = 0;

    out_open_list(o, key);
    for (size_t i = 0; i < count; i++) {
        add(o, NULL, string_of(values[i]));
        if (used < sizeof(text))
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
                                     i > 0 ? ", " : "", values[i]);
    }
    out_close(o);
    if (count > 0 && !o->options.json)
        put_pair(o, label, text);
}

/* ---- beginning and end --------------------------------------------------- */

static bool begin_document(struct out *o)
{
    o->root = json_object();
    o->nest[0] = o->root;
    o->depth = 0;
    return o->root != NULL;
}

struct out *out_new(const struct out_options *options)
{
    struct out *o = calloc(1, sizeof(*o));

    if (o == NULL)
        return NULL;
    o->options = *options;
    o->width = terminal_width(stdout);
    if (!begin_document(o)) {
        free(o);
        return NULL;
    }
    return o;
}

bool out_is_json(const struct out *o)
{
    return o->options.json;
}

static void print_document(struct out *o, size_t flags)
{
    if (json_dumpf(o->root, stdout, flags | JSON_PRESERVE_ORDER) < 0)
        o->failed = true;
    put(o, "\n");
}

bool out_flush(struct out *o)
{
    if (o->options.json) {
        print_document(o, JSON_COMPACT);
        json_decref(o->root);
        if (!begin_document(o))
            o->failed = true;
    }
    if (fflush(stdout) == EOF || ferror(stdout)) /* perhaps flushed before */
        o->failed = true;
    return !o->failed;
}

bool out_finish(struct out *o)
{
    if (o->options.json && json_object_size(o->root) > 0)
        print_document(o, JSON_INDENT(2));
    if (fflush(stdout) == EOF || ferror(stdout)) /* perhaps flushed before */
        o->failed = true;
    return !o->failed;
}

void out_free(struct out *o)
{
    if (o == NULL)
        return;
    json_decref(o->root);
    free(o);
}
