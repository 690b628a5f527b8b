/*
 * tessera show: the audit screen. What the card says, and where it says so;
 * nothing is written, and no PIN goes out unless --pin asks for it.
 */
#include "card/tool/identity.h"
#include "card/tool/list.h"
#include "card/tool/pin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READ_ALL = CARD_READ_OBJECTS | CARD_READ_PINS | CARD_READ_LABEL };

/* ---- the card ------------------------------------------------------------ */

/* What drivers name; a name that is not here is shown as it is. */
static const struct {
    const char *name, *label;
} labels[] = {
    {"algorithm-auth", N_("Login key")},
    {"algorithm-decrypt", N_("Decryption key")},
    {"algorithm-sign", N_("Signature key")},
    {"algorithms", N_("Algorithms")},
    {"application", N_("Application")},
    {"application-authority", N_("Authority")},
    {"application-label", N_("Application name")},
    {"created-auth", N_("Login key made")},
    {"created-decrypt", N_("Decryption key made")},
    {"created-sign", N_("Signature key made")},
    {"expiration", N_("Expires")},
    {"fasc-n", N_("FASC-N")},
    {"fingerprint-auth", N_("Login key's print")},
    {"fingerprint-decrypt", N_("Decryption key's print")},
    {"fingerprint-sign", N_("Signature key's print")},
    {"guid", N_("GUID")},
    {"atr", "ATR"},
    {"historical-bytes", N_("Historical bytes")},
    {"holder", N_("Holder")},
    {"interface", N_("Interface")},
    {"issuer-id", N_("Issuer number")},
    {"label", N_("Label")},
    {"language", N_("Language")},
    {"last-update", N_("Last update")},
    {"legal-name", N_("Legal name")},
    {"logical-id", N_("Logical identifier")},
    {"login", N_("Login data")},
    {"manufacturer", N_("Manufacturer")},
    {"model", N_("Model")},
    {"sector", N_("Sector")},
    {"serial", N_("Serial number")},
    {"serial-check", N_("Check digit")},
    {"serial-number", N_("Serial number")},
    {"signature-count", N_("Signatures made")},
    {"structure-id", N_("Structure number")},
    {"token-serial", N_("Number in TokenInfo")},
    {"token-version", N_("TokenInfo version")},
    {"update-end", N_("Update finished")},
    {"update-start", N_("Update begun")},
    {"url", N_("URL")},
    {"version", N_("Version")},
};

static const char *label_of(const char *name)
{
    for (size_t i = 0; i < nitems(labels); i++)
        if (strcmp(labels[i].name, name) == 0)
            return _(labels[i].label);
    return name;
}

/* "activity-1.sector" is the sector of the first situation. */
static int put_field(void *arg, const struct card_field *field)
{
    static const char activity[] = "activity-";
    const char *dot = strchr(field->name, '.');
    struct tool *t = arg;
    char label[128];

    if (strncmp(field->name, activity, sizeof(activity) - 1) == 0 &&
        dot != NULL)
        snprintf(label, sizeof(label), "%.*s. %s",
                 (int)(dot - field->name) - (int)(sizeof(activity) - 1),
                 field->name + sizeof(activity) - 1, label_of(dot + 1));
    else
        snprintf(label, sizeof(label), "%s", label_of(field->name));
    out_sourced(t->out, field->name, label, field->value, field->source,
                field->personal);
    return 0;
}

static int put_card(struct tool *t, struct card *c)
{
    struct card_identity id;
    char atr[2 * READER_ATR_MAX + 1];
    int rc;

    card_identify(c, &id);
    out_open(t->out, "card");
    out_title(t->out, _("Card: %s"), id.title);
    out_sourced(t->out, "reader", _("Reader"), id.reader, "PC/SC", false);
    out_sourced(t->out, "atr", "ATR", bytes_to_hex(id.atr, atr, sizeof(atr)),
                "PC/SC", false);
    out_string(t->out, "driver", id.driver);
    out_string(t->out, "title", id.title);
    out_field(t->out, "protocol", _("Protocol"), id.protocol);
    rc = card_describe(c, put_field, t);
    out_close(t->out);
    return rc;
}

/* ---- the holder ---------------------------------------------------------- */

struct extension_output {
    struct tool *tool;
    size_t count;
};

static void put_extension(void *arg, const char *oid, const char *value)
{
    struct extension_output *e = arg;

    e->count++;
    out_sourced(e->tool->out, oid, oid, value, _("extension of the certificate"),
                true);
}

static void put_professional(struct tool *t, const struct identity *id)
{
    char name[2 * CERT_NAME_MAX], number[128];

    snprintf(name, sizeof(name), "%s %s", id->family, id->given);
    out_sourced(t->out, "name", _("Name"), name, _("certificate, SN and GN"),
                true);
    snprintf(number, sizeof(number), "%s%s%s%s", id->number,
             id->kind != NULL ? " (" : "", id->kind != NULL ? id->kind : "",
             id->kind != NULL ? ")" : "");
    out_sourced(t->out, "number", _("National number"), number,
                _("certificate, CN"), true);
    out_sourced(t->out, "profession", _("Profession"), id->profession,
                _("certificate, title or OU"), true);
    if (id->test)
        out_sourced(t->out, "category", _("Category"), _("test card"),
                    _("name of the certificate's issuer"), false);
}

