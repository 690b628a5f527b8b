/*
 * tessera activate: what is on a card becomes files that every program of this
 * user, or of this machine, can be given.
 */
#include "card/tool/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/tool/card_files.h"
#include "card/tool/pin.h"
#include "card/tool/registry.h"
#include "card/tool/setup.h"
#include "card/tool/test.h"

struct activation {
    struct tool *t;
    bool system, no_pin;
    struct registry *registry;
    char stem[CARD_STEM_MAX];
    struct card_files *files;
    bool changed;
};

/* ---- what is to be ------------------------------------------------------- */

/* Authorities come from the card, and from what chain --install kept. */
static bool make_files(struct activation *a, const struct card *c)
{
    struct authorities authorities;
    char name[REGISTRY_NAME_MAX];
    struct buf kept;

    card_files_authorities(a->stem, name);
    if (authorities_init(&authorities)) {
        authorities_add_card(&authorities, c);
        registry_read(a->registry, name, &kept);
        authorities_add_pem(&authorities, buf_view(&kept));
        buf_free(&kept);
        a->files = card_files_new(a->t, c, a->stem, &authorities);
    }
    authorities_clear(&authorities);
    return a->files != NULL &&
           registry_add_conf(a->registry, &a->files->files);
}

/* ---- what is said -------------------------------------------------------- */

static void put_file(const struct activation *a, const char *key,
                     const char *name)
{
    char path[4096 + REGISTRY_NAME_MAX];

    if (name[0] == '\0')
        return;
    snprintf(path, sizeof(path), "%s/%s", a->registry->path, name);
    out_string(a->t->out, key, path);
    out_verbatim(a->t->out, path);
}

static const char *title_of(const struct card_files_entry *entry)
{
    if (strcmp(entry->usage, "auth") == 0)
        return _("For logins");
    if (strcmp(entry->usage, "sign") == 0)
        return _("For signatures");
    if (strcmp(entry->usage, "decrypt") == 0)
        return _("For decryption");
    return _("For other uses");
}

static void put_entry(const struct activation *a,
                      const struct card_files_entry *entry)
{
    struct out *out = a->t->out;

    out_open(out, NULL);
    out_title(out, "%s", title_of(entry));
    out_string(out, "usage", entry->usage);
    out_personal(out, "holder", _("Holder"), entry->holder);
    put_file(a, "certificate", entry->certificate);
    put_file(a, "key", entry->key);
    out_close(out);
}

/* The one for logins, else the first. */
static const struct card_files_entry *best_entry(const struct activation *a)
{
    const struct card_files_entry *best = NULL;

    for (size_t i = 0; i < a->files->count; i++) {
        const struct card_files_entry *entry = &a->files->entries[i];

        if (entry->certificate[0] == '\0' || entry->key[0] == '\0')
            continue;
        if (strcmp(entry->usage, "auth") == 0)
            return entry;
        if (best == NULL)
            best = entry;
    }
    return best;
}

/* Words, and below them a line to paste. Takes `command` over. */
static void put_command(struct out *out, const char *key, const char *words,
                        char *command)
{
    char *line = command != NULL ? setup_printf("    %s", command) : NULL;

    if (line != NULL) {
        out_string(out, key, command);
        out_blank(out);
        out_line(out, "%s", words);
        out_verbatim(out, line);
    }
    free(line);
    free(command);
}

/* A file of the folder as a word of a shell. Free it. */
static char *word_of(const struct activation *a, const char *name)
{
    char path[4096 + REGISTRY_NAME_MAX];

    snprintf(path, sizeof(path), "%s/%s", a->registry->path, name);
    return setup_word(path);
}

static void put_environment(const struct activation *a)
{
    char *conf = word_of(a, REGISTRY_CONF), *line = NULL, *word = NULL;

    if (conf != NULL)
        line = setup_printf("export OPENSSL_CONF=%s", conf);
    if (line != NULL && (word = setup_word(line)) != NULL) {
        put_command(a->t->out, "environment",
                    _("Programs find the card in a terminal where this was "
                      "typed:"), line);
        put_command(a->t->out, "profile",
                    _("In every new terminal repeat that line, or put it into "
                      "~/.profile, which is read when you log in:"),
                    setup_printf("echo %s >>~/.profile", word));
    } else {
        free(line);
    }
    free(word);
    free(conf);
}

