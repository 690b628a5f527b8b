/*
 * Cards by reader: each is opened once in a context and shared.
 */
#include "card/card_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/wire/apdu.h"

/* ---- which driver -------------------------------------------------------- */

/*
 * The order drivers are asked in: the one that knew a card of this ATR, those
 * that the ATR suggests, the rest; as in the table among equals.
 */
enum { RANK_HINT, RANK_LIKELY, RANK_REST, RANKS };

/*
 * Of applications that share cards the first in the table gives its key: what
 * was seen last does not change that, so a hint at one is a hint at all.
 */
static bool is_hinted(const struct driver *d, const struct cache_hint *hint)
{
    if (strcmp(hint->driver, d->name) == 0)
        return true;
    for (size_t i = 0; d->neighbours && driver_table[i] != NULL; i++)
        if (driver_table[i]->neighbours &&
            strcmp(hint->driver, driver_table[i]->name) == 0)
            return true;
    return false;
}

static int rank_of(const struct driver *d, const struct reader *r,
                   const struct cache_hint *hint)
{
    if (is_hinted(d, hint))
        return RANK_HINT;
    return d->likely != NULL && d->likely(r) ? RANK_LIKELY : RANK_REST;
}

/* Beside an application that is known only those are that share cards. */
static bool is_wanted(const struct card_wanted *w, size_t i)
{
    const struct driver *d = driver_table[i];

    return (w->asked & 1U << i) == 0 && (w->known == 0 || d->neighbours) &&
           (w->driver == NULL || strcmp(w->driver, d->name) == 0);
}

/* CARD_E_NOT_MINE: none of that rank. */
static int ask_rank(struct token *t, struct card_wanted *w,
                    const struct cache_hint *hint, int rank)
{
    int rc;

    for (size_t i = 0; driver_table[i] != NULL; i++) {
        const struct driver *d = driver_table[i];

        if (!is_wanted(w, i) || rank_of(d, t->reader, hint) != rank)
            continue;
        w->asked |= 1U << i;
        t->driver = d;
        t->seen = rank == RANK_HINT;
        if ((rc = d->probe(t)) == 0)
            w->known |= 1U << i;
        if (rc != CARD_E_NOT_MINE)
            return rc;
        d->close(t);
        t->driver = NULL;
    }
    return CARD_E_NOT_MINE;
}

/* Inside a transaction. */
static int find_driver(struct card *c, struct card_wanted *w)
{
    struct bytes atr = bytes_from(c->reader.atr, c->reader.atr_len);
    struct cache_hint hint = {.driver = ""};
    char hex[2 * READER_ATR_MAX + 1];
    int rc = CARD_E_NOT_MINE;

    if (c->slot == NULL)
        cache_hint_find(c->context->cache, c->reader.name, atr, &hint);
    for (int rank = 0; rc == CARD_E_NOT_MINE && rank < RANKS; rank++)
        rc = ask_rank(&c->token, w, &hint, rank);
    if (rc != CARD_E_NOT_MINE)
        return rc;
    return card_fail(CARD_E_NOT_MINE, "no driver knows this card (ATR %s)",
                     bytes_to_hex(atr, hex, sizeof(hex)));
}

/* A label read before stays. */
void card_keep_hint(const struct card *c)
{
    struct bytes atr = bytes_from(c->reader.atr, c->reader.atr_len);
    const struct token *t = &c->token;
    struct cache *cache = c->context->cache;
    struct cache_hint hint, old;

    memset(&hint, 0, sizeof(hint));
    snprintf(hint.driver, sizeof(hint.driver), "%s", t->driver->name);
    memcpy(hint.serial, t->serial, sizeof(hint.serial));
    memcpy(hint.label, t->label, sizeof(hint.label));
    if (hint.label[0] == '\0' &&
        cache_hint_find(cache, c->reader.name, atr, &old) &&
        strcmp(old.serial, hint.serial) == 0)
        memcpy(hint.label, old.label, sizeof(hint.label));
    cache_hint_keep(cache, c->reader.name, atr, &hint);
}

bool card_has_neighbours(const struct card *c)
{
    return c->token.driver->neighbours;
}

/* ---- cards --------------------------------------------------------------- */

static void free_view(struct card_view *view)
{
    for (size_t i = 0; view != NULL && i < nitems(view->public); i++)
        buf_free(&view->public[i]);
    free(view);
}