static void put_holder(struct tool *t, struct bytes der)
{
    struct extension_output extensions = {.tool = t};
    struct cert_text text;
    struct identity id;

    if (!cert_describe(der, &text))
        return;
    out_open(t->out, "holder");
    out_title(t->out, _("Holder"));
    if (identity_read(der, &id))
        put_professional(t, &id);
    else
        out_sourced(t->out, "name", _("Name"), text.holder, _("certificate"),
                    true);
    out_sourced(t->out, "mail", _("E-mail"), text.address, _("certificate"),
                true);
    out_sourced(t->out, "from", _("Valid from"), text.from, _("certificate"),
                false);
    out_sourced(t->out, "until", _("Valid until"), text.until,
                _("certificate"), false);
    identity_extensions(der, put_extension, &extensions);
    out_close(t->out);
}

/* By the certificate for logins, else by any. */
static bool find_holder(const struct card *c, struct bytes *der)
{
    const struct card_key_info *key;
    size_t cert;

    for (size_t i = 0; (key = card_key_at(c, i)) != NULL; i++)
        if ((key->uses & CARD_USE_AUTH) != 0 && card_cert_of_key(c, i, &cert) &&
            card_cert_at(c, cert, der) != NULL)
            return true;
    for (size_t i = 0; card_cert_at(c, i, der) != NULL; i++)
        if (der->len > 0)
            return true;
    return false;
}

/* ---- PINs ---------------------------------------------------------------- */

static void put_pin(struct tool *t, const struct card_pin_info *pin)
{
    char words[256];

    out_open(t->out, NULL);
    out_string(t->out, "label", pin->label);
    out_string(t->out, "kind", pin->unblocking ? "puk" : "pin");
    pin_state_words(pin, words, sizeof(words));
    out_string(t->out, "state",
               pin->tries_left == 0  ? "blocked"
               : pin->tries_left > 0 ? "ok"
                                     : "not told");
    if (pin->tries_left >= 0 && out_is_json(t->out))
        out_number(t->out, "tries_left", NULL, pin->tries_left, NULL);
    if (pin->tries_max >= 0 && out_is_json(t->out))
        out_number(t->out, "tries_max", NULL, pin->tries_max, NULL);
    if (!out_is_json(t->out))
        out_field(t->out, NULL,
                  pin->label[0] != '\0' ? pin->label
                  : pin->unblocking     ? "PUK"
                                        : "PIN",
                  words);
    out_close(t->out);
}

static void put_pins(struct tool *t, const struct card *c)
{
    const struct card_pin_info *pin;

    if (card_pin_at(c, 0) == NULL)
        return;
    out_open_list(t->out, "pins");
    out_title(t->out, _("PINs"));
    for (size_t i = 0; (pin = card_pin_at(c, i)) != NULL; i++)
        if (!pin->alias)
            put_pin(t, pin);
    out_close(t->out);
}

static void put_objects(struct tool *t, const struct card *c)
{
    out_open(t->out, "objects");
    out_title(t->out, _("Keys and certificates"));
    list_objects(t, c);
    out_close(t->out);
}

/* ---- after the PIN ------------------------------------------------------- */

static int put_private(struct tool *t, struct card *c)
{
    int status;

    out_open(t->out, "activities");
    out_title(t->out, _("Activity situations"));
    status = pin_describe_private(t, c, put_field, t);
    out_close(t->out);
    return status;
}

/* ---- a card no driver knows ---------------------------------------------- */

static int show_unknown(struct tool *t, const char *reader)
{
    struct card_context *ctx;
    int rc;

    if ((rc = tool_context(t, &ctx)) < 0)
        return tool_card_error(t, rc);
    out_open(t->out, "card");
    out_title(t->out, _("A card that no driver knows"));
    out_sourced(t->out, "reader", _("Reader"), reader, "PC/SC", false);
    rc = card_describe_unknown(ctx, reader, put_field, t);
    out_close(t->out);
    if (rc < 0)
        return tool_card_error(t, rc);
    tool_say(t, _("tessera cannot use it. Its maker's PKCS#11 module may: "
                  "pkcs11-module-path in openssl.cnf"));
    return TOOL_NOTHING;
}

/* PIV and OpenPGP on one card, say. */
static void tell_others(struct tool *t, const struct card_set *set,
                        const struct card *shown)
{
    struct card_identity id;

    for (size_t i = 0; i < set->count; i++) {
        card_identify(set->cards[i], &id);
        if (set->cards[i] != shown)
            tool_say(t, _("The card has another application, %s: tessera show "
                          "card:driver=%s"), id.title, id.driver);
    }
}

static int show_card(struct tool *t, struct card *c, bool ask_pin)
{
    struct bytes der;
    int rc = put_card(t, c);

    if (rc < 0)
        return tool_card_error(t, rc);
    if (find_holder(c, &der))
        put_holder(t, der);
    put_pins(t, c);
    put_objects(t, c);
    return ask_pin ? put_private(t, c) : TOOL_DONE;
}

int show_run(struct tool *t, int argc, char **argv)
{
    char unknown[READER_NAME_MAX] = "";
    struct card_set set = {.count = 0};
    struct card *c = NULL;
    bool ask_pin = false;
    const struct tool_option own[] = {{"pin", NULL, &ask_pin, NULL},
                                      {NULL, NULL, NULL, NULL}};
    int status;

    if ((argc = tool_parse(t, own, 1, argc, argv)) < 0)
        return tool_parsed(t);
    status = tool_choose_any(t, argc > 1 ? argv[1] : NULL, READ_ALL, &set, &c,
                             unknown);
    if (status != 0)
        return status;
    if (unknown[0] != '\0')
        return show_unknown(t, unknown);
    status = show_card(t, c, ask_pin);
    tell_others(t, &set, c);
    card_set_free(&set);
    return status;
}
