/*
 * The search among cards in readers.
 */
#include "card/search_int.h"

#include <stdio.h>
#include <string.h>

/* ---- one card ------------------------------------------------------------ */

/* A key and its certificate have the same iD, and it is not empty. */
static bool is_pair(const struct card_id *a, const struct card_id *b)
{
    return a->len > 0 && bytes_equal(bytes_from(a->data, a->len),
                                     bytes_from(b->data, b->len));
}

/* The certificate of a key: a card may hold none. */
static int cert_of_key(const struct token *t, const struct card_key_info *key)
{
    for (size_t i = 0; i < t->cert_count; i++)
        if (is_pair(&t->certs[i].id, &key->id))
            return (int)i;
    return NO_INDEX;
}

static const struct card_key_info *key_of_cert(const struct token *t,
                                               const struct card_cert_info *c)
{
    for (size_t i = 0; i < t->key_count; i++)
        if (is_pair(&t->keys[i].id, &c->id))
            return &t->keys[i];
    return NULL;
}

/* issuer= and subject= are in the certificate: it is read only for them. */
static int names_match(const struct card_search *s, struct card *c, int cert,
                       bool *match)
{
    struct bytes der;
    int rc;

    *match = s->uri.issuer == NULL && s->uri.subject == NULL;
    if (*match || cert == NO_INDEX)
        return 0;
    if ((rc = card_cert(c, (size_t)cert, &der)) == 0)
        *match = match_names(&s->uri, der);
    return search_is_objects_fault(rc) ? 0 : rc;
}

static int add_key_as(struct card_search *s, struct card *c,
                      enum card_kind kind, const struct card_key_info *key,
                      int cert)
{
    struct search_entry *e;
    int rc;

    if ((s->kinds & (unsigned)kind) == 0)
        return 0;
    if ((rc = search_add(s, c, kind, &e)) < 0)
        return rc;
    e->key = *key;
    e->cert = cert;
    memcpy(e->label, key->label, sizeof(e->label));
    return 0;
}

/*
 * A key without a certificate has no public half that a program could use.
 */
static int add_key(struct card_search *s, struct card *c, size_t i)
{
    const struct card_key_info *key = &c->token.keys[i];
    int cert = cert_of_key(&c->token, key), rc;
    bool match;

    if (!match_key(&s->uri, key) || cert == NO_INDEX)
        return 0;
    if ((rc = names_match(s, c, cert, &match)) < 0 || !match)
        return rc;
    if ((rc = add_key_as(s, c, CARD_KIND_PRIVATE, key, cert)) < 0)
        return rc;
    return add_key_as(s, c, CARD_KIND_PUBLIC, key, cert);
}

static int add_cert(struct card_search *s, struct card *c, size_t i)
{
    const struct card_cert_info *cert = &c->token.certs[i];
    struct search_entry *e;
    bool match;
    int rc;

    if ((s->kinds & CARD_KIND_CERT) == 0 ||
        !match_cert(&s->uri, cert, key_of_cert(&c->token, cert)))
        return 0;
    if ((rc = names_match(s, c, (int)i, &match)) < 0 || !match ||
        (rc = search_add(s, c, CARD_KIND_CERT, &e)) < 0)
        return rc;
    e->cert = (int)i;
    memcpy(e->label, cert->label, sizeof(e->label));
    return 0;
}

/* auth, sign, decrypt, the rest: a key comes with its first use. */
static unsigned use_rank(const struct card_key_info *key)
{
    for (unsigned rank = 0; rank < 3; rank++)
        if ((key->uses & (1U << rank)) != 0)
            return rank;
    return 3;
}

