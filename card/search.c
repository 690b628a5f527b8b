/*
 * From a URI to objects: readers, cards, keys and certificates, in the order
 * a caller wants them.
 */
#include "card/card_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_ENTRIES = 256, /* objects of one search */
    NO_INDEX = -1
};

/* An object found but not yet handed out. */
struct search_entry {
    enum card_kind kind;
    struct card *card; /* a reference */
    int key, cert;     /* indices in its token, or NO_INDEX */
};

struct card_search {
    struct card_context *context;
    struct card_uri uri;
    unsigned kinds;
    struct secret *pin; /* card_search_set_pin */
    bool searched;
    bool given; /* an object went to the caller */
    struct search_entry entries[MAX_ENTRIES];
    size_t count, next;
    char seen[256]; /* what was looked at, for "not found" */
};

/* type= narrows what the caller can use. */
static unsigned kinds_of_type(enum card_uri_type type)
{
    switch (type) {
    case CARD_URI_ANY:
        return CARD_KIND_CERT | CARD_KIND_PUBLIC | CARD_KIND_PRIVATE;
    case CARD_URI_CERT:
        return CARD_KIND_CERT;
    case CARD_URI_PUBLIC:
        return CARD_KIND_PUBLIC;
    case CARD_URI_PRIVATE:
        return CARD_KIND_PRIVATE;
    case CARD_URI_OTHER:
        break;
    }
    return 0;
}

int card_search_new(struct card_context *ctx, struct card_uri *uri,
                    unsigned kinds, struct card_search **out)
{
    struct card_search *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    s->context = ctx;
    s->uri = *uri;
    memset(uri, 0, sizeof(*uri));
    s->kinds = kinds & kinds_of_type(s->uri.type);
    *out = s;
    return 0;
}

void card_search_free(struct card_search *search)
{
    if (search == NULL)
        return;
    for (size_t i = 0; i < search->count; i++)
        card_unref(search->entries[i].card);
    secret_free(search->pin);
    card_uri_clear(&search->uri);
    free(search);
}

