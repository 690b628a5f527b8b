/*
 * The search among cards in readers.
 */
#include "card/search_int.h"

#include <stdio.h>
#include <string.h>

enum { PATIENCE_MS = 500 }; /* for one of several cards, when others hold it */

/* ---- one card ------------------------------------------------------------ */

static const struct card_key_info *key_of_cert(const struct token *t,
                                               const struct card_cert_info *c)
{
    for (size_t i = 0; i < t->key_count; i++)
        if (match_pair(&t->keys[i].id, &c->id))
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

/*
 * The certificate of a key that the URI means, the first in order; a card may
 * hold none.
 */
static int find_cert(const struct card_search *s, struct card *c,
                     const struct search_order *order,
                     const struct card_key_info *key, int *cert, bool *match)
{
    const struct token *t = &c->token;
    int rc;

    *cert = NO_INDEX;
    for (size_t i = 0; i < t->cert_count; i++) {
        if (!match_pair(&t->certs[order->cert[i]].id, &key->id))
            continue;
        *cert = (int)order->cert[i];
        if ((rc = names_match(s, c, *cert, match)) < 0 || *match)
            return rc;
    }
    return *cert == NO_INDEX ? names_match(s, c, NO_INDEX, match) : 0;
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

/* A certificate that was not read for names need not be, to use the key. */
static bool needs_cert(const struct card_search *s, const struct card *c)
{
    return s->kinds != CARD_KIND_PRIVATE || s->want_certs ||
           s->uri.issuer != NULL || s->uri.subject != NULL ||
           !c->token.driver->prefers_public;
}

/*
 * A key without a certificate is of use only where the card tells its public
 * half.
 */
static int add_key(struct card_search *s, struct card *c,
                   const struct search_order *order,
                   const struct card_key_info *key)
{
    bool match;
    int cert, rc;

    if (!match_key(&s->uri, key))
        return 0;
    if ((rc = find_cert(s, c, order, key, &cert, &match)) < 0 || !match ||
        (cert == NO_INDEX && c->token.driver->read_public == NULL))
        return rc;
    if (!needs_cert(s, c))
        cert = NO_INDEX;
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

/* NULL: of no key. */
static int add_certs_of(struct card_search *s, struct card *c,
                        const struct search_order *order,
                        const struct card_key_info *key)
{
    const struct token *t = &c->token;
    int rc;

    for (size_t i = 0; i < t->cert_count; i++)
        if (key_of_cert(t, &t->certs[order->cert[i]]) == key &&
            (rc = add_cert(s, c, order->cert[i])) < 0)
            return rc;
    return 0;
}

static int add_objects(struct card_search *s, struct card *c)
{
    const struct token *t = &c->token;
    struct search_order order;
    int rc;

    if ((rc = search_make_order(c, &order)) < 0)
        return rc;
    for (unsigned rank = 0; rank < SEARCH_RANKS; rank++)
        for (size_t i = 0; i < t->key_count; i++) {
            const struct card_key_info *key = &t->keys[order.key[i]];

            if (search_rank(key) == rank &&
                ((rc = add_key(s, c, &order, key)) < 0 ||
                 (rc = add_certs_of(s, c, &order, key)) < 0))
                return rc;
        }
    return add_certs_of(s, c, &order, NULL);
}

/* A private key will need its PIN's record: one SELECT less than later. */
static unsigned lists_for(const struct card_search *s)
{
    return TOKEN_KEYS | TOKEN_CERTS |
           (s->kinds == CARD_KIND_PRIVATE ? TOKEN_PINS : 0U);
}

static void drop_entry(struct card_search *s, size_t i)
{
    buf_free(&s->entries[i].der);
    card_unref(s->entries[i].card);
    memmove(&s->entries[i], &s->entries[i + 1],
            (--s->count - i) * sizeof(s->entries[0]));
}

/*
 * The first will be wanted: it is read while the application is selected, and
 * is there for sure, so that two cards that match really do.
 */
static int read_first(struct card_search *s, size_t first)
{
    struct bytes der;
    int rc = 0;

    while (s->count > first) {
        struct search_entry *e = &s->entries[first];

        rc = e->cert != NO_INDEX ? card_cert(e->card, (size_t)e->cert, &der)
                                 : search_read_public(e);
        if (rc != CARD_E_NOT_FOUND)
            break;
        if (!search_forget_cert(e))
            drop_entry(s, first);
        rc = 0;
    }
    return search_is_objects_fault(rc) ? 0 : rc;
}

static int search_token(struct card_search *s, struct card *c)
{
    size_t first = s->count;
    bool match;
    int rc;

    if ((rc = match_token(&s->uri, c, &match)) < 0 || !match)
        return rc;
    if ((rc = c->token.driver->list(&c->token, lists_for(s))) < 0 ||
        (rc = add_objects(s, c)) < 0)
        return rc;
    return read_first(s, first);
}

/* Ends the transaction in which the card was opened. */
static int search_card(struct card_search *s, struct card *c)
{
    int rc = search_token(s, c);

    card_end(c, READER_LEAVE);
    return rc < 0 ? card_fail_in(rc, "%s", c->name) : 0;
}

/*
 * One private key is wanted: the first application that has it will do. Who
 * lists wants them all.
 */
static bool goes_on(const struct card_search *s, const struct card *c,
                    size_t first)
{
    return card_has_neighbours(c) &&
           (s->kinds != CARD_KIND_PRIVATE || s->count == first);
}

static int search_reader(struct card_search *s, const char *reader,
                         unsigned patience)
{
    struct card_wanted w = {
        .reader = reader, .driver = s->uri.driver, .patience = patience};
    size_t first = s->count;
    bool more = true;
    struct card *c;
    int rc = 0;

    for (bool known = false; rc == 0 && more; known = true) {
        if ((rc = card_open(s->context, &w, &c)) < 0)
            return rc == CARD_E_NOT_MINE && known ? 0 : rc;
        rc = search_card(s, c);
        more = goes_on(s, c, first);
        if (!known && s->uri.driver == NULL)
            card_keep_hint(c);
        card_unref(c);
    }
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

/* What a failed card said, for the case that nothing else is found. */
struct failure {
    int code;
    char sentence[512];
};

static void remember(struct card_search *s, struct failure *f, int rc)
{
    card_log(s->context, "%s", card_error_sentence());
    if (f->code != 0 && !may_be_meant(s, rc))
        return;
    f->code = rc;
    snprintf(f->sentence, sizeof(f->sentence), "%s", card_error_sentence());
}

/* The card that the URI names was in this reader when last seen. */
static bool was_here(const struct card_search *s,
                     const struct reader_list *list, size_t i)
{
    struct bytes atr = bytes_from(list->atr[i], list->atr_len[i]);
    const struct card_uri *uri = &s->uri;
    struct cache_hint hint;

    return (uri->serial != NULL || uri->token != NULL) &&
           cache_hint_find(s->context->cache, list->names[i], atr, &hint) &&
           (uri->serial == NULL || strcmp(uri->serial, hint.serial) == 0) &&
           (uri->token == NULL || strcmp(uri->token, hint.label) == 0);
}

/* Readers the URI allows, by place in the list; likely ones first. */
static size_t order_readers(struct card_search *s,
                            const struct reader_list *list,
                            size_t order[READER_MAX_LIST])
{
    bool likely[READER_MAX_LIST];
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++)
        likely[i] = was_here(s, list, i);
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < list->count; i++)
            if (likely[i] == (pass == 0) &&
                match_reader(&s->uri, list->names[i]))
                order[count++] = i;
    return count;
}

/* A serial number is one card's: nobody else need be disturbed. */
static bool is_complete(const struct card_search *s)
{
    return s->uri.serial != NULL && s->count > 0;
}

/*
 * Each in turn; those that other programs hold are left aside for *busy, if it
 * is not NULL. Else the first of them is waited for as long as for any use, and
 * the others not that long again.
 */
static size_t visit(struct card_search *s, const struct reader_list *list,
                    const size_t *order, size_t count, size_t *busy,
                    struct failure *failure)
{
    unsigned patience = busy != NULL ? PATIENCE_MS : 0;
    size_t busy_count = 0;

    for (size_t i = 0; i < count && !is_complete(s); i++) {
        int rc = search_reader(s, list->names[order[i]], patience);

        if (rc == CARD_E_BUSY)
            patience = PATIENCE_MS;
        if (rc == CARD_E_BUSY && busy != NULL) {
            card_log(s->context, "%s", card_error_sentence());
            busy[busy_count++] = order[i];
        } else if (rc < 0) {
            remember(s, failure, rc);
        }
    }
    return busy_count;
}

static int conclude(struct card_search *s, const struct failure *failure)
{
    if (s->count > 0 && may_be_meant(s, failure->code))
        return card_fail(failure->code, "%s; another card matches too: name "
                         "one by serial=, token= or reader=",
                         failure->sentence);
    if (s->count > 0)
        return search_check_one_card(s);
    if (failure->code != 0)
        return card_fail(failure->code, "%s", failure->sentence);
    if (s->seen[0] == '\0')
        return card_fail(CARD_E_NOT_FOUND, "no reader with a card matches");
    return card_fail(CARD_E_NOT_FOUND, "nothing matches on the cards in %s",
                     s->seen);
}

/*
 * One card that fails does not hide the others; if nothing is found, its
 * failure is what there is to say. Cards in use by others are waited for only
 * if nothing else will do, or if one of them may be meant.
 */
int search_cards(struct card_search *s)
{
    size_t order[READER_MAX_LIST], busy[READER_MAX_LIST], count;
    struct failure failure = {.code = 0};
    struct reader_list list;
    int rc;

    memset(&list, 0, sizeof(list));
    if ((rc = s->context->readers->list(s->context->reader_io, &list)) < 0)
        return rc;
    count = order_readers(s, &list, order);
    for (size_t i = 0; i < count; i++)
        search_note(s->seen, list.names[order[i]]);
    count = visit(s, &list, order, count, count > 1 ? busy : NULL, &failure);
    if (s->count == 0 || may_be_meant(s, CARD_E_BUSY))
        visit(s, &list, busy, count, NULL, &failure);
    return conclude(s, &failure);
}