static int add_objects(struct card_search *s, struct card *c)
{
    const struct token *t = &c->token;
    int rc;

    for (unsigned rank = 0; rank <= 3; rank++)
        for (size_t i = 0; i < t->key_count; i++) {
            const struct card_key_info *key = &t->keys[i];

            if (use_rank(key) != rank)
                continue;
            if ((rc = add_key(s, c, i)) < 0)
                return rc;
            for (size_t j = 0; j < t->cert_count; j++)
                if (key_of_cert(t, &t->certs[j]) == key &&
                    (rc = add_cert(s, c, j)) < 0)
                    return rc;
        }
    for (size_t j = 0; j < t->cert_count; j++)
        if (key_of_cert(t, &t->certs[j]) == NULL &&
            (rc = add_cert(s, c, j)) < 0)
            return rc;
    return 0;
}

/* A private key will need its PIN's record: one SELECT less than later. */
static unsigned lists_for(const struct card_search *s)
{
    return TOKEN_KEYS | TOKEN_CERTS |
           (s->kinds == CARD_KIND_PRIVATE ? TOKEN_PINS : 0U);
}

static int search_token(struct card_search *s, struct card *c)
{
    size_t first = s->count;
    struct bytes der;
    bool match;
    int rc;

    if ((rc = match_token(&s->uri, c, &match)) < 0 || !match)
        return rc;
    if ((rc = c->token.driver->list(&c->token, lists_for(s))) < 0 ||
        (rc = add_objects(s, c)) < 0)
        return rc;
    /* The first will be wanted: read it while the application is selected. */
    if (s->count > first && s->entries[first].cert != NO_INDEX)
        rc = card_cert(c, (size_t)s->entries[first].cert, &der);
    return search_is_objects_fault(rc) ? 0 : rc;
}

static int search_reader(struct card_search *s, const char *reader)
{
    struct card *c;
    int rc;

    if ((rc = card_open(s->context, reader, s->uri.driver, &c)) < 0)
        return rc;
    if ((rc = card_begin(c)) == 0) {
        rc = search_token(s, c);
        card_end(c, READER_LEAVE);
    }
    if (rc < 0)
        card_fail_in(rc, "%s", c->name);
    card_unref(c);
    return rc;
}

/* ---- all cards ----------------------------------------------------------- */

/* The URI says which card: no other can be meant. */
static bool names_card(const struct card_uri *uri)
{
    return uri->serial != NULL || uri->token != NULL || uri->reader != NULL ||
           uri->slot_description != NULL;
}

/*
 * A card that could not be read may be the one that was meant, and a PIN must
 * not go to another because of that.
 */
static bool may_be_meant(const struct card_search *s, int failure)
{
    return s->kinds == CARD_KIND_PRIVATE && !names_card(&s->uri) &&
           failure != 0 && failure != CARD_E_NOT_MINE &&
           failure != CARD_E_NO_CARD && failure != CARD_E_REMOVED;
}

/*
 * One card that fails does not hide the others; if nothing is found, its
 * failure is what there is to say.
 */
int search_cards(struct card_search *s)
{
    struct reader_list list;
    char failure[512] = "";
    int rc, failed = 0;

    if ((rc = s->context->readers->list(s->context->reader_io, &list)) < 0)
        return rc;
    for (size_t i = 0; i < list.count; i++) {
        if (!match_reader(&s->uri, list.names[i]))
            continue;
        search_note(s->seen, list.names[i]);
        if ((rc = search_reader(s, list.names[i])) == 0)
            continue;
        card_log(s->context, "%s", card_error_sentence());
        if (failed == 0 || may_be_meant(s, rc)) {
            failed = rc;
            snprintf(failure, sizeof(failure), "%s",
                     card_error_sentence());
        }
    }
    if (s->count > 0 && may_be_meant(s, failed))
        return card_fail(failed, "%s; another card matches too: name one by "
                         "serial=, token= or reader=", failure);
    if (s->count > 0)
        return search_check_one_card(s);
    if (failed != 0)
        return card_fail(failed, "%s", failure);
    if (s->seen[0] == '\0')
        return card_fail(CARD_E_NOT_FOUND, "no reader with a card matches");
    return card_fail(CARD_E_NOT_FOUND, "nothing matches on the cards in %s",
                     s->seen);
}
