/*
 * tessera list: readers, cards, keys, certificates.
 */
#include "card/tool/list.h"

#include <stdio.h>
#include <stdlib.h>

#include "card/tool/cert_text.h"
#include "card/tool/object_pem.h"

enum { PATIENCE_MS = 500 };

/* ---- keys and certificates ----------------------------------------------- */

static void put_uri(struct tool *t, const struct card *c, enum card_kind kind,
                    size_t i)
{
    char uri[CARD_URI_MAX + 1];

    if (!object_uri(c, kind, i, uri))
        return;
    out_string(t->out, "uri", uri);
    out_verbatim(t->out, uri);
}

static void put_fields(struct tool *t, const struct cert_text *cert)
{
    enum cert_validity validity = cert_validity(cert);
    char purposes[256], dates[128];

    out_personal(t->out, "holder", _("Holder"), cert->holder);
    out_field(t->out, "issuer", _("Issuer"), cert->issuer);
    snprintf(dates, sizeof(dates), "%s - %s%s", cert->from, cert->until,
             validity == CERT_EXPIRED   ? _(" (expired)")
             : validity == CERT_NOT_YET ? _(" (not yet valid)")
                                        : "");
    out_string(t->out, "from", cert->from);
    out_string(t->out, "until", cert->until);
    out_string(t->out, "valid", validity == CERT_VALID     ? "yes"
                                : validity == CERT_EXPIRED ? "expired"
                                                           : "not yet");
    if (!out_is_json(t->out))
        out_field(t->out, NULL, _("Valid"), dates);
    cert_purposes(cert, purposes, sizeof(purposes));
    out_field(t->out, "for", _("For"), purposes);
}

static void put_uses(struct tool *t, const struct card_key_info *key)
{
    static const unsigned all[] = {CARD_USE_AUTH, CARD_USE_SIGN,
                                   CARD_USE_DECRYPT};
    const char *uses[nitems(all)];
    size_t count = 0;

    for (size_t i = 0; i < nitems(all); i++)
        if ((key->uses & all[i]) != 0)
            uses[count++] = object_usage(all[i]);
    if (out_is_json(t->out))
        out_strings(t->out, "uses", NULL, uses, count);
}

/* What a person calls it: by what it serves for. */
const char *list_key_title(const struct card_key_info *key)
{
    if ((key->uses & CARD_USE_AUTH) != 0)
        return _("Authentication key");
    if ((key->uses & CARD_USE_SIGN) != 0)
        return _("Signature key");
    if ((key->uses & CARD_USE_DECRYPT) != 0)
        return _("Decryption key");
    return _("Key");
}

static void put_cert(struct tool *t, const struct card *c, size_t i, bool alone)
{
    const struct card_cert_info *info;
    struct cert_text text;
    struct bytes der;

    info = card_cert_at(c, i, &der);
    out_open(t->out, NULL);
    out_string(t->out, "label", info->label);
    if (alone) {
        out_title(t->out, _("Certificate \"%s\""), info->label);
        put_uri(t, c, CARD_KIND_CERT, i);
    }
    if (cert_describe(der, &text))
        put_fields(t, &text);
    else
        out_line(t->out, _("the certificate cannot be read"));
    out_close(t->out);
}

static void put_key(struct tool *t, const struct card *c, size_t i)
{
    const struct card_key_info *key = card_key_at(c, i);
    const struct card_cert_info *cert;
    struct bytes der;

    out_open(t->out, NULL);
    if (key->label[0] != '\0')
        out_title(t->out, _("%s \"%s\""), list_key_title(key), key->label);
    else
        out_title(t->out, "%s", list_key_title(key));
    out_string(t->out, "label", key->label);
    put_uri(t, c, CARD_KIND_PRIVATE, i);
    put_uses(t, key);
    out_open_list(t->out, "certificates");
    for (size_t j = 0; (cert = card_cert_at(c, j, &der)) != NULL; j++)
        if (object_same_id(&cert->id, &key->id))
            put_cert(t, c, j, false);
    out_close(t->out);
    out_close(t->out);
}

static bool has_key(const struct card *c, const struct card_cert_info *cert)
{
    const struct card_key_info *key;

    for (size_t i = 0; (key = card_key_at(c, i)) != NULL; i++)
        if (object_same_id(&key->id, &cert->id))
            return true;
    return false;
}

void list_objects(struct tool *t, const struct card *c)
{
    const struct card_cert_info *cert;
    struct bytes der;

    out_open_list(t->out, "keys");
    for (size_t i = 0; card_key_at(c, i) != NULL; i++)
        put_key(t, c, i);
    out_close(t->out);
    out_open_list(t->out, "certificates");
    for (size_t i = 0; (cert = card_cert_at(c, i, &der)) != NULL; i++)
        if (!has_key(c, cert))
            put_cert(t, c, i, true);
    out_close(t->out);
}

/* ---- cards and readers --------------------------------------------------- */

