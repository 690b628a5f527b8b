/*
 * tessera cert export: certificates of a card as files for programs.
 */
#include "card/tool/tool.h"

#include <stdio.h>
#include <string.h>

#include "card/tool/authorities.h"
#include "card/tool/object_pem.h"
#include "card/tool/ossl.h"

struct export {
    struct tool *t;
    bool der, chain;
    const char *file;
    struct object_choice choice;
    struct authorities authorities; /* of the card, for the chain */
    BIO *out;
    size_t count;
};

/* ---- one certificate ----------------------------------------------------- */

/* PEM readers pass over what stands before a block. */
static void put_comment(const struct export *e, const char *usage,
                        const struct cert_text *text)
{
    if (e->t->options.redact || e->der)
        return;
    BIO_printf(e->out, "# %s%s%s, %s, %s - %s\n", usage,
               usage[0] != '\0' ? ": " : "", text->holder, text->issuer,
               text->from, text->until);
}

static void put_json(const struct export *e, const char *usage,
                     const struct cert_text *text, size_t start)
{
    struct bytes pem = ossl_content(e->out), before;
    char one[3 * CARD_MAX_FILE];

    out_open(e->t->out, NULL);
    out_string(e->t->out, "usage", usage);
    out_personal(e->t->out, "holder", _("Holder"), text->holder);
    out_string(e->t->out, "until", text->until);
    if (!e->der && bytes_take(&pem, start, &before) && pem.len < sizeof(one)) {
        snprintf(one, sizeof(one), "%.*s", (int)pem.len,
                 (const char *)pem.data);
        out_string(e->t->out, "pem", one);
    }
    out_close(e->t->out);
}

static bool put_certificate(struct export *e, const struct card *c, size_t i,
                            struct bytes der)
{
    const char *usage = object_cert_usage(c, i);
    struct cert_text text;
    size_t start;
    bool ok;

    if (!cert_describe(der, &text)) {
        tool_say(e->t, _("one certificate cannot be read, and is left out"));
        return true;
    }
    e->count++;
    put_comment(e, usage, &text);
    start = ossl_content(e->out).len;
    ok = e->der ? BIO_write(e->out, der.data, (int)der.len) == (int)der.len
                : object_put_cert(e->out, der);
    if (ok && e->chain)
        ok = authorities_put_chain(&e->authorities, der, e->out);
    if (ok && out_is_json(e->t->out))
        put_json(e, usage, &text, start);
    return ok;
}

/* ---- all that are meant -------------------------------------------------- */

static int collect(struct export *e, const struct card *c)
{
    struct bytes der;
    bool ok = true;

    if (e->chain)
        authorities_add_card(&e->authorities, c);
    out_open_list(e->t->out, "certificates");
    for (size_t i = 0; ok && card_cert_at(c, i, &der) != NULL; i++)
        if (der.len > 0 && object_cert_is_meant(&e->choice, c, i))
            ok = put_certificate(e, c, i, der);
    out_close(e->t->out);
    if (!ok) {
        tool_error(e->t, _("out of memory"));
        return TOOL_FAILED;
    }
    if (e->count == 0) {
        tool_error(e->t, _("the card has no such certificate; tessera list "
                           "shows those it has"));
        return TOOL_NOTHING;
    }
    if (e->der && e->count > 1) {
        tool_error(e->t, _("a DER file has one certificate, and %zu are "
                           "meant: name one by --usage or --id"), e->count);
        return TOOL_USAGE;
    }
    return TOOL_DONE;
}

static int put(struct export *e)
{
    struct bytes content = ossl_content(e->out);

    if (e->file != NULL)
        return object_write(e->t, e->file, content);
    if (!out_is_json(e->t->out) &&
        fwrite(content.data, 1, content.len, stdout) != content.len) {
        tool_error(e->t, _("standard output cannot be written"));
        return TOOL_FAILED;
    }
    return TOOL_DONE;
}

static int export_from(struct export *e, const char *text)
{
    struct card_set set;
    struct card *c;
    int status = tool_choose(e->t, text, CARD_READ_OBJECTS, &set, &c);

    if (status != TOOL_DONE)
        return status;
    if ((e->out = BIO_new(BIO_s_mem())) == NULL ||
        !authorities_init(&e->authorities)) {
        tool_error(e->t, _("out of memory"));
        status = TOOL_FAILED;
    } else if ((status = collect(e, c)) == TOOL_DONE) {
        status = put(e);
    }
    authorities_clear(&e->authorities);
    BIO_free(e->out);
    card_set_free(&set);
    return status;
}

static int check(const struct export *e, int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "export") != 0) {
        tool_error(e->t, _("tessera cert knows one thing to do: tessera cert "
                           "export"));
        return TOOL_USAGE;
    }
    if (e->der && e->chain) {
        tool_error(e->t, _("a DER file has one certificate: --chain and --der "
                           "do not go together"));
        return TOOL_USAGE;
    }
    return TOOL_DONE;
}

int cert_run(struct tool *t, int argc, char **argv)
{
    struct export e = {.t = t};
    const char *usage = NULL, *id = NULL, *text;
    const struct tool_option options[] = {{"usage", &usage, NULL, NULL},
                                          {"id", &id, NULL, NULL},
                                          {"der", NULL, &e.der, NULL},
                                          {"chain", NULL, &e.chain, NULL},
                                          {"out", &e.file, NULL, NULL},
                                          {NULL, NULL, NULL, NULL}};
    int status;

    if ((argc = tool_parse(t, options, 2, argc, argv)) < 0)
        return tool_parsed(t);
    if ((status = check(&e, argc, argv)) != TOOL_DONE)
        return status;
    text = argc > 2 ? argv[2] : t->options.card;
    status = object_choice_parse(t, usage, id, text, &e.choice);
    return status == TOOL_DONE ? export_from(&e, text) : status;
}
