/*
 * What is on a card, for its holder: everything public is read in one
 * transaction, and given by index.
 */
#include "card/admin_int.h"

#include <stdlib.h>
#include <string.h>

#include "card/driver/driver_admin.h"
#include "card/search_int.h"

int card_readers(struct card_context *ctx, struct reader_states *readers,
                 int timeout_ms)
{
    if (ctx->readers->states == NULL)
        return card_fail(CARD_E_UNSUPPORTED, "these readers tell no state");
    return ctx->readers->states(ctx->reader_io, readers, timeout_ms);
}

/* ---- reading: inside a transaction --------------------------------------- */

/*
 * Some were listed because only reading tells whether they are there: `absent`
 * are not. One that is there and cannot be read is left empty.
 */
static int read_certs(struct card *c, bool absent[CARD_MAX_CERTS])
{
    struct bytes der;
    int rc;

    for (size_t i = 0; i < c->token.cert_count; i++) {
        rc = card_cert(c, i, &der);
        if (rc < 0 && !search_is_objects_fault(rc))
            return rc;
        absent[i] = rc == CARD_E_NOT_FOUND;
    }
    return 0;
}

/*
 * What a card tells of a key without a certificate. CARD_E_NOT_FOUND: a
 * certificate was listed for it, and nothing is there.
 */
static int read_public(struct card *c, size_t key,
                       const bool absent[CARD_MAX_CERTS])
{
    const struct token *t = &c->token;
    struct buf *public = &c->view->public[key];
    bool listed = false;
    int rc = CARD_E_NOT_FOUND;

    for (size_t i = 0; i < t->cert_count; i++)
        if (match_pair(&t->certs[i].id, &t->keys[key].id)) {
            listed = true;
            if (!absent[i])
                return 0;
        }
    if (t->driver->read_public != NULL &&
        (rc = buf_new(public, CARD_MAX_PUBLIC)) == 0)
        rc = t->driver->read_public(&c->token, &t->keys[key], public);
    if (rc < 0)
        buf_free(public);
    if (rc < 0 && !search_is_objects_fault(rc))
        return rc;
    return rc == CARD_E_NOT_FOUND && listed ? rc : 0;
}

static int view_keys(struct card *c, const size_t order[CARD_MAX_KEYS],
                     const bool absent[CARD_MAX_CERTS])
{
    struct card_view *v = c->view;
    int rc;

    for (unsigned rank = 0; rank < SEARCH_RANKS; rank++)
        for (size_t i = 0; i < c->token.key_count; i++) {
            if (search_rank(&c->token.keys[order[i]]) != rank)
                continue;
            rc = read_public(c, order[i], absent);
            if (rc < 0 && rc != CARD_E_NOT_FOUND)
                return rc;
            if (rc == 0)
                v->key[v->key_count++] = order[i];
        }
    return 0;
}

static int read_objects(struct card *c)
{
    bool absent[CARD_MAX_CERTS];
    struct search_order order;
    struct card_view *v = c->view;
    struct token *t = &c->token;
    int rc;

    v->key_count = v->cert_count = 0;
    if ((rc = t->driver->list(t, TOKEN_KEYS | TOKEN_CERTS)) < 0 ||
        (rc = read_certs(c, absent)) < 0 ||
        (rc = search_make_order(c, &order)) < 0 ||
        (rc = view_keys(c, order.key, absent)) < 0)
        return rc;
    for (size_t i = 0; i < t->cert_count; i++)
        if (!absent[order.cert[i]])
            v->cert[v->cert_count++] = order.cert[i];
    return 0;
}

static int add_pins(struct card *c)
{
    const struct driver_admin *admin = driver_admin_of(&c->token);
    int rc = c->token.driver->list(&c->token, TOKEN_PINS);

    if (rc < 0 || admin == NULL || admin->add_pins == NULL)
        return rc;
    return admin->add_pins(&c->token);
}

int admin_pin_status(struct card *c, struct card_pin_info *pin)
{
    const struct driver_admin *admin = driver_admin_of(&c->token);

    return admin != NULL && admin->pin_status != NULL
               ? admin->pin_status(&c->token, pin)
               : c->token.driver->pin_status(&c->token, pin);
}