static void put_card(struct tool *t, const struct card *c)
{
    struct card_identity id;

    card_identify(c, &id);
    out_open(t->out, NULL);
    out_title(t->out, "%s", id.title);
    out_string(t->out, "title", id.title);
    out_string(t->out, "driver", id.driver);
    out_string(t->out, "serial", id.serial);
    out_string(t->out, "model", id.model);
    if (card_key_at(c, 0) == NULL)
        out_line(t->out, _("there is no key on it that can be used"));
    list_objects(t, c);
    out_close(t->out);
}

static void put_cards(struct tool *t, const char *reader)
{
    struct card_context *ctx;
    struct card_set set = {.count = 0};
    int rc;

    if ((rc = tool_context(t, &ctx)) == 0)
        rc = card_open_all(ctx, reader, PATIENCE_MS, CARD_READ_OBJECTS, &set);
    out_open_list(t->out, "cards");
    for (size_t i = 0; rc == 0 && i < set.count; i++)
        put_card(t, set.cards[i]);
    out_close(t->out);
    if (rc < 0) {
        out_line(t->out, "%s", card_error_sentence());
        out_string(t->out, "error", card_error_sentence());
    }
    card_set_free(&set);
}

void list_reader(struct tool *t, size_t number,
                 const struct reader_state *reader)
{
    char atr[2 * READER_ATR_MAX + 1];

    out_open(t->out, NULL);
    out_title(t->out, "%zu. %s", number, reader->name);
    if (out_is_json(t->out))
        out_number(t->out, "number", NULL, (long long)number, NULL);
    out_string(t->out, "reader", reader->name);
    out_string(t->out, "atr",
               bytes_to_hex(bytes_from(reader->atr, reader->atr_len), atr,
                            sizeof(atr)));
    switch (reader->presence) {
    case READER_EMPTY:
        out_line(t->out, _("no card"));
        break;
    case READER_MUTE:
        out_line(t->out, _("a card that does not answer: is it in the right "
                           "way round?"));
        break;
    case READER_UNAVAILABLE:
        out_line(t->out, _("the reader cannot be used now"));
        break;
    case READER_PRESENT:
        put_cards(t, reader->name);
    }
    out_close(t->out);
}

/* "no reader", or "no card" if all are empty; false if neither is so. */
static bool tell_nothing(struct tool *t, const struct reader_states *readers)
{
    size_t empty = 0;

    for (size_t i = 0; i < readers->count; i++)
        empty += readers->readers[i].presence == READER_EMPTY;
    if (readers->count == 0)
        tool_say(t, _("no reader is connected, or its driver is missing; "
                      "tessera doctor looks for the reason"));
    else if (empty == readers->count)
        tool_say(t, _("no card is in a reader: put it in, the chip first"));
    else
        return false;
    return true;
}

static void list_all(struct tool *t, const struct reader_states *readers,
                     const char *only)
{
    out_open_list(t->out, "readers");
    for (size_t i = 0; i < readers->count; i++)
        if (only[0] == '\0' || strcmp(only, readers->readers[i].name) == 0)
            list_reader(t, i + 1, &readers->readers[i]);
    out_close(t->out);
}

/* The reader of the one card that is meant. An exit status. */
static int find_reader(struct tool *t, const char *text,
                       char reader[READER_NAME_MAX])
{
    struct card_identity id;
    struct card_set set;
    struct card *c = NULL;
    int status = tool_choose_any(t, text, CARD_READ_OBJECTS, &set, &c, reader);

    if (status != 0 || c == NULL)
        return status;
    card_identify(c, &id);
    snprintf(reader, READER_NAME_MAX, "%s", id.reader);
    card_set_free(&set);
    return 0;
}

static int list(struct tool *t, struct reader_states *readers,
                const char *only)
{
    struct card_context *ctx;
    int rc;

    if ((rc = tool_context(t, &ctx)) < 0 ||
        (rc = card_readers(ctx, readers, 0)) < 0)
        return tool_card_error(t, rc);
    list_all(t, readers, only);
    if (tell_nothing(t, readers))
        return TOOL_NOTHING;
    tool_say(t, _("\"tessera show\" tells all of a card, \"tessera pin\" "
                  "whether its PIN is blocked, \"tessera --help\" what else "
                  "there is."));
    return TOOL_DONE;
}

int list_run(struct tool *t, int argc, char **argv)
{
    char only[READER_NAME_MAX] = "";
    struct reader_states *readers;
    int status = 0;

    if ((argc = tool_parse(t, NULL, 1, argc, argv)) < 0)
        return tool_parsed(t);
    if ((argc > 1 || t->options.card != NULL) &&
        (status = find_reader(t, argc > 1 ? argv[1] : NULL, only)) != 0)
        return status;
    if ((readers = calloc(1, sizeof(*readers))) == NULL)
        return tool_card_error(t, card_fail(CARD_E_MEMORY, "out of memory"));
    status = list(t, readers, only);
    free(readers);
    return status;
}
