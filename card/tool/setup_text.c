/*
 * A sample of conf/ made into a user's configuration: its comments, which speak
 * of all cards, give way to what is so for this key and this program.
 */
#include "card/tool/setup.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "card/tool/samples.h"
#include "card/tool/system_conf.h"

#define SAMPLE_FOLDER "/etc/tessera/"
/* How samples mark what only keys with PKCS#1 v1.5 alone want. */
#define SAMPLE_LIMIT "Only for CPS3 cards"

enum { COLUMNS = 76 };

char *setup_printf(const char *format, ...)
{
    va_list args;
    char *out = NULL;
    size_t size;
    FILE *to = open_memstream(&out, &size);

    if (to == NULL)
        return NULL;
    va_start(args, format);
    vfprintf(to, format, args);
    va_end(args);
    if (fclose(to) == EOF) {
        free(out);
        return NULL;
    }
    return out;
}

char *setup_word(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+";
    char *out, *at;

    if (text[0] != '\0' && strspn(text, plain) == strlen(text))
        return strdup(text);
    if ((out = at = malloc(4 * strlen(text) + 3)) == NULL)
        return NULL;
    *at++ = '\'';
    for (; *text != '\0'; text++)
        if (*text == '\'')
            at = stpcpy(at, "'\\''");
        else
            *at++ = *text;
    stpcpy(at, "'");
    return out;
}

void setup_need(struct setup *s, char *why, char *command)
{
    if (s->need_count == SETUP_NEEDS) {
        free(why);
        free(command);
        return;
    }
    s->needs[s->need_count++] = (struct setup_need){why, command};
}

/* ---- comments ------------------------------------------------------------ */

/* Characters, near enough columns. */
static size_t length_of(const char *word, size_t bytes)
{
    size_t length = 0;

    for (size_t i = 0; i < bytes; i++)
        length += ((unsigned char)word[i] & 0xC0) != 0x80;
    return length;
}

/* All of these programs take '#' for one. */
static void put_comment(FILE *to, const char *text)
{
    size_t at = 1;

    fputc('#', to);
    while (*text != '\0') {
        size_t bytes = strcspn(text, " "), length = length_of(text, bytes);

        if (at > 1 && at + 1 + length > COLUMNS) {
            fputs("\n#", to);
            at = 1;
        }
        fprintf(to, " %.*s", (int)bytes, text);
        at += 1 + length;
        text += bytes;
        text += strspn(text, " ");
    }
    fputc('\n', to);
}