static void destroy(struct card *c)
{
    if (c == NULL)
        return;
    if (lock_take(&c->lock)) /* a forked child: this is the parent's */
        c->reader.ops->forget(&c->reader);
    c->reader.ops->disconnect(&c->reader);
    lock_release(&c->lock);
    if (c->token.driver != NULL)
        c->token.driver->close(&c->token);
    cache_card_free(c->token.cache);
    p11_slot_free(c->slot);
    secret_free(c->token.consent);
    for (size_t i = 0; i < nitems(c->certs); i++)
        buf_free(&c->certs[i]);
    free_view(c->view);
    for (size_t i = 0; i < nitems(c->pins); i++) {
        secret_free(c->pins[i].typed);
        secret_free(c->pins[i].rejected);
    }
    lock_destroy(&c->ask);
    lock_destroy(&c->lock);
    free(c);
}

/* Without a reader yet. NULL: out of memory. */
static struct card *create(struct card_context *ctx)
{
    struct card *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    if (lock_init(&c->lock) < 0)
        goto fail;
    if (lock_init(&c->ask) < 0)
        goto fail_lock;
    c->refs = 1;
    c->context = ctx;
    atomic_init(&c->ready, false);
    c->token.reader = &c->reader;
    c->reader.ops = ctx->readers;
    c->reader.io = ctx->reader_io;
    return c;
fail_lock:
    lock_destroy(&c->lock);
fail:
    free(c);
    return NULL;
}

/*
 * Cards of two makers may share a driver and a number, so that their ATR is in
 * the name under which a card's content is kept (FNV-1a, 32 bits).
 */
static int open_cache(struct card *c)
{
    char kind[CACHE_DRIVER_MAX];
    uint32_t hash = 0x811C9DC5;

    for (size_t i = 0; i < c->reader.atr_len; i++)
        hash = (hash ^ c->reader.atr[i]) * 0x01000193;
    snprintf(kind, sizeof(kind), "%s.%08x", c->token.driver->name,
             (unsigned)hash);
    return cache_card_new(c->context->cache, kind, c->token.serial,
                          &c->token.cache);
}

static int probe(struct card *c, struct card_wanted *w)
{
    int rc;

    c->after = w->known;
    if ((rc = find_driver(c, w)) < 0)
        return rc;
    snprintf(c->name, sizeof(c->name), "%s in \"%s\"", c->token.title,
             c->reader.name);
    c->by_name = w->driver != NULL;
    if (c->slot != NULL)
        return 0;
    return open_cache(c);
}

/* In a transaction afterwards, unless it fails. */
static int connect_and_probe(struct card *c, struct card_wanted *w)
{
    int rc;

    c->reader.patience_ms = w->patience;
    if ((rc = c->reader.ops->connect(&c->reader)) < 0 ||
        (rc = card_begin_within(c, w->patience)) < 0)
        return rc;
    if ((rc = probe(c, w)) < 0)
        card_end(c, READER_LEAVE);
    return rc;
}

static size_t place_of(const struct driver *driver)
{
    size_t i = 0;

    while (driver_table[i] != driver)
        i++;
    return i;
}

/*
 * Open and perhaps what is wanted. One that was opened by its driver's name, or
 * behind another application of the card, is left to be found in its turn, so
 * that what was used before changes no order.
 */
static bool may_be_wanted(const struct card *c, const struct card_wanted *w)
{
    if (strcmp(c->reader.name, w->reader) != 0 || c->slot != NULL ||
        !is_wanted(w, place_of(c->token.driver)))
        return false;
    return w->driver != NULL || (!c->by_name && (c->after & ~w->asked) == 0);
}

/* The open card number `skip` of these, with a reference; NULL: no more. */
static struct card *nth_open(struct card_context *ctx,
                             const struct card_wanted *w, size_t skip)
{
    struct card *c;

    lock_take(&ctx->lock);
    for (c = ctx->cards; c != NULL; c = c->next)
        if (may_be_wanted(c, w) && skip-- == 0)
            break;
    if (c != NULL)
        c->refs++;
    lock_release(&ctx->lock);
    return c;
}

/*
 * Of the cards that were opened in a reader, the one that is in it now, in a
 * transaction; *rc is CARD_E_BUSY if others hold it.
 */
static struct card *find_open(struct card_context *ctx,
                              struct card_wanted *w, int *rc)
{
    struct card *c;

