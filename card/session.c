/*
 * The one ritual: lock, fork check, reconnect, transaction, end. Whatever
 * touches a card passes through here.
 */
#include "card/card_int.h"

#include <stdlib.h>
#include <string.h>

#include "card/wire/apdu.h"

void card_forget_state(struct card *c)
{
    atomic_store(&c->ready, false);
    c->token.selected = false;
    for (size_t i = 0; i < nitems(c->pins); i++)
        c->pins[i].verified = c->pins[i].presented = false;
}

static bool connection_lost(int rc)
{
    return rc == CARD_E_REMOVED || rc == CARD_E_NO_SERVICE ||
           rc == CARD_E_COMM || rc == CARD_E_NO_READER ||
           rc == CARD_E_NO_CARD;
}

/* After a reset or a reconnection: is it still the card that was found? */
static int check_identity(struct card *c)
{
    struct token *now = calloc(1, sizeof(*now));
    int rc;

    if (now == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    now->reader = &c->reader;
    rc = c->token.driver->probe(now);
    if (rc == CARD_E_NOT_MINE ||
        (rc == 0 && strcmp(now->serial, c->token.serial) != 0))
        rc = card_fail(CARD_E_OTHER_CARD, "another card is in the reader: "
                       "number %s was expected",
                       c->token.serial);
    c->token.driver->close(now);
    free(now);
    return rc;
}

/*
 * Of a card without a number nobody can say that it is still the same: what a
 * person typed for the one that was there goes to no other.
 */
static void forget_typed(struct card *c)
{
    for (size_t i = 0; i < nitems(c->pins); i++) {
        secret_free(c->pins[i].typed);
        c->pins[i].typed = NULL;
    }
}

static int reconnect(struct card *c)
{
    int rc = c->reader.ops->connect(&c->reader);

    if (rc == 0)
        c->check_identity = c->token.driver != NULL;
    return rc;
}

/* One transaction, across at most one reset and one lost connection. */
static int start_transaction(struct card *c)
{
    int rc = 0;

    for (int tries = 0; tries < 3; tries++) {
        if (c->reader.link == NULL && (rc = reconnect(c)) < 0)
            break;
        if ((rc = c->reader.ops->begin(&c->reader)) == 0)
            return 0;
        card_forget_state(c);
        if (connection_lost(rc))
            c->reader.ops->disconnect(&c->reader);
        else if (rc != CARD_E_RESET)
            break;
        /* pcscd tells one event: the reset may hide that the card changed. */
        c->check_identity = c->token.driver != NULL;
    }
    /* What cannot be begun is not kept: the next use starts afresh. */
    c->reader.ops->disconnect(&c->reader);
    return rc;
}

static void take(struct card *c)
{
    if (lock_take(&c->lock)) { /* a forked child: this is the parent's */
        c->reader.ops->forget(&c->reader);
        card_forget_state(c);
    }
}

int card_begin(struct card *c)
{
    return card_begin_within(c, 0);
}

int card_begin_within(struct card *c, unsigned milliseconds)
{
    int rc;

    take(c);
    c->reader.budget = APDU_BUDGET;
    c->reader.patience_ms = milliseconds;
    c->token.selected = false;
    if ((rc = start_transaction(c)) < 0) {
        lock_release(&c->lock);
        return rc;
    }
    if (c->check_identity) {
        if ((rc = check_identity(c)) < 0) {
            c->reader.ops->end(&c->reader, READER_LEAVE);
            c->reader.ops->disconnect(&c->reader);
            lock_release(&c->lock);
            return rc;
        }
        c->check_identity = false;
        card_forget_state(c);
        if (c->slot == NULL && c->token.serial[0] == '\0')
            forget_typed(c);
    }
    return 0;
}

void card_end(struct card *c, enum reader_end how)
{
    if (how == READER_RESET)
        card_forget_state(c);
    c->token.selected = false;
    c->reader.ops->end(&c->reader, how);
    cache_card_save(c->token.cache);
    lock_release(&c->lock);
}

bool card_is_hidden(struct card *c)
{
    bool hidden;

    if (card_begin(c) < 0)
        return true; /* whoever looks into it next says why */
    hidden = c->token.hidden && !c->pins[0].verified;
    card_end(c, READER_LEAVE);
    return hidden;
}

bool card_cert_known(struct card *c, size_t index, struct bytes *der)
{
    take(c);
    *der = buf_view(&c->certs[index]);
    lock_release(&c->lock);
    return der->len > 0;
}

int card_cert(struct card *c, size_t index, struct bytes *der)
{
    struct buf *known = &c->certs[index];
    struct buf fresh;
    int rc;

    if (known->len == 0) {
        if ((rc = buf_new(&fresh, CARD_MAX_FILE)) < 0)
            return rc;
        rc = c->token.driver->read_cert(&c->token, &c->token.certs[index],
                                        &fresh);
        if (rc == 0 && fresh.len == 0)
            rc = card_fail(CARD_E_NOT_FOUND, "the certificate is empty");
        if (rc == 0 && (rc = buf_new(known, fresh.len)) == 0)
            rc = buf_put(known, buf_view(&fresh));
        buf_free(&fresh);
        if (rc < 0)
            return rc;
    }
    *der = buf_view(known);
    return 0;
}
