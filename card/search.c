/*
 * From a URI to objects, in the order a caller wants them: what all searches
 * have in common, and handing out.
 */
#include "card/search_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void search_forget_hidden(struct card_search *s)
{
    while (s->hidden_count > 0)
        card_unref(s->hidden[--s->hidden_count]);
}

void card_search_free(struct card_search *search)
{
    if (search == NULL)
        return;
    for (size_t i = 0; i < search->count; i++) {
        buf_free(&search->entries[i].der);
        card_unref(search->entries[i].card);
    }
    free(search->entries);
    search_forget_hidden(search);
    secret_free(search->pin);
    secret_free(search->fetched);
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

void card_search_want_certs(struct card_search *search)
{
    search->want_certs = true;
}

void card_search_set_ask(struct card_search *search, card_ask_pin_fn *ask,
                         void *arg)
{
    search->may_log_in = ask != NULL;
    search->ask = ask;
    search->ask_arg = arg;
}

bool card_search_may_ask(const struct card_search *search)
{
    return search->hidden_count > 0;
}

bool card_search_done(const struct card_search *search)
{
    return search->searched && search->next >= search->count &&
           search->hidden_count == 0;
}

/* ---- gathering ----------------------------------------------------------- */

static int grow(struct card_search *s)
{
    size_t capacity = s->capacity == 0 ? 16 : s->capacity * 2;
    struct search_entry *entries;

    if (capacity > SEARCH_MAX_ENTRIES)
        return card_fail(CARD_E_LIMIT, "more than %zu objects match",
                         s->capacity);
    entries = realloc(s->entries, capacity * sizeof(*entries));
    if (entries == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    s->entries = entries;
    s->capacity = capacity;
    return 0;
}

int search_add(struct card_search *s, struct card *c, enum card_kind kind,
               struct search_entry **out)
{
    struct search_entry *e;
    int rc;

    if (s->count == s->capacity && (rc = grow(s)) < 0)
        return rc;
    e = &s->entries[s->count++];
    memset(e, 0, sizeof(*e));
    e->kind = kind;
    e->card = card_ref(c);
    e->cert = NO_INDEX;
    *out = e;
    return 0;
}

void search_note(char list[SEARCH_NOTE_MAX], const char *what)
{
    size_t used = strlen(list);

    snprintf(list + used, SEARCH_NOTE_MAX - used, "%s\"%s\"",
             used > 0 ? ", " : "", what);
}

bool search_is_objects_fault(int rc)
{
    return rc == CARD_E_UNSUPPORTED || rc == CARD_E_PROTOCOL ||
           rc == CARD_E_NOT_FOUND || rc == CARD_E_STATUS ||
           rc == CARD_E_LIMIT || rc == CARD_E_BUFFER || rc == CARD_E_LOGIN;
}

int search_check_one_card(const struct card_search *s)
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

static int search_all(struct card_search *s)
{
    int rc;

    s->searched = true;
    if (s->kinds == 0)
        return card_fail(CARD_E_NOT_FOUND, "nothing on a card is of this type");
    if (search_is_for_tokens(s))
        return search_tokens(s);
    rc = search_cards(s);
    if (rc < 0 && s->uri.pkcs11)
        card_fail_in(rc, "no PKCS#11 module is configured "
                     "(pkcs11-module-path), so cards in readers were meant");
    return rc;
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

int search_name_pin(const struct card_search *s, struct card_key *key)
{
    key->not_last = s->uri.pin_not_last;
    key->fetched_pin = secret_ref(s->fetched);
    if (s->uri.pin_value != NULL)
        key->named_pin = secret_ref(s->uri.pin_value);
    else if (s->uri.pin_source != NULL)
        return secret_from_file(s->uri.pin_source, &key->named_pin);
    else
        key->named_pin = secret_ref(s->pin);
    return 0;
}

bool search_forget_cert(struct search_entry *e)
{
    if (e->kind == CARD_KIND_CERT || e->cert == NO_INDEX ||
        e->card->token.driver->read_public == NULL)
        return false;
    e->cert = NO_INDEX;
    return true;
}

int search_read_public(struct search_entry *e)
{
    struct token *t = &e->card->token;
    int rc;

    if (e->der.len > 0 || e->card->slot != NULL)
        return 0;
    if (t->driver->read_public == NULL)
        return card_fail(CARD_E_NOT_FOUND, "the card does not tell the public "
                         "half of key \"%s\"", e->label);
    buf_free(&e->der);
    if ((rc = buf_new(&e->der, CARD_MAX_PUBLIC)) < 0)
        return rc;
    return t->driver->read_public(t, &e->key, &e->der);
}

static int read_public(struct search_entry *e)
{
    struct card *c = e->card;
    int rc;

    if (e->der.len > 0 || c->slot != NULL)
        return 0;
    if ((rc = card_begin(c)) < 0)
        return card_fail_in(rc, "%s", c->name);
    rc = search_read_public(e);
    card_end(c, READER_LEAVE);
    return rc < 0 ? card_fail_in(rc, "%s", c->name) : 0;
}

/* The public half of a key on a card is in its certificate, if it has one. */
static int new_key(const struct search_entry *e, struct bytes cert,
                   struct card_key **out)
{
    struct buf public;
    int rc;

    if (e->cert == NO_INDEX)
        return key_new(e->card, &e->key, buf_view(&e->der), out);
    if ((rc = buf_new(&public, cert.len)) < 0)
        return rc;
    rc = crypto_cert_spki(e->card->context->crypto, cert, &public);
    if (rc == 0)
        rc = key_new(e->card, &e->key, buf_view(&public), out);
    buf_free(&public);
    return rc;
}

static int hand_out_key(const struct card_search *s,
                        const struct search_entry *e, struct bytes cert,
                        struct card_key **out)
{
    struct card_key *key;
    int rc = new_key(e, cert, &key);

    if (rc < 0)
        return card_fail_in(rc, "key \"%s\" of %s", e->label, e->card->name);
    if (e->kind == CARD_KIND_PRIVATE && (rc = search_name_pin(s, key)) < 0) {
        card_fail_in(rc, "%s", key->name);
        card_key_free(key);
        return rc;
    }
    *out = key;
    return 0;
}

/* A certificate that was listed may turn out to be missing. */
static int read_object(struct search_entry *e, struct bytes *cert)
{
    int rc = CARD_E_NOT_FOUND;

    if (e->cert != NO_INDEX)
        rc = read_cert(e->card, (size_t)e->cert, cert);
    if (e->cert == NO_INDEX ||
        (rc == CARD_E_NOT_FOUND && search_forget_cert(e)))
        rc = read_public(e);
    return rc;
}

static int hand_out(const struct card_search *s, struct search_entry *e,
                    struct card_object *out)
{
    int rc;

    memset(out, 0, sizeof(*out));
    out->kind = e->kind;
    out->label = e->label;
    if ((rc = read_object(e, &out->cert)) < 0)
        return rc;
    if (e->kind != CARD_KIND_CERT)
        return hand_out_key(s, e, out->cert, &out->key);
    if (e->cert == NO_INDEX)
        out->cert = buf_view(&e->der);
    return 0;
}

/* What many objects in a row have in common is said once. */
static void log_fault(const struct card_search *s, char *said, size_t cap)
{
    if (strcmp(said, card_error_sentence()) == 0)
        return;
    snprintf(said, cap, "%s", card_error_sentence());
    card_log(s->context, "%s", said);
}

/* The next object that is of use; if there never was one, why the last is not. */
static int next_useful(struct card_search *s, struct card_object *out)
{
    int rc = card_fail(CARD_E_NOT_FOUND, "no more objects");
    char said[512] = "";

    while (s->next < s->count) {
        rc = hand_out(s, &s->entries[s->next++], out);
        if (rc == 0)
            s->given = true;
        if (!search_is_objects_fault(rc))
            return rc;
        log_fault(s, said, sizeof(said));
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
    if (rc == CARD_E_NOT_FOUND && search->hidden_count > 0 &&
        search->may_log_in && (rc = search_hidden(search)) == 0)
        rc = next_useful(search, out);
    if (rc < 0)
        search->next = search->count;
    if (rc < 0 && rc != CARD_E_NOT_FOUND)
        search_forget_hidden(search);
    return rc;
}
