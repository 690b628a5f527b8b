/*
 * tessera setup PROGRAM [URI]: the configuration with which that program uses a
 * key, printed or written.
 */
#define _GNU_SOURCE /* secure_getenv */
#include "card/tool/setup.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "card/tool/object_pem.h"
#include "card/tool/registry.h"
#include "card/tool/test.h"

/* What was asked for. */
struct wish {
    const char *uri, *file;
    bool write, server;
};

/* ---- the program --------------------------------------------------------- */

static const struct setup_program *program_of(struct tool *t, const char *name)
{
    char names[256] = "";

    for (const struct setup_program *p = setup_programs; p->name != NULL; p++) {
        if (strcmp(p->name, name) == 0)
            return p;
        strncat(names, p == setup_programs ? "" : ", ",
                sizeof(names) - strlen(names) - 1);
        strncat(names, p->name, sizeof(names) - strlen(names) - 1);
    }
    tool_error(t, _("no configuration for \"%s\" is known; there are those for "
                    "%s"), name, names);
    return NULL;
}

static bool choose_side(struct setup *s, const struct wish *w)
{
    const struct setup_program *p = s->program;

    s->side = w->server ? &p->server : &p->client;
    if (s->side->sample == NULL) {
        tool_error(s->t, _("%s has no server's side here: leave out --server"),
                   p->name);
        return false;
    }
    if (p->foreign.sample != NULL && setup_git_is_foreign())
        s->side = &p->foreign;
    return true;
}

/* ---- the key ------------------------------------------------------------- */

static void take_limit(struct setup *s, const struct card_key *key)
{
    s->limit = test_is_tls12_only(card_key_can(key)) ? SETUP_TLS12 : SETUP_ANY;
}

/* It may be of a card that is not there now, or of a token. */
static void look_for(struct setup *s, struct card_uri *uri)
{
    struct card_search *search = NULL;
    struct card_object found;
    struct card_context *ctx;

    if (tool_context(s->t, &ctx) < 0 ||
        card_search_new(ctx, uri, CARD_KIND_PRIVATE, &search) < 0)
        return;
    if (card_search_next(search, &found) == 0) {
        take_limit(s, found.key);
        card_key_free(found.key);
    }
    card_search_free(search);
}

/* It goes into comments of files and into commands. */
static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++)
        if (iscntrl((unsigned char)*text))
            return false;
    return true;
}

static int take_uri(struct setup *s, const char *text)
{
    struct card_uri uri;
    bool has_pin;
    int rc = card_uri_parse(text, &uri);

    if (rc < 0)
        return tool_card_error(s->t, rc);
    has_pin = uri.pin_value != NULL;
    if (!has_pin && is_printable(text))
        look_for(s, &uri);
    card_uri_clear(&uri);
    if (has_pin || !is_printable(text)) {
        tool_error(s->t, has_pin
                             ? _("the PIN must not stand in a configuration "
                                 "that others read: leave pin-value out of "
                                 "the URI, and use pin-source, or \"pin\" in "
                                 "an openssl.cnf of mode 0600")
                             : _("there are control characters in the URI"));
        return TOOL_REFUSED;
    }
    s->uri = strdup(text);
    s->uri_decrypt = strdup(text);
    return TOOL_DONE;
}

/* The first key for that, else the first there is. */
static bool key_for(const struct card *c, unsigned use, size_t *out)
{
    const struct card_key_info *key;

    *out = 0;
    for (size_t i = 0; (key = card_key_at(c, i)) != NULL; i++)
        if ((key->uses & use) != 0) {
            *out = i;
            return true;
        }
    return card_key_at(c, 0) != NULL;
}

static char *uri_of(const struct card *c, size_t key)
{
    char uri[CARD_URI_MAX + 1];

    return object_uri(c, CARD_KIND_PRIVATE, key, uri) ? strdup(uri) : NULL;
}

