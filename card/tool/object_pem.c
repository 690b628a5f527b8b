/*
 * Keys and certificates of a card as PEM: see the header.
 */
#include "card/tool/object_pem.h"

#include <stdio.h>
#include <string.h>

#include <openssl/pem.h>

#include "card/tool/registry.h"
#include "card/tool/write_file.h"
#include "card/wrapped_uri.h"

static const struct {
    unsigned use;
    const char *name;
} usages[] = {{CARD_USE_AUTH, "auth"},
              {CARD_USE_SIGN, "sign"},
              {CARD_USE_DECRYPT, "decrypt"}};

const char *object_usage(unsigned uses)
{
    for (size_t i = 0; i < nitems(usages); i++)
        if ((uses & usages[i].use) != 0)
            return usages[i].name;
    return "";
}

unsigned object_use_of(const char *name)
{
    for (size_t i = 0; i < nitems(usages); i++)
        if (strcmp(name, usages[i].name) == 0)
            return usages[i].use;
    return 0;
}

bool object_same_id(const struct card_id *a, const struct card_id *b)
{
    return a->len > 0 && bytes_equal(bytes_from(a->data, a->len),
                                     bytes_from(b->data, b->len));
}

bool object_uri(const struct card *c, enum card_kind kind, size_t i,
                char out[CARD_URI_MAX + 1])
{
    struct buf uri = {(uint8_t *)out, 0, CARD_URI_MAX};

    if (card_object_uri(c, kind, i, &uri) < 0)
        return false;
    out[uri.len] = '\0';
    return true;
}

/* ---- which of it --------------------------------------------------------- */

static bool parse_id(const char *hex, struct card_id *id)
{
    struct buf value = BUF_ON(id->data);
    bool ok = bytes_from_hex(hex, &value) == 0 && value.len > 0;

    id->len = value.len;
    return ok;
}

static int take_uri(struct tool *t, const char *text, struct object_choice *out)
{
    struct card_uri uri;
    int rc;

    if ((rc = card_uri_parse(text, &uri)) < 0)
        return tool_card_error(t, rc);
    if (uri.uses != 0)
        out->uses = uri.uses;
    if (uri.id.len > 0)
        out->id = uri.id;
    if (uri.object != NULL)
        snprintf(out->label, sizeof(out->label), "%s", uri.object);
    card_uri_clear(&uri);
    return TOOL_DONE;
}

int object_choice_parse(struct tool *t, const char *usage, const char *id,
                        const char *text, struct object_choice *out)
{
    memset(out, 0, sizeof(*out));
    if (text != NULL && card_uri_is_ours(text) &&
        take_uri(t, text, out) != TOOL_DONE)
        return TOOL_USAGE;
    if (usage != NULL && (out->uses = object_use_of(usage)) == 0) {
        tool_error(t, _("--usage is auth, sign or decrypt, not \"%s\""), usage);
        return TOOL_USAGE;
    }
    if (id != NULL && !parse_id(id, &out->id)) {
        tool_error(t, _("--id is the key's number in hexadecimal digits, such "
                        "as 01, not \"%s\""), id);
        return TOOL_USAGE;
    }
    return TOOL_DONE;
}

static bool names(const struct object_choice *choice, const struct card_id *id,
                  const char *label)
{
    return (choice->id.len == 0 || object_same_id(&choice->id, id)) &&
           (choice->label[0] == '\0' || strcmp(choice->label, label) == 0);
}

bool object_key_is_meant(const struct object_choice *choice,
                         const struct card_key_info *key)
{
    return names(choice, &key->id, key->label) &&
           (choice->uses == 0 || (choice->uses & key->uses) != 0);
}

/* What all keys that pair with it serve for. */
static unsigned cert_uses(const struct card *c,
                          const struct card_cert_info *info)
{
    const struct card_key_info *key;
    unsigned uses = 0;

    for (size_t i = 0; (key = card_key_at(c, i)) != NULL; i++)
        if (object_same_id(&key->id, &info->id))
            uses |= key->uses;
    return uses;
}

bool object_cert_is_meant(const struct object_choice *choice,
                          const struct card *c, size_t i)
{
    struct bytes der;
    const struct card_cert_info *info = card_cert_at(c, i, &der);

    return names(choice, &info->id, info->label) &&
           (choice->uses == 0 || (choice->uses & cert_uses(c, info)) != 0);
}

const char *object_cert_usage(const struct card *c, size_t i)
{
    struct bytes der;

    return object_usage(cert_uses(c, card_cert_at(c, i, &der)));
}

/* ---- PEM ----------------------------------------------------------------- */

bool object_put_cert(BIO *out, struct bytes der)
{
    return PEM_write_bio(out, PEM_STRING_X509, "", der.data, (long)der.len) > 0;
}

bool object_put_uri(BIO *out, const char *uri)
{
    uint8_t data[WRAPPED_URI_MAX];
    struct buf der = BUF_ON(data);

    return wrapped_uri_encode(bytes_of_string(uri), &der) == 0 &&
           PEM_write_bio(out, WRAPPED_URI_LABEL, "", der.data,
                         (long)der.len) > 0;
}

bool object_put_key(BIO *out, const struct card *c, size_t i)
{
    char uri[CARD_URI_MAX + 1];

    return object_uri(c, CARD_KIND_PRIVATE, i, uri) && object_put_uri(out, uri);
}

int object_write(struct tool *t, const char *file, struct bytes content)
{
    int status;

    registry_make_for(file);
    if ((status = write_out(t, file, content)) == TOOL_DONE)
        out_line(t->out, _("%s is written."), file);
    return status;
}