static void __attribute__((format(printf, 2, 3)))
put_comment_of(FILE *to, const char *format, ...)
{
    char text[2 * SETUP_PATH_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    put_comment(to, text);
}

char *setup_complaint(const struct setup *s)
{
    const char *name = s->program->name, *least = s->program->least;

    if (s->version[0] == '\0')
        return setup_printf(_("%s is not installed: this is for a current "
                              "version."), name);
    if (least != NULL && setup_is_older(s->version, least))
        return setup_printf(_("%s %s is too old: it takes at least version "
                              "%s."), name, s->version, least);
    if (setup_is_older(s->openssl, "3.0"))
        return setup_printf(_("%s runs with OpenSSL %s, which is too old: "
                              "providers came with version 3."), name,
                            s->openssl);
    if (s->program->tells_openssl && s->openssl[0] == '\0')
        return setup_printf(_("%s %s does not say that it uses OpenSSL; with "
                              "another library it cannot use the key."), name,
                            s->version);
    return NULL;
}

static void put_version(const struct setup *s, FILE *to)
{
    const char *name = s->program->name;
    char *complaint = setup_complaint(s);

    if (s->openssl[0] != '\0' && strcmp(name, "openssl") != 0)
        put_comment_of(to, _("For %s %s with OpenSSL %s."), name, s->version,
                       s->openssl);
    else if (s->version[0] != '\0')
        put_comment_of(to, _("For %s %s."), name, s->version);
    if (complaint != NULL)
        put_comment(to, complaint);
    free(complaint);
}

static void put_limit(const struct setup *s, const char *sample, FILE *to)
{
    if (strstr(sample, SAMPLE_LIMIT) == NULL)
        return;
    if (s->limit == SETUP_TLS12)
        put_comment(to, _("TLS 1.2 only: the card signs by PKCS#1 v1.5, and "
                          "TLS 1.3 wants RSA-PSS."));
    else if (s->limit == SETUP_UNKNOWN)
        put_comment(to, _("The key was not seen. If it signs by PKCS#1 v1.5 "
                          "only, as those of CPS3 cards, take the # away "
                          "before what says 1.2."));
}

/* ---- the sample ---------------------------------------------------------- */

static bool starts(const char *line, const char *word)
{
    size_t len = strlen(word);

    return strncmp(line, word, len) == 0 && !isalnum((unsigned char)line[len]);
}

static bool is_dropped(const struct setup *s, const char *line)
{
    for (size_t i = 0; i < SETUP_DROPS && s->side->drop[i] != NULL; i++)
        if (starts(line, s->side->drop[i]))
            return true;
    return false;
}

/* With the user's folder in the place of the sample's. */
static void put_line(const struct setup *s, FILE *to, const char *line)
{
    const char *found;

    while ((found = strstr(line, SAMPLE_FOLDER)) != NULL) {
        fprintf(to, "%.*s%s/", (int)(found - line), line, s->folder);
        line = found + strlen(SAMPLE_FOLDER);
    }
    fprintf(to, "%s\n", line);
}

/* Where in the sample a line stands. */
struct place {
    bool opens;   /* a paragraph: blank or nothing before it */
    bool dropped; /* with its paragraph */
    bool limit;   /* behind the mark */
};

static void take_line(const struct setup *s, FILE *to, const char *line,
                      struct place *at)
{
    const char *word = line + strspn(line, " \t");

    if (*word == '#' || *word == ';') {
        at->limit = strstr(word, SAMPLE_LIMIT) != NULL;
    } else if (*word == '\0') {
        *at = (struct place){.opens = true};
    } else if (at->dropped || is_dropped(s, word)) {
        at->dropped |= at->opens;
    } else if (!at->limit || s->limit != SETUP_ANY) {
        if (at->opens)
            fputc('\n', to);
        if (at->limit && s->limit == SETUP_UNKNOWN)
            fputc('#', to);
        put_line(s, to, line);
        at->opens = false;
    }
}

static bool put_sample(const struct setup *s, const char *sample, FILE *to)
{
    struct place at = {.opens = true};
    char *copy = strdup(sample), *next;

    for (char *line = copy; line != NULL; line = next) {
        if ((next = strchr(line, '\n')) != NULL)
            *next++ = '\0';
        take_line(s, to, line, &at);
    }
    free(copy);
    return copy != NULL;
}

/* ---- all of it ----------------------------------------------------------- */

static void put_needs(const struct setup *s, FILE *to)
{
    fputc('\n', to);
    put_comment(to, _("What it needs, by these commands:"));
    for (size_t i = 0; i < s->need_count; i++) {
        if (s->needs[i].sentence != NULL)
            put_comment(to, s->needs[i].sentence);
        if (s->needs[i].command != NULL)
            fprintf(to, "#   %s\n", s->needs[i].command);
    }
    if (s->side->after != NULL)
        put_comment(to, _(s->side->after));
}

static void put_heading(const struct setup *s, const char *sample, FILE *to)
{
    put_comment_of(to, _("For the file %s, by tessera setup %s"),
                   s->file, s->program->name);
    put_version(s, to);
    put_limit(s, sample, to);
    if (s->side->note != NULL)
        put_comment(to, _(s->side->note));
}

/* As in the file that is written then (registry_add_conf). */
static void put_include(FILE *to)
{
    char path[SETUP_PATH_MAX];

    system_conf_path(path, sizeof(path));
    fprintf(to, "\n.include %s\n", path);
}

char *setup_text(const struct setup *s)
{
    const char *sample = sample_text(s->side->sample);
    char *out = NULL;
    size_t size;
    FILE *to = open_memstream(&out, &size);
    bool ok;

    if (to != NULL) {
        put_heading(s, sample, to);
        if (s->shared)
            put_include(to);
        ok = put_sample(s, sample, to);
        put_needs(s, to);
        if (fclose(to) == 0 && ok)
            return out;
    }
    free(out);
    tool_error(s->t, _("out of memory"));
    return NULL;
}