static bool take_keys(struct setup *s, struct card *c)
{
    const bool mail = strcmp(s->program->name, "mutt") == 0;
    struct card_key *key;
    size_t i;

    if (!key_for(c, mail ? CARD_USE_SIGN : CARD_USE_AUTH, &i))
        return false;
    s->uri = uri_of(c, i);
    if (card_use_key(c, i, &key) == 0) {
        take_limit(s, key);
        card_key_free(key);
    }
    key_for(c, CARD_USE_DECRYPT, &i);
    s->uri_decrypt = uri_of(c, i);
    return true;
}

static int ask_card(struct setup *s)
{
    struct card_set set;
    struct card *c;
    int status = tool_choose(s->t, NULL, CARD_READ_OBJECTS, &set, &c);

    if (status != TOOL_DONE)
        return status;
    if (!take_keys(s, c)) {
        tool_error(s->t, _("there is no key on the card that can be used"));
        status = TOOL_NOTHING;
    }
    card_set_free(&set);
    return status;
}

static int choose_key(struct setup *s, const char *uri)
{
    int status = uri != NULL ? take_uri(s, uri) : ask_card(s);

    if (status == TOOL_DONE && (s->uri == NULL || s->uri_decrypt == NULL)) {
        tool_error(s->t, _("out of memory"));
        status = TOOL_FAILED;
    }
    return status;
}

/* ---- places -------------------------------------------------------------- */

/* What all of these programs' files, and shells, take as it is. */
static bool is_plain(const char *path)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "/._-+@";

    return strspn(path, allowed) == strlen(path);
}

/* Services and root have the machine's; others what activate has, too. */
static bool find_folder(const struct setup *s, char out[SETUP_PATH_MAX])
{
    return registry_path(s->program->service != NULL || geteuid() == 0, out,
                         SETUP_PATH_MAX);
}

static int find_file(const struct setup *s, const struct wish *w,
                     const char *home, char *out)
{
    const char *file = s->side->file;

    if (w->file != NULL)
        return snprintf(out, SETUP_PATH_MAX, "%s", w->file);
    if (file[0] == '~')
        return snprintf(out, SETUP_PATH_MAX, "%s%s", home, file + 1);
    if (file[0] == '=')
        return snprintf(out, SETUP_PATH_MAX, "%s/%s", s->folder, file + 1);
    return snprintf(out, SETUP_PATH_MAX, "%s", file);
}

static int find_places(struct setup *s, const struct wish *w)
{
    const char *home = secure_getenv("HOME");

    if (home == NULL || home[0] != '/') {
        tool_error(s->t, _("where your settings are is not known: HOME is not "
                           "set"));
        return TOOL_REFUSED;
    }
    s->shared = strcmp(s->program->name, "openssl") == 0 && w->file == NULL &&
                geteuid() != 0;
    if (find_folder(s, s->folder) &&
        find_file(s, w, home, s->file) < SETUP_PATH_MAX &&
        is_plain(s->folder) && is_plain(s->file))
        return TOOL_DONE;
    tool_error(s->t, _("the names of your folders are too long, or have "
                       "characters that not every program takes: %s"),
               s->file);
    return TOOL_REFUSED;
}

/* ---- the answer ---------------------------------------------------------- */

static void put_needs(const struct setup *s)
{
    struct out *o = s->t->out;

    out_open_list(o, "needs");
    for (size_t i = 0; i < s->need_count; i++) {
        out_open(o, NULL);
        out_string(o, "why", s->needs[i].sentence);
        out_string(o, "command", s->needs[i].command);
        out_close(o);
    }
    out_close(o);
}

static void put_json(const struct setup *s)
{
    static const char *const limits[] = {"unknown", "1.2", "any"};
    struct out *o = s->t->out;

    out_string(o, "program", s->program->name);
    out_string(o, "version", s->version);
    out_string(o, "openssl", s->openssl);
    out_string(o, "tls", limits[s->limit]);
    out_string(o, "uri", s->uri);
    out_string(o, "file", s->file);
    out_string(o, "text", s->text);
    put_needs(s);
}

