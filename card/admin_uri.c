/*
 * The shortest URI that names an object of a card: to be typed and pasted.
 */
#include "card/admin_int.h"

#include <string.h>

/*
 * usage= gives the first key that has it, as the view has them; NULL: this key
 * is the first for nothing.
 */
static const char *own_usage(const struct card *c, size_t key)
{
    static const char *const names[] = {"auth", "sign", "decrypt"};
    unsigned before = 0;

    for (size_t i = 0; i < key; i++)
        before |= card_key_at(c, i)->uses;
    for (size_t i = 0; i < nitems(names); i++)
        if ((card_key_at(c, key)->uses & ~before & 1U << i) != 0)
            return names[i];
    return NULL;
}

/* What a URI can name an object by. */
struct naming {
    const char *usage, *label;
    const struct card_id *id;
    bool id_is_own;
    char issuer[CARD_LABEL_MAX]; /* where label and id are not its own */
};

static struct naming name_key(const struct card *c, size_t key)
{
    const struct card_key_info *info = card_key_at(c, key), *other;
    struct naming n = {.usage = own_usage(c, key), .label = info->label,
                       .id = &info->id};

    n.id_is_own = n.id->len > 0;
    for (size_t i = 0; (other = card_key_at(c, i)) != NULL; i++)
        if (i != key && match_pair(&other->id, n.id))
            n.id_is_own = false;
    return n;
}

/* C@rteurope: two authorities' certificates of one key, without labels. */
static void read_issuer(const struct card *c, size_t cert, struct naming *n)
{
    struct buf issuer = {(uint8_t *)n->issuer, 0, sizeof(n->issuer) - 1};
    struct bytes der;

    if (card_cert_at(c, cert, &der) == NULL ||
        crypto_cert_common_name(der, CRYPTO_ISSUER, &issuer) < 0)
        issuer.len = 0;
    n->issuer[issuer.len] = '\0';
}

/* A certificate goes by its key's name, if it is that key's first. */
static struct naming name_cert(const struct card *c, size_t cert)
{
    const struct card_key_info *key;
    const struct card_cert_info *info, *other;
    struct naming n = {.usage = NULL};
    bool label_is_own = true;
    struct bytes der;

    info = card_cert_at(c, cert, &der);
    n.label = info->label;
    n.id = &info->id;
    n.id_is_own = n.id->len > 0;
    for (size_t i = 0; (other = card_cert_at(c, i, &der)) != NULL; i++)
        if (i != cert && match_pair(&other->id, n.id)) {
            n.id_is_own = false;
            label_is_own = label_is_own && strcmp(other->label, n.label) != 0;
        }
    if (!label_is_own)
        read_issuer(c, cert, &n);
    for (size_t i = 0; n.id_is_own && (key = card_key_at(c, i)) != NULL; i++)
        if (match_pair(&key->id, n.id))
            n.usage = own_usage(c, i);
    return n;
}

static int put_name(const struct naming *n, struct buf *out)
{
    int rc;

    if (n->usage != NULL)
        return uri_put_attribute(out, ";usage", bytes_of_string(n->usage),
                                 false);
    rc = uri_put_attribute(out, ";id", bytes_from(n->id->data, n->id->len),
                           true);
    if (rc == 0 && !n->id_is_own)
        rc = uri_put_attribute(out, ";object", bytes_of_string(n->label),
                               false);
    if (rc == 0)
        rc = uri_put_attribute(out, ";issuer", bytes_of_string(n->issuer),
                               false);
    return rc;
}

/* Two applications of a card may have no number of their own. */
static int put_card(const struct card *c, struct buf *out)
{
    const struct token *t = &c->token;
    int rc;

    if (t->serial[0] != '\0')
        return uri_put_attribute(out, "serial", bytes_of_string(t->serial),
                                 false);
    rc = uri_put_attribute(out, "reader", bytes_of_string(c->reader.name),
                           false);
    return rc < 0 ? rc
                  : uri_put_attribute(out, ";driver",
                                      bytes_of_string(t->driver->name), false);
}

int card_object_uri(const struct card *c, enum card_kind kind, size_t i,
                    struct buf *out)
{
    struct bytes der;
    struct naming n;
    int rc;

    if (kind == CARD_KIND_CERT ? card_cert_at(c, i, &der) == NULL
                               : card_key_at(c, i) == NULL)
        return card_fail(CARD_E_ARGUMENT, "%s has no such object", c->name);
    n = kind == CARD_KIND_CERT ? name_cert(c, i) : name_key(c, i);
    if ((rc = buf_put(out, bytes_of_string("card://"))) < 0 ||
        (rc = put_card(c, out)) < 0)
        return rc;
    return put_name(&n, out);
}
