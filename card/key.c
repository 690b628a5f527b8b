/*
 * Keys as faces hold them: references and what they may know.
 */
#include "card/card_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The public half's word counts: signatures are checked by it. */
static int take_public(struct card_key *key, struct bytes public)
{
    struct crypto *crypto = key->card->context->crypto;
    struct crypto_key found;
    int rc;

    if ((rc = crypto_key_describe(crypto, public, &found)) < 0 ||
        (rc = buf_new(&key->public, public.len)) < 0)
        return rc;
    key->info.type = found.type;
    key->info.bits = found.bits;
    key->sig_max = found.sig_max;
    return buf_put(&key->public, public);
}

static struct card_key *alloc_key(struct card *c)
{
    struct card_key *key = calloc(1, sizeof(*key));

    if (key == NULL)
        return NULL;
    atomic_init(&key->refs, 1);
    key->card = card_ref(c);
    return key;
}

int key_new(struct card *c, const struct card_key_info *info,
            struct bytes public, struct card_key **out)
{
    struct card_key *key = alloc_key(c);
    int rc;

    if (key == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    key->info = *info;
    snprintf(key->name, sizeof(key->name), "key \"%s\" of %s",
             key->info.label, c->name);
    if ((rc = take_public(key, public)) < 0) {
        card_key_free(key);
        return rc;
    }
    *out = key;
    return 0;
}

int key_new_door(struct card *c, struct card_key **out)
{
    struct card_key *key = alloc_key(c);

    if (key == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    key->info.auth_id = token_pin_id;
    snprintf(key->name, sizeof(key->name), "%s", c->name);
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
    buf_free(&key->public);
    card_unref(key->card);
    free(key);
}

const struct card_key_info *card_key_info(const struct card_key *key)
{
    return &key->info;
}

struct bytes card_key_public(const struct card_key *key)
{
    return buf_view(&key->public);
}

unsigned card_key_can(const struct card_key *key)
{
    unsigned can = key->info.can;

    if ((can & CARD_CAN_RAW_SIGN) != 0)
        can |= CARD_CAN_PKCS1 | CARD_CAN_PSS;
    if ((can & CARD_CAN_DECRYPT_RAW) != 0)
        can |= CARD_CAN_DECRYPT_PKCS1 | CARD_CAN_DECRYPT_OAEP;
    return can;
}

size_t card_key_sig_max(const struct card_key *key)
{
    return key->sig_max;
}

const char *card_key_name(const struct card_key *key)
{
    return key->name;
}

/* ---- its URI ------------------------------------------------------------- */

/* RFC 7512 2.3: what need not be encoded in a path attribute. */
static bool is_plain(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || (c != '\0' && strchr("-._~", c) != NULL);
}

static int put_byte(struct buf *out, uint8_t c, bool encode)
{
    char encoded[4];

    if (!encode)
        return buf_put_u8(out, c);
    snprintf(encoded, sizeof(encoded), "%%%02X", c);
    return buf_put(out, bytes_of_string(encoded));
}

int uri_put_attribute(struct buf *out, const char *name, struct bytes value,
                      bool binary)
{
    uint8_t c;
    int rc;

    if (value.len == 0)
        return 0;
    if ((rc = buf_put(out, bytes_of_string(name))) < 0 ||
        (rc = buf_put_u8(out, '=')) < 0)
        return rc;
    while (bytes_take_u8(&value, &c))
        if ((rc = put_byte(out, c, binary || !is_plain(c))) < 0)
            return rc;
    return 0;
}

int card_key_uri(const struct card_key *key, bool private, struct buf *out)
{
    const struct token *t = &key->card->token;
    const struct {
        const char *name;
        struct bytes value;
        bool binary;
    } attributes[] = {
        {"model", bytes_of_string(t->model), false},
        {";manufacturer", bytes_of_string(t->manufacturer), false},
        {";serial", bytes_of_string(t->serial), false},
        {";token", bytes_of_string(t->label), false},
        {";id", bytes_from(key->info.id.data, key->info.id.len), true},
        {";object", bytes_of_string(key->info.label), false},
    };
    int rc = buf_put(out, bytes_of_string(key->card->slot != NULL ? "pkcs11:"
                                                                  : "card:"));

    for (size_t i = 0; rc == 0 && i < nitems(attributes); i++)
        rc = uri_put_attribute(out, attributes[i].name, attributes[i].value,
                               attributes[i].binary);
    return rc < 0 ? rc
                  : buf_put(out, bytes_of_string(private ? ";type=private"
                                                         : ";type=public"));
}