/* What is left to do stands in the file; a person sees the commands here. */
static void put_commands(const struct setup *s)
{
    struct out *o = s->t->out;

    if (s->shared)
        out_line(o, _("What is left to do, by these commands:"));
    else
        out_line(o, _("What it needs is told at its end; these are the "
                      "commands:"));
    for (size_t i = 1; i < s->need_count; i++)
        if (s->needs[i].command != NULL)
            out_verbatim(o, s->needs[i].command);
    if (s->side->after != NULL)
        out_line(o, "%s", _(s->side->after));
}

static void put_written(const struct setup *s, bool changed, const char *backup)
{
    struct out *o = s->t->out;
    char *complaint = setup_complaint(s);

    if (out_is_json(o))
        out_flag(o, "written", NULL, changed, NULL);
    out_string(o, "backup", backup);
    if (changed)
        out_line(o, _("%s is written."), s->file);
    else if (s->shared)
        out_line(o, _("%s is there already."), s->file);
    else
        out_line(o, _("%s is as it should be already."), s->file);
    if (backup[0] != '\0')
        out_line(o, _("As it was before, it is kept in %s."), backup);
    if (complaint != NULL)
        out_line(o, "%s", complaint);
    free(complaint);
    if (s->limit == SETUP_UNKNOWN)
        out_line(o, _("The key was not seen: what its card cannot do is not "
                      "heeded. With the card in the reader, do it again."));
    put_commands(s);
}

static int write_it(const struct setup *s)
{
    char backup[SETUP_PATH_MAX];
    bool changed;
    int status = setup_write(s, &changed, backup);

    if (status == TOOL_DONE)
        put_written(s, changed, backup);
    return status;
}

static int print_it(const struct setup *s)
{
    char *text = strdup(s->text);

    if (text == NULL)
        return tool_card_error(s->t, card_fail(CARD_E_MEMORY, "out of memory"));
    text[strlen(text) - 1] = '\0'; /* the last line's end comes with it */
    out_verbatim(s->t->out, text);
    free(text);
    tool_say(s->t, _("Nothing is written yet: %s writes this file."),
             s->needs[0].command);
    return TOOL_DONE;
}

static int answer(struct setup *s, const struct wish *w)
{
    if (!setup_need_file(s, w->uri, w->file, w->server)) {
        tool_error(s->t, _("out of memory"));
        return TOOL_FAILED;
    }
    s->side->needs(s);
    if ((s->text = setup_text(s)) == NULL)
        return TOOL_FAILED;
    put_json(s);
    return w->write ? write_it(s) : print_it(s);
}

static int set_up(struct setup *s, const char *name, const struct wish *w)
{
    int status;

    if ((s->program = program_of(s->t, name)) == NULL || !choose_side(s, w))
        return TOOL_USAGE;
    if ((status = find_places(s, w)) != TOOL_DONE ||
        (status = choose_key(s, w->uri)) != TOOL_DONE)
        return status;
    setup_ask_version(s);
    return answer(s, w);
}

static void forget(struct setup *s)
{
    for (size_t i = 0; i < s->need_count; i++) {
        free(s->needs[i].sentence);
        free(s->needs[i].command);
    }
    free(s->uri);
    free(s->uri_decrypt);
    free(s->text);
    free(s);
}

int setup_run(struct tool *t, int argc, char **argv)
{
    struct wish w = {.uri = NULL};
    const struct tool_option options[] = {
        {"write", NULL, &w.write, NULL},
        {"server", NULL, &w.server, NULL},
        {"file", &w.file, NULL, NULL},
        {NULL, NULL, NULL, NULL},
    };
    struct setup *s;
    int status;

    if ((argc = tool_parse(t, options, 2, argc, argv)) < 0)
        return tool_parsed(t);
    if (argc < 2) {
        tool_error(t, _("which program? See tessera setup --help"));
        return TOOL_USAGE;
    }
    if ((s = calloc(1, sizeof(*s))) == NULL)
        return tool_card_error(t, card_fail(CARD_E_MEMORY, "out of memory"));
    w.uri = argc > 2 ? argv[2] : NULL;
    s->t = t;
    status = set_up(s, argv[1], &w);
    forget(s);
    return status;
}