/* A PIN whose state the card does not tell is one of unknown state. */
static int read_pins(struct card *c)
{
    struct token *t = &c->token;
    int rc = 0;

    if ((c->view->read & CARD_READ_PINS) == 0 && (rc = add_pins(c)) < 0)
        return rc;
    c->view->read |= CARD_READ_PINS; /* what was added is there, told or not */
    for (size_t i = 0; i < t->pin_count; i++) {
        rc = admin_pin_status(c, &t->pins[i]);
        if (rc < 0 && !search_is_objects_fault(rc))
            return rc;
        if (rc < 0)
            t->pins[i].tries_left = CARD_TRIES_UNKNOWN;
    }
    return 0;
}

static int read_now(struct card *c, unsigned what)
{
    unsigned missing;
    int rc = 0;

    if (c->view == NULL &&
        (c->view = calloc(1, sizeof(*c->view))) == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    missing = what & ~c->view->read;
    if ((missing & CARD_READ_OBJECTS) != 0)
        rc = read_objects(c);
    if (rc == 0 && (missing & CARD_READ_LABEL) != 0)
        rc = c->token.driver->list(&c->token, TOKEN_INFO);
    if (rc == 0 && (what & CARD_READ_PINS) != 0)
        rc = read_pins(c);
    if (rc == 0)
        c->view->read |= what;
    return rc;
}

int card_read(struct card *c, unsigned what)
{
    int rc;

    card_error_clear();
    if ((rc = card_begin(c)) == 0) {
        rc = read_now(c, what);
        card_end(c, READER_LEAVE);
    }
    return rc < 0 ? card_fail_in(rc, "%s", c->name) : 0;
}

/* ---- opening ------------------------------------------------------------- */

static int open_next(struct card_context *ctx, struct card_wanted *w,
                     unsigned what, struct card **out)
{
    int rc;

    if ((rc = card_open(ctx, w, out)) < 0)
        return rc;
    rc = read_now(*out, what);
    card_end(*out, READER_LEAVE);
    if (rc == 0)
        return 0;
    card_fail_in(rc, "%s", (*out)->name);
    card_unref(*out);
    return rc;
}

int card_open_all(struct card_context *ctx, const char *reader,
                  unsigned patience_ms, unsigned what, struct card_set *out)
{
    struct card_wanted w = {.reader = reader, .patience = patience_ms};
    int rc = 0;

    card_error_clear();
    out->count = 0;
    while (out->count < CARD_MAX_APPLICATIONS &&
           (out->count == 0 || card_has_neighbours(out->cards[0]))) {
        rc = open_next(ctx, &w, what, &out->cards[out->count]);
        if (rc < 0)
            break;
        if (out->count++ == 0)
            card_keep_hint(out->cards[0]);
    }
    if (rc == CARD_E_NOT_MINE && out->count > 0)
        rc = 0;
    if (rc < 0)
        card_set_free(out);
    return rc;
}

void card_set_free(struct card_set *set)
{
    while (set->count > 0)
        card_unref(set->cards[--set->count]);
}

void card_identify(const struct card *c, struct card_identity *out)
{
    const struct token *t = &c->token;

    *out = (struct card_identity){
        .reader = c->reader.name,
        .driver = t->driver->name,
        .title = t->title,
        .model = t->model,
        .serial = t->serial,
        .label = t->label,
        .atr = bytes_from(c->reader.atr, c->reader.atr_len),
        .protocol = c->reader.protocol == READER_T0 ? "T=0" : "T=1",
    };
}

int card_describe(struct card *c, card_field_fn *put, void *arg)
{
    const struct driver_admin *admin = driver_admin_of(&c->token);
    int rc;

    card_error_clear();
    if (admin == NULL || admin->describe == NULL)
        return 0;
    if ((rc = card_begin(c)) == 0) {
        rc = admin->describe(&c->token, put, arg);
        card_end(c, READER_LEAVE);
    }
    return rc < 0 ? card_fail_in(rc, "%s", c->name) : 0;
}

/* ---- records ------------------------------------------------------------- */

const struct card_key_info *card_key_at(const struct card *c, size_t i)
{
    const struct card_view *v = c->view;

    return v != NULL && i < v->key_count ? &c->token.keys[v->key[i]] : NULL;
}

const struct card_cert_info *card_cert_at(const struct card *c, size_t i,
                                          struct bytes *der)
{
    const struct card_view *v = c->view;

    if (v == NULL || i >= v->cert_count)
        return NULL;
    *der = buf_view(&c->certs[v->cert[i]]);
    return &c->token.certs[v->cert[i]];
}

const struct card_pin_info *card_pin_at(const struct card *c, size_t i)
{
    return i < c->token.pin_count ? &c->token.pins[i] : NULL;
}

bool card_cert_of_key(const struct card *c, size_t key, size_t *cert)
{
    const struct card_key_info *info = card_key_at(c, key);
    const struct card_cert_info *found;
    struct bytes der;

    for (*cert = 0; info != NULL &&
                    (found = card_cert_at(c, *cert, &der)) != NULL; ++*cert)
        if (der.len > 0 && match_pair(&found->id, &info->id))
            return true;
    return false;
}

bool card_pin_of_key(const struct card *c, size_t key, size_t *pin)
{
    const struct card_key_info *info = card_key_at(c, key);
    const struct token *t = &c->token;

    for (*pin = 0; info != NULL && *pin < t->pin_count; ++*pin)
        if (!t->pins[*pin].unblocking &&
            match_pair(&info->auth_id, &t->pins[*pin].auth_id))
            return true;
    return false;
}

/*
 * protectedBy of a PIN is its PUK's authId, on CPS3 its reference; a card with
 * one PUK that names none means that one.
 */
static bool protects(const struct card_pin_info *puk,
                     const struct card_pin_info *pin)
{
    const struct card_id *by = &pin->protected_by;

    return match_pair(by, &puk->auth_id) ||
           (by->len == 1 && by->data[0] == puk->ref);
}

bool card_puk_of_pin(const struct card *c, size_t pin, size_t *puk)
{
    const struct token *t = &c->token;
    size_t count = 0;

    for (size_t i = 0; i < t->pin_count; i++) {
        if (!t->pins[i].unblocking || i == pin)
            continue;
        count++;
        *puk = i;
        if (protects(&t->pins[i], &t->pins[pin]))
            return true;
    }
    return count == 1 && !t->pins[pin].unblocking &&
           t->pins[pin].protected_by.len == 0;
}

bool card_main_pin(const struct card *c, size_t *pin)
{
    const struct token *t = &c->token;

    for (size_t i = 0; card_key_at(c, i) != NULL; i++)
        if (card_pin_of_key(c, i, pin))
            return true;
    for (*pin = 0; *pin < t->pin_count; ++*pin)
        if (!t->pins[*pin].unblocking)
            return true;
    return false;
}

int card_use_key(struct card *c, size_t i, struct card_key **out)
{
    const struct card_key_info *info = card_key_at(c, i);
    struct bytes der = {NULL, 0};
    struct buf public;
    size_t cert;
    int rc;

    card_error_clear();
    if (info == NULL)
        return card_fail(CARD_E_ARGUMENT, "%s has no such key", c->name);
    if ((rc = buf_new(&public, CARD_MAX_FILE)) < 0)
        return rc;
    if (card_cert_of_key(c, i, &cert) && card_cert_at(c, cert, &der) != NULL)
        rc = crypto_cert_spki(c->context->crypto, der, &public);
    else
        rc = buf_put(&public, buf_view(&c->view->public[c->view->key[i]]));
    if (rc == 0 && public.len == 0)
        rc = card_fail(CARD_E_NOT_FOUND, "it has no certificate, and the card "
                       "does not tell its public half");
    if (rc == 0)
        rc = key_new(c, info, buf_view(&public), out);
    buf_free(&public);
    return rc < 0 ? card_fail_in(rc, "key \"%s\" of %s", info->label, c->name)
                  : 0;
}
