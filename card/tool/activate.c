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
#include "card/tool/samples.h"
#include "card/tool/system_conf.h"

enum { LINE_MAX_BYTES = 3 * 4096 };

struct activation {
    struct tool *t;
    bool system, no_pin;
    struct registry *registry;
    char stem[CARD_STEM_MAX];
    struct card_files *files;
    bool changed;
};

/* ---- what is to be ------------------------------------------------------- */

/* A user's file takes the system's place, and so begins with it. */
static bool add_conf(const struct activation *a)
{
    BIO *out = registry_file(&a->files->files, REGISTRY_CONF);
    char path[4096];

    if (out == NULL)
        return false;
    if (!a->system) {
        system_conf_path(path, sizeof(path));
        BIO_printf(out, "# Written by tessera activate.\n.include %s\n\n",
                   path);
    }
    return BIO_puts(out, sample_text("openssl.cnf")) > 0;
}

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
    return a->files != NULL && add_conf(a);
}

/* ---- what is said -------------------------------------------------------- */

/* For a shell: in quotes where something in it would not be itself. */
static void quote(const char *path, char *out, size_t cap)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+";
    size_t len = 0;

    if (strspn(path, plain) == strlen(path)) {
        snprintf(out, cap, "%s", path);
        return;
    }
    out[len++] = '\'';
    for (; *path != '\0' && len + 6 < cap; path++)
        if (*path == '\'')
            len += (size_t)snprintf(out + len, cap - len, "'\\''");
        else
            out[len++] = *path;
    snprintf(out + len, cap - len, "'");
}

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

/* Words, and below them a line to paste. */
static void put_command(struct out *out, const char *key, const char *words,
                        const char *command)
{
    char line[LINE_MAX_BYTES + 8];

    out_string(out, key, command);
    snprintf(line, sizeof(line), "    %s", command);
    out_blank(out);
    out_line(out, "%s", words);
    out_verbatim(out, line);
}

static void put_next(const struct activation *a)
{
    const struct card_files_entry *entry = best_entry(a);
    char path[4096 + REGISTRY_NAME_MAX], first[4400], second[4400];
    char line[LINE_MAX_BYTES];

    snprintf(path, sizeof(path), "%s/%s", a->registry->path, REGISTRY_CONF);
    quote(path, first, sizeof(first));
    snprintf(line, sizeof(line), "export OPENSSL_CONF=%s", first);
    if (!a->system)
        put_command(a->t->out, "environment",
                    _("Programs find the card in a shell where this was typed; "
                      "a line in ~/.profile makes that every shell:"),
                    line);
    if (entry == NULL)
        return;
    snprintf(path, sizeof(path), "%s/%s", a->registry->path,
             entry->certificate);
    quote(path, first, sizeof(first));
    snprintf(path, sizeof(path), "%s/%s", a->registry->path, entry->key);
    quote(path, second, sizeof(second));
    snprintf(line, sizeof(line), "curl --cert %s --key %s https://SERVER/",
             first, second);
    put_command(a->t->out, "next",
                _("Then a login is, with your server's name:"), line);
}

static void put_result(const struct activation *a)
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
    put_next(a);
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
            put_result(a);
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

    if ((argc = tool_parse(t, options, 1, argc, argv)) < 0)
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
