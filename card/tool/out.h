/*
 * What a command has to say, once for people and for programs: text in the
 * user's language on a terminal of any width, or with --json one document that
 * is the same in every language.
 */
#ifndef CARD_TOOL_OUT_H
#define CARD_TOOL_OUT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "card/base/bytes.h"

struct out;

struct out_options {
    bool json;
    bool redact; /* personal values are shown as "***" */
};

/* NULL: out of memory. Reads the locale, and the width of a terminal. */
struct out *out_new(const struct out_options *options);
/* Print the JSON document, flush. False: standard output failed (disk full). */
bool out_finish(struct out *o);
void out_free(struct out *o);
bool out_is_json(const struct out *o);
/* Flush what a person sees so far; JSON: one document a line (watch). */
bool out_flush(struct out *o);

/*
 * Nesting. Inside a list, `key` is NULL. Text is indented by one level between
 * open and close, where a title stood before it.
 *
 *   out_open_list(o, "cards");
 *     out_open(o, NULL);
 *       out_title(o, _("Card in %s"), reader);
 *       out_field(o, "serial", _("Serial number"), serial);
 *     out_close(o);
 *   out_close(o);
 */
void out_open(struct out *o, const char *key);
void out_open_list(struct out *o, const char *key);
void out_close(struct out *o);

/*
 * Text only: a heading; what follows until the next close is indented below it.
 */
void out_title(struct out *o, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Text only: a sentence, broken at the terminal's width. */
void out_line(struct out *o, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Text only: never broken, line ends stay: URIs, files, commands to paste. */
void out_verbatim(struct out *o, const char *text);
void out_blank(struct out *o);

/*
 * A value with its label. UTF-8; control characters and what the locale cannot
 * show are replaced in text, JSON has it whole. NULL or empty: nothing.
 */
void out_field(struct out *o, const char *key, const char *label,
               const char *value);
/* JSON has the number, people the words. */
void out_number(struct out *o, const char *key, const char *label,
                long long number, const char *words);
void out_flag(struct out *o, const char *key, const char *label, bool value,
              const char *words);
/* A value that names or describes a person. */
void out_personal(struct out *o, const char *key, const char *label,
                  const char *value);
/*
 * A value and where it comes from; JSON: {"value": ..., "source": ...}.
 */
void out_sourced(struct out *o, const char *key, const char *label,
                 const char *value, const char *source, bool personal);
/* JSON only: what people are told in another way. */
void out_string(struct out *o, const char *key, const char *value);
/* JSON only, at the top of the document. */
void out_error(struct out *o, const char *message);
/* A list of plain strings: JSON an array, people "a, b, c". */
void out_strings(struct out *o, const char *key, const char *label,
                 const char *const *values, size_t count);

/*
 * Text in the locale's characters, control characters replaced by '?', for
 * standard error and prompts. Free it; NULL: out of memory.
 */
char *out_localised(const char *utf8);
/* printf of UTF-8 in the locale's characters. Line ends stay. */
void out_print(FILE *to, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/*
 * The same of words from column `at` on, where further lines begin: broken at
 * the width of a terminal. A line end follows.
 */
void out_words(FILE *to, size_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