/* See test_is_tls12_only: with TLS 1.3 no certificate would be sent. */
static const char *limit_of(struct card *c, size_t index)
{
    struct card_key *key;
    bool old;

    if (card_use_key(c, index, &key) < 0)
        return "";
    old = test_is_tls12_only(card_key_can(key));
    card_key_free(key);
    return old ? "--tls-max 1.2 " : "";
}

static void put_hints(const struct activation *a)
{
    struct out *out = a->t->out;

    out_blank(out);
    out_line(out, _("curl then asks for a \"PEM pass phrase\": that is the "
                    "card's PIN."));
    out_line(out, _("With a certificate authority of your own (a file your "
                    "administrator gave you): add --cacert FILE."));
    if (a->system)
        out_line(out, _("Error 58 of curl means that no card is in the "
                        "reader."));
    else
        out_line(out, _("Error 58 of curl means that the line with export was "
                        "not typed in this terminal, or that no card is in "
                        "the reader."));
}

static void put_login(const struct activation *a, struct card *c,
                      const struct card_files_entry *entry)
{
    char *cert = word_of(a, entry->certificate);
    char *key = word_of(a, entry->key);

    if (cert != NULL && key != NULL)
        put_command(a->t->out, "next",
                    _("Then a login is, with your server's name:"),
                    setup_printf("curl --cert %s --key %s %shttps://SERVER/",
                                 cert, key, limit_of(c, entry->index)));
    free(cert);
    free(key);
    put_hints(a);
}

static void put_next(const struct activation *a, struct card *c)
{
    const struct card_files_entry *entry = best_entry(a);

    if (!a->system)
        put_environment(a);
    if (entry != NULL)
        put_login(a, c, entry);
}

static void put_result(const struct activation *a, struct card *c)
{
    struct out *out = a->t->out;
    size_t number = a->files->certificates;

    out_string(out, "folder", a->registry->path);
    out_flag(out, "changed", NULL, a->changed, NULL);
    if (out_is_json(out))
        out_number(out, "certificates", NULL, (long long)number, NULL);
    if (!a->changed)
        out_line(out, _("This card is activated already; nothing was "
                        "changed."));
    out_line(out, ngettext("%zu certificate is registered in %s:",
                           "%zu certificates are registered in %s:", number),
             number, a->registry->path);
    out_blank(out);
    out_open_list(out, "registered");
    for (size_t i = 0; i < a->files->count; i++)
        put_entry(a, &a->files->entries[i]);
    out_close(out);
    put_next(a, c);
}

/* ---- the subcommand ------------------------------------------------------ */

static bool has_anything(const struct card *c)
{
    struct bytes der;

    return card_key_at(c, 0) != NULL || card_cert_at(c, 0, &der) != NULL;
}

static int activate_card(struct activation *a, struct card *c)
{
    int status;

    if (!has_anything(c)) {
        tool_error(a->t, _("the card has no key and no certificate: there is "
                           "nothing to register"));
        return TOOL_NOTHING;
    }
    status = a->no_pin ? TOOL_DONE : pin_verify_main(a->t, c);
    if (status != TOOL_DONE)
        return status;
    a->registry = registry_open(a->t, a->system, true, &status);
    if (a->registry == NULL)
        return status;
    if (!make_files(a, c)) {
        status = TOOL_FAILED;
    } else {
        status = registry_put(a->registry, &a->files->files, &a->changed);
        if (status == TOOL_DONE)
            put_result(a, c);
    }
    card_files_free(a->files);
    registry_close(a->registry);
    return status;
}

int activate_run(struct tool *t, int argc, char **argv)
{
    struct activation a = {.t = t};
    const struct tool_option options[] = {
        {"system", NULL, &a.system, NULL},
        {"no-pin", NULL, &a.no_pin, NULL},
        {NULL, NULL, NULL, NULL}};
    struct card_set set;
    struct card *c;
    int status;

    if (tool_parse(t, options, 1, argc, argv) < 0)
        return tool_parsed(t);
    if (a.system && !registry_allows_system(t))
        return TOOL_REFUSED;
    status = tool_choose(t, argv[1], CARD_READ_OBJECTS | CARD_READ_PINS, &set,
                         &c);
    if (status != TOOL_DONE)
        return status;
    card_files_stem(&set, c, a.stem);
    status = activate_card(&a, c);
    card_set_free(&set);
    return status;
}
