/*
 * Keys as faces hold them: references and what they may know.
 */
#include "card/card_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The certificate's word on the size counts: signatures are checked by it. */
static int take_size(struct card_key *key)
{
    unsigned *bits = &key->info.bits;
    int rc = crypto_cert_rsa_bits(key->card->context->crypto, key->cert, bits);

    if (rc == 0 && (*bits < 512 || *bits > CARD_MAX_SIGNATURE * 8))
        rc = card_fail(CARD_E_UNSUPPORTED, "an RSA key of %u bits", *bits);
    return rc < 0 ? card_fail_in(rc, "%s", key->name) : 0;
}

int key_new(struct card *c, size_t index, struct bytes cert,
            struct card_key **out)
{
    struct card_key *key = calloc(1, sizeof(*key));
    int rc;

    if (key == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    atomic_init(&key->refs, 1);
    key->card = card_ref(c);
    key->info = c->token.keys[index];
    key->cert = cert;
    snprintf(key->name, sizeof(key->name), "key \"%s\" of %s",
             key->info.label, c->name);
    if ((rc = take_size(key)) < 0) {
        card_key_free(key);
        return rc;
    }
    *out = key;
    return 0;
}

struct card_key *card_key_ref(struct card_key *key)
{
    atomic_fetch_add(&key->refs, 1);
    return key;
}

void card_key_free(struct card_key *key)
{
    if (key == NULL || atomic_fetch_sub(&key->refs, 1) > 1)
        return;
    secret_free(key->named_pin);
    secret_free(key->fetched_pin);
    card_unref(key->card);
    free(key);
}

const struct card_key_info *card_key_info(const struct card_key *key)
{
    return &key->info;
}

struct bytes card_key_cert(const struct card_key *key)
{
    return key->cert;
}

const char *card_key_name(const struct card_key *key)
{
    return key->name;
}

bool card_key_equal(const struct card_key *a, const struct card_key *b)
{
    return strcmp(a->card->token.serial, b->card->token.serial) == 0 &&
           bytes_equal(bytes_from(a->info.id.data, a->info.id.len),
                       bytes_from(b->info.id.data, b->info.id.len));
}
