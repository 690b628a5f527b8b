/*
 * The order in which a card's certificates and keys are given: who names no
 * certificate gets the newest valid one.
 */
#include "card/search_int.h"

#include <time.h>

enum { VALID, NOT_YET, EXPIRED, UNREADABLE };

/* When each certificate is valid, as far as that was asked. */
struct dates {
    int state[CARD_MAX_CERTS];
    int64_t since[CARD_MAX_CERTS];
};

/*
 * Certificates are put in order among those of one key; or all, where the card
 * gives them with its list: reading others only for that would take too long.
 */
static bool are_compared(const struct token *t, size_t a, size_t b)
{
    return t->certs_at_hand || match_pair(&t->certs[a].id, &t->certs[b].id);
}

static bool is_compared(const struct token *t, size_t a)
{
    for (size_t b = 0; b < t->cert_count; b++)
        if (a != b && are_compared(t, a, b))
            return true;
    return false;
}

static int state_at(const struct crypto_dates *valid, int64_t now)
{
    return now < valid->not_before ? NOT_YET
           : now > valid->not_after ? EXPIRED
                                    : VALID;
}

static int read_dates(struct card *c, struct dates *out)
{
    const struct token *t = &c->token;
    int64_t now = (int64_t)time(NULL);

    for (size_t i = 0; i < t->cert_count; i++) {
        struct crypto_dates valid = {0, 0};
        struct bytes der;
        int rc;

        out->state[i] = UNREADABLE;
        out->since[i] = 0;
        if (!is_compared(t, i))
            continue;
        rc = card_cert(c, i, &der);
        if (rc < 0 && !search_is_objects_fault(rc))
            return rc;
        if (rc < 0 || !crypto_cert_dates(der, &valid))
            continue;
        out->state[i] = state_at(&valid, now);
        out->since[i] = valid.not_before;
    }
    return 0;
}

/* Of two that are equal the one that is first on the card. */
static bool goes_before(const struct dates *d, size_t a, size_t b)
{
    if (d->state[a] != d->state[b])
        return d->state[a] < d->state[b];
    return d->since[a] != d->since[b] ? d->since[a] > d->since[b] : a < b;
}

/* Those that are not compared keep their places. */
static void sort_certs(const struct token *t, const struct dates *d,
                       size_t cert[CARD_MAX_CERTS])
{
    for (size_t i = 0; i < t->cert_count; i++)
        cert[i] = i;
    for (size_t i = 0; i < t->cert_count; i++)
        for (size_t j = i + 1; j < t->cert_count; j++) {
            size_t a = cert[i], b = cert[j];

            if (are_compared(t, a, b) && goes_before(d, b, a)) {
                cert[i] = b;
                cert[j] = a;
            }
        }
}

/* Where the first of a key's certificates comes; at the end: it has none. */
static size_t place_of(const struct token *t, const struct card_key_info *key,
                       const size_t cert[CARD_MAX_CERTS])
{
    size_t i = 0;

    while (i < t->cert_count && !match_pair(&t->certs[cert[i]].id, &key->id))
        i++;
    return i;
}

/* As their certificates are, if all of those are in order. */
static void sort_keys(const struct token *t, struct search_order *order)
{
    for (size_t i = 0; i < t->key_count; i++) {
        size_t place = place_of(t, &t->keys[i], order->cert), j = i;

        for (; t->certs_at_hand && j > 0 &&
               place_of(t, &t->keys[order->key[j - 1]], order->cert) > place;
             j--)
            order->key[j] = order->key[j - 1];
        order->key[j] = i;
    }
}

int search_make_order(struct card *c, struct search_order *out)
{
    struct dates dates;
    int rc = read_dates(c, &dates);

    if (rc < 0)
        return rc;
    sort_certs(&c->token, &dates, out->cert);
    sort_keys(&c->token, out);
    return 0;
}

unsigned search_rank(const struct card_key_info *key)
{
    for (unsigned rank = 0; rank < SEARCH_RANKS - 1; rank++)
        if ((key->uses & (1U << rank)) != 0)
            return rank;
    return SEARCH_RANKS - 1;
}