    for (size_t i = 0; (c = nth_open(ctx, w, i)) != NULL; i++) {
        if ((*rc = card_begin_within(c, w->patience)) == 0) {
            w->asked |= 1U << place_of(c->token.driver);
            w->known |= 1U << place_of(c->token.driver);
            return c;
        }
        card_unref(c);
        if (*rc == CARD_E_BUSY)
            break;
    }
    return NULL;
}

static bool is_same(const struct card *a, const struct card *b)
{
    if (a->slot != NULL || b->slot != NULL)
        return a->slot != NULL && b->slot != NULL &&
               p11_slot_equal(a->slot, b->slot);
    return strcmp(a->reader.name, b->reader.name) == 0 &&
           a->token.driver == b->token.driver &&
           strcmp(a->token.serial, b->token.serial) == 0;
}

/* Enter a card; if another thread was faster, give its card instead. */
static struct card *share(struct card_context *ctx, struct card *fresh)
{
    struct card *c;

    lock_take(&ctx->lock);
    for (c = ctx->cards; c != NULL; c = c->next)
        if (is_same(c, fresh))
            break;
    if (c != NULL) {
        c->refs++;
        if (!fresh->by_name) { /* now its turn is known */
            c->by_name = false;
            c->after = fresh->after;
        }
    } else {
        fresh->next = ctx->cards;
        ctx->cards = fresh;
    }
    lock_release(&ctx->lock);
    return c != NULL ? c : fresh;
}

int card_open(struct card_context *ctx, struct card_wanted *w,
              struct card **out)
{
    int rc = 0;
    struct card *c = find_open(ctx, w, &rc);

    if (c != NULL) {
        *out = c;
        return 0;
    }
    if (rc == CARD_E_BUSY)
        return card_fail_in(rc, "reader \"%s\"", w->reader);
    if ((c = create(ctx)) == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    snprintf(c->reader.name, sizeof(c->reader.name), "%s", w->reader);
    if ((rc = connect_and_probe(c, w)) < 0) {
        destroy(c);
        return card_fail_in(rc, "reader \"%s\"", w->reader);
    }
    if ((*out = share(ctx, c)) == c)
        return 0;
    card_end(c, READER_LEAVE);
    destroy(c);
    if ((rc = card_begin_within(*out, w->patience)) < 0)
        card_unref(*out);
    return rc;
}

/* The token among those that were opened, whatever slot it was in. */
static struct card *find_token(struct card_context *ctx,
                               const struct p11_module *module,
                               const struct p11_identity *token)
{
    struct card *c;

    lock_take(&ctx->lock);
    for (c = ctx->cards; c != NULL; c = c->next)
        if (c->slot != NULL && p11_slot_holds(c->slot, module, token))
            break;
    if (c != NULL)
        c->refs++;
    lock_release(&ctx->lock);
    return c;
}

int card_open_token(struct card_context *ctx, struct p11_module *module,
                    const struct p11_slot_entry *slot, struct card **out)
{
    struct card *c = find_token(ctx, module, &slot->token);
    struct card_wanted any = {.reader = NULL};
    int rc;

    if (c != NULL) {
        *out = c;
        return 0;
    }
    if ((c = create(ctx)) == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    c->reader.ops = &reader_pkcs11;
    c->reader.io = NULL; /* until there is a slot */
    snprintf(c->reader.name, sizeof(c->reader.name), "%s",
             p11_module_name(module));
    if ((rc = p11_slot_new(module, slot, &c->slot)) == 0) {
        c->reader.io = c->slot;
        rc = connect_and_probe(c, &any);
    }
    if (rc < 0) {
        destroy(c);
        return card_fail_in(rc, "token \"%s\"", slot->token.label);
    }
    card_end(c, READER_LEAVE);
    if ((*out = share(ctx, c)) != c)
        destroy(c);
    return 0;
}

struct card *card_ref(struct card *c)
{
    lock_take(&c->context->lock);
    c->refs++;
    lock_release(&c->context->lock);
    return c;
}

void card_unref(struct card *c)
{
    struct card_context *ctx;
    bool last;

    if (c == NULL)
        return;
    ctx = c->context;
    lock_take(&ctx->lock);
    last = --c->refs == 0;
    if (last)
        for (struct card **p = &ctx->cards; *p != NULL; p = &(*p)->next)
            if (*p == c) {
                *p = c->next;
                break;
            }
    lock_release(&ctx->lock);
    if (last)
        destroy(c);
}