int card_search_set_pin(struct card_search *search, struct bytes pin)
{
    struct secret *copy = secret_new(pin);

    if (copy == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    secret_free(search->pin);
    search->pin = copy;
    return 0;
}

bool card_search_done(const struct card_search *search)
{
    return search->searched && search->next >= search->count;
}

/* ---- one card ------------------------------------------------------------ */

static void add_entry(struct card_search *s, struct card *c,
                      enum card_kind kind, int key, int cert)
{
    if (s->count < nitems(s->entries))
        s->entries[s->count++] =
            (struct search_entry){kind, card_ref(c), key, cert};
}

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

/*
 * A fault of one object, which must not hide the others: a certificate that
 * cannot be read, a kind of key we do not know.
 */
static bool is_objects_own_fault(int rc)
{
    return rc == CARD_E_UNSUPPORTED || rc == CARD_E_PROTOCOL ||
           rc == CARD_E_NOT_FOUND || rc == CARD_E_STATUS ||
           rc == CARD_E_LIMIT || rc == CARD_E_BUFFER || rc == CARD_E_LOGIN;
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
    return is_objects_own_fault(rc) ? 0 : rc;
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
    if ((s->kinds & CARD_KIND_PRIVATE) != 0)
        add_entry(s, c, CARD_KIND_PRIVATE, (int)i, cert);
    if ((s->kinds & CARD_KIND_PUBLIC) != 0)
        add_entry(s, c, CARD_KIND_PUBLIC, (int)i, cert);
    return 0;
}

static int add_cert(struct card_search *s, struct card *c, size_t i)
{
    const struct card_cert_info *cert = &c->token.certs[i];
    bool match;
    int rc;

    if ((s->kinds & CARD_KIND_CERT) == 0 ||
        !match_cert(&s->uri, cert, key_of_cert(&c->token, cert)))
        return 0;
    if ((rc = names_match(s, c, (int)i, &match)) < 0 || !match)
        return rc;
    add_entry(s, c, CARD_KIND_CERT, NO_INDEX, (int)i);
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
    return is_objects_own_fault(rc) ? 0 : rc;
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

static void note_seen(struct card_search *s, const char *reader)
{
    size_t used = strlen(s->seen);

    snprintf(s->seen + used, sizeof(s->seen) - used, "%s\"%s\"",
             used > 0 ? ", " : "", reader);
}

/*
 * A caller that takes one private key must not get whichever card came first.
 */
static int check_one_card(const struct card_search *s)
{
    if (s->kinds != CARD_KIND_PRIVATE)
        return 0;
    for (size_t i = 1; i < s->count; i++)
        if (s->entries[i].card != s->entries[0].card)
            return card_fail(CARD_E_AMBIGUOUS,
                             "more than one card matches: %s, and %s; name one "
                             "by serial=, token= or reader=",
                             s->entries[0].card->name,
                             s->entries[i].card->name);
    return 0;
}

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
static int search_all(struct card_search *s)
{
    struct reader_list list;
    char failure[512] = "";
    int rc, failed = 0;

    s->searched = true;
    if (s->kinds == 0)
        return card_fail(CARD_E_NOT_FOUND, "nothing on a card is of this type");
    if ((rc = s->context->readers->list(s->context->reader_io, &list)) < 0)
        return rc;
    for (size_t i = 0; i < list.count; i++) {
        if (!match_reader(&s->uri, list.names[i]))
            continue;
        note_seen(s, list.names[i]);
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
        return check_one_card(s);
    if (failed != 0)
        return card_fail(failed, "%s", failure);
    if (s->seen[0] == '\0')
        return card_fail(CARD_E_NOT_FOUND, "no reader with a card matches");
    return card_fail(CARD_E_NOT_FOUND, "nothing matches on the cards in %s",
                     s->seen);
}

/* ---- handing out --------------------------------------------------------- */

static int read_cert(struct card *c, size_t index, struct bytes *der)
{
    int rc;

    if (card_cert_known(c, index, der))
        return 0;
    if ((rc = card_begin(c)) < 0)
        return card_fail_in(rc, "%s", c->name);
    rc = card_cert(c, index, der);
    card_end(c, READER_LEAVE);
    return rc < 0 ? card_fail_in(rc, "%s", c->name) : 0;
}

/* The PIN that the URI or the caller named for this key. */
static int named_pin(const struct card_search *s, struct card_key *key)
{
    if (s->uri.pin_value != NULL)
        key->named_pin = secret_ref(s->uri.pin_value);
    else if (s->uri.pin_source != NULL)
        return secret_from_file(s->uri.pin_source, &key->named_pin);
    else
        key->named_pin = secret_ref(s->pin);
    return 0;
}

static int hand_out_key(const struct card_search *s,
                        const struct search_entry *e, struct bytes cert,
                        struct card_key **out)
{
    struct card_key *key;
    int rc = key_new(e->card, (size_t)e->key, cert, &key);

    if (rc < 0)
        return rc;
    key->not_last = s->uri.pin_not_last;
    if (e->kind == CARD_KIND_PRIVATE && (rc = named_pin(s, key)) < 0) {
        card_fail_in(rc, "%s", key->name);
        card_key_free(key);
        return rc;
    }
    *out = key;
    return 0;
}

static int hand_out(const struct card_search *s, const struct search_entry *e,
                    struct card_object *out)
{
    const struct token *t = &e->card->token;
    struct bytes cert;
    int rc;

    if ((rc = read_cert(e->card, (size_t)e->cert, &cert)) < 0)
        return rc;
    memset(out, 0, sizeof(*out));
    out->kind = e->kind;
    if (e->kind == CARD_KIND_CERT) {
        out->cert = cert;
        out->label = t->certs[e->cert].label;
        return 0;
    }
    out->label = t->keys[e->key].label;
    return hand_out_key(s, e, cert, &out->key);
}

/* The next object that is of use; if there never was one, why the last is not. */
static int next_useful(struct card_search *s, struct card_object *out)
{
    int rc = card_fail(CARD_E_NOT_FOUND, "no more objects");

    while (s->next < s->count) {
        rc = hand_out(s, &s->entries[s->next++], out);
        if (rc == 0)
            s->given = true;
        if (!is_objects_own_fault(rc))
            return rc;
        card_log(s->context, "%s", card_error_sentence());
    }
    return s->given ? card_fail(CARD_E_NOT_FOUND, "no more objects") : rc;
}

int card_search_next(struct card_search *search, struct card_object *out)
{
    int rc;

    card_error_clear();
    rc = search->searched ? 0 : search_all(search);
    if (rc == 0)
        rc = next_useful(search, out);
    if (rc < 0)
        search->next = search->count;
    return rc;
}
