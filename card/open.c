/*
 * Cards by reader: each is opened once in a context and shared.
 */
#include "card/card_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/wire/apdu.h"

/* Ask each driver in turn, inside a transaction. */
static int find_driver(struct token *t, const char *name)
{
    char atr[2 * READER_ATR_MAX + 1];
    int rc;

    for (const struct driver *const *d = driver_table; *d != NULL; d++) {
        if (name != NULL && strcmp(name, (*d)->name) != 0)
            continue;
        t->driver = *d;
        if ((rc = (*d)->probe(t)) != CARD_E_NOT_MINE)
            return rc;
        (*d)->close(t);
    }
    t->driver = NULL;
    bytes_to_hex(bytes_from(t->reader->atr, t->reader->atr_len), atr,
                 sizeof(atr));
    return card_fail(CARD_E_NOT_MINE, "no driver knows this card (ATR %s)",
                     atr);
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
    p11_slot_free(c->slot);
    secret_free(c->token.consent);
    for (size_t i = 0; i < nitems(c->certs); i++)
        buf_free(&c->certs[i]);
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

static int connect_and_probe(struct card *c, const char *driver)
{
    int rc;

    if ((rc = c->reader.ops->connect(&c->reader)) < 0 ||
        (rc = card_begin(c)) < 0)
        return rc;
    rc = find_driver(&c->token, driver);
    card_end(c, READER_LEAVE);
    if (rc == 0)
        snprintf(c->name, sizeof(c->name), "%s in \"%s\"", c->token.title,
                 c->reader.name);
    return rc;
}

/* The open card number `skip` of a reader, with a reference; NULL: no more. */
static struct card *nth_open(struct card_context *ctx, const char *reader,
                             size_t skip)
{
    struct card *c;

    lock_take(&ctx->lock);
    for (c = ctx->cards; c != NULL; c = c->next)
        if (strcmp(c->reader.name, reader) == 0 && skip-- == 0)
            break;
    if (c != NULL)
        c->refs++;
    lock_release(&ctx->lock);
    return c;
}

/* Of the cards that were opened in a reader, the one that is in it now. */
static struct card *find_open(struct card_context *ctx, const char *reader)
{
    struct card *c;

    for (size_t i = 0; (c = nth_open(ctx, reader, i)) != NULL; i++) {
        if (card_begin(c) == 0) {
            card_end(c, READER_LEAVE);
            return c;
        }
        card_unref(c);
    }
    return NULL;
}

static bool is_same(const struct card *a, const struct card *b)
{
    if (a->slot != NULL || b->slot != NULL)
        return a->slot != NULL && b->slot != NULL &&
               p11_slot_equal(a->slot, b->slot);
    return strcmp(a->reader.name, b->reader.name) == 0 &&
           strcmp(a->token.serial, b->token.serial) == 0;
}

/* Enter a card; if another thread was faster, its card instead of this. */
static struct card *share(struct card_context *ctx, struct card *fresh)
{
    struct card *c;

    lock_take(&ctx->lock);
    for (c = ctx->cards; c != NULL; c = c->next)
        if (is_same(c, fresh))
            break;
    if (c != NULL) {
        c->refs++;
    } else {
        fresh->next = ctx->cards;
        ctx->cards = fresh;
    }
    lock_release(&ctx->lock);
    if (c == NULL)
        return fresh;
    destroy(fresh);
    return c;
}

int card_open(struct card_context *ctx, const char *reader, const char *driver,
              struct card **out)
{
    struct card *c = find_open(ctx, reader);
    int rc;

    if (c != NULL) {
        *out = c;
        return 0;
    }
    if ((c = create(ctx)) == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    snprintf(c->reader.name, sizeof(c->reader.name), "%s", reader);
    if ((rc = connect_and_probe(c, driver)) < 0) {
        destroy(c);
        return card_fail_in(rc, "reader \"%s\"", reader);
    }
    *out = share(ctx, c);
    return 0;
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
        rc = connect_and_probe(c, NULL);
    }
    if (rc < 0) {
        destroy(c);
        return card_fail_in(rc, "token \"%s\"", slot->token.label);
    }
    *out = share(ctx, c);
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
