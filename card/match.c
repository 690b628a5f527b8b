/*
 * Does an object match a URI: RFC 7512 attributes and those of card:.
 */
#include "card/card_int.h"

#include <string.h>

/* An absent attribute matches everything. */
static bool same(const char *wanted, const char *actual)
{
    return wanted == NULL || strcmp(wanted, actual) == 0;
}

static bool part_of(const char *wanted, const char *actual)
{
    return wanted == NULL || strstr(actual, wanted) != NULL;
}

bool match_slot(const struct card_uri *uri, const struct p11_slot_entry *slot)
{
    const struct p11_identity *token = &slot->token;

    return same(uri->token, token->label) &&
           same(uri->manufacturer, token->manufacturer) &&
           same(uri->model, token->model) &&
           same(uri->serial, token->serial) &&
           (!uri->has_slot_id || uri->slot_id == slot->id);
}

bool match_library(const struct card_uri *uri, struct p11_module *module)
{
    struct p11_library library;

    if (uri->library_description == NULL && uri->library_manufacturer == NULL &&
        !uri->has_library_version)
        return true;
    return p11_module_library(module, &library) == 0 &&
           same(uri->library_description, library.description) &&
           same(uri->library_manufacturer, library.manufacturer) &&
           (!uri->has_library_version ||
            (uri->library_major == library.major &&
             uri->library_minor == library.minor));
}

bool match_wants_slot_words(const struct card_uri *uri)
{
    return uri->slot_description != NULL || uri->slot_manufacturer != NULL ||
           uri->reader != NULL;
}

bool match_slot_words(const struct card_uri *uri, const char *description,
                      const char *manufacturer)
{
    return same(uri->slot_description, description) &&
           same(uri->slot_manufacturer, manufacturer) &&
           part_of(uri->reader, description);
}

/*
 * reader= may be a part of the long names PC/SC makes. A library or a slot
 * number belongs to a PKCS#11 module: no card of ours has one.
 */
bool match_reader(const struct card_uri *uri, const char *reader)
{
    return part_of(uri->reader, reader) &&
           same(uri->slot_description, reader) &&
           uri->slot_manufacturer == NULL && !uri->has_slot_id &&
           uri->library_description == NULL &&
           uri->library_manufacturer == NULL && !uri->has_library_version;
}

int match_token(const struct card_uri *uri, struct card *c, bool *matches)
{
    struct token *t = &c->token;
    int rc;

    *matches = same(uri->serial, t->serial) && same(uri->model, t->model) &&
               same(uri->driver, t->driver->name);
    if (!*matches || (uri->token == NULL && uri->manufacturer == NULL))
        return 0;
    if ((rc = t->driver->list(t, TOKEN_INFO)) < 0)
        return rc;
    *matches = same(uri->token, t->label) &&
               same(uri->manufacturer, t->manufacturer);
    return 0;
}

static bool same_id(const struct card_id *wanted, const struct card_id *actual)
{
    return wanted->len == 0 ||
           bytes_equal(bytes_from(wanted->data, wanted->len),
                       bytes_from(actual->data, actual->len));
}

bool match_pair(const struct card_id *a, const struct card_id *b)
{
    return a->len > 0 && bytes_equal(bytes_from(a->data, a->len),
                                     bytes_from(b->data, b->len));
}

bool match_key(const struct card_uri *uri, const struct card_key_info *key)
{
    return same(uri->object, key->label) && same_id(&uri->id, &key->id) &&
           (uri->uses & ~key->uses) == 0;
}

bool match_cert(const struct card_uri *uri, const struct card_cert_info *cert,
                const struct card_key_info *key)
{
    return same(uri->object, cert->label) && same_id(&uri->id, &cert->id) &&
           (uri->uses == 0 ||
            (key != NULL && (uri->uses & ~key->uses) == 0));
}

bool match_names(const struct card_uri *uri, struct bytes der)
{
    return (uri->issuer == NULL ||
            crypto_cert_has_common_name(der, CRYPTO_ISSUER, uri->issuer)) &&
           (uri->subject == NULL ||
            crypto_cert_has_common_name(der, CRYPTO_SUBJECT, uri->subject));
}
