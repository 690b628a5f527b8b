/*
 * RSA decryption. Where the card gives the padded block it is judged here, in
 * constant time; where the card judges it, what it says of the padding is not
 * handed on. And key agreement and decapsulation, which have no padding.
 */
#include "card/use.h"

#include <string.h>

#include "card/base/pad.h"

enum { PREMASTER_LEN = 48, TOO_SHORT = 11 };

static size_t modulus_len(const struct card_key *key)
{
    return (key->info.bits + 7) / 8;
}

/*
 * Bad padding and good take the same APDUs (so no state is trusted, which
 * could make a refusal look like a loss of it): what differs is only which
 * bytes are handed on.
 */
static int run_decrypt(struct card_key *key, struct key_use *use)
{
    struct card *c = key->card;
    int rc;

    use->out->len = 0;
    rc = c->token.driver->decrypt(&c->token, &key->info, use->how, use->in,
                                  use->out);
    use->rejected = rc == CARD_E_STATUS;
    return use->rejected ? 0 : rc;
}

/*
 * The message that bad padding stands for: from a secret of this process and
 * the cryptogram, its length too (RFC 8017 7.2.2 gives the maximum). It fills
 * its capacity whatever its length, which takes no division, no branch and no
 * time of its own.
 *
 *   space  2 + CARD_MAX_SIGNATURE bytes
 */
static int synthetic_message(const struct card_key *key,
                             struct bytes cryptogram, uint8_t *space,
                             struct buf *out)
{
    size_t max = modulus_len(key) - TOO_SHORT;
    struct buf derived = {space, 0, 2 + max};
    int rc = crypto_derive(key->card->context->crypto, cryptogram, &derived);
    uint32_t number = (uint32_t)(space[0] << 8 | space[1]);

    *out = (struct buf){space + 2, (number * (max + 1)) >> 16, max};
    return rc;
}

/* ---- the card gives the block -------------------------------------------- */

static int unpad_tls_premaster(const struct card_key *key,
                               const struct card_unpad *how, struct bytes em,
                               struct buf *plain)
{
    uint8_t space[PREMASTER_LEN];
    struct buf random = BUF_ON(space);
    int rc = crypto_random(key->card->context->crypto, &random);

    if (rc == 0)
        rc = unpad_tls(em, how->tls_version, how->tls_version_also,
                       buf_view(&random), plain);
    buf_wipe(&random);
    return rc;
}

static int unpad(const struct card_key *key, const struct card_unpad *how,
                 struct bytes em, const struct buf *synthetic, struct buf *plain)
{
    switch (how->padding) {
    case CARD_UNPAD_PKCS1:
        return unpad_pkcs1(em, synthetic, plain);
    case CARD_UNPAD_PKCS1_EXPLICIT:
        return unpad_pkcs1_explicit(em, plain);
    case CARD_UNPAD_TLS:
        return unpad_tls_premaster(key, how, em, plain);
    case CARD_UNPAD_OAEP:
        return unpad_oaep(key->card->context->crypto, how->hash, how->mgf_hash,
                          how->label, em, plain);
    case CARD_UNPAD_NONE:
        break;
    }
    return buf_put(plain, em);
}

static int decrypt_raw(struct card_key *key, const struct card_unpad *how,
                       struct bytes cryptogram, const struct buf *synthetic,
                       struct buf *plain)
{
    static const struct card_unpad none = {.padding = CARD_UNPAD_NONE};
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf em = BUF_ON(space);
    struct key_use use = {.run = run_decrypt, .how = &none, .in = cryptogram,
                          .out = &em};
    int rc = use_key(key, &use);

    if (rc == 0 && use.rejected)
        rc = card_fail(CARD_E_STATUS, "%s: the cryptogram was refused",
                       key->name);
    else if (rc == 0 && em.len != modulus_len(key))
        rc = card_fail(CARD_E_PROTOCOL, "%s: %zu bytes instead of %zu",
                       key->name, em.len, modulus_len(key));
    if (rc == 0)
        rc = unpad(key, how, buf_view(&em), synthetic, plain);
    buf_wipe(&em);
    return rc;
}

/* ---- the card takes the padding off -------------------------------------- */

/* As if the card had given the block: 00 02 FF..FF 00 || message. */
static int pad_again(struct bytes message, struct buf *em)
{
    static const uint8_t type[] = {0x00, 0x02};
    int rc = buf_put(em, BYTES_OF(type));

    while (rc == 0 && em->len + 1 + message.len < em->cap)
        rc = buf_put_u8(em, 0xFF);
    if (rc == 0 && (rc = buf_put_u8(em, 0)) == 0)
        rc = buf_put(em, message);
    return rc;
}

/*
 * A premaster secret of another length or version, and none at all, is
 * replaced by random bytes without a branch on it: whatever is at its place is
 * padded, and the padding then spoilt.
 *
 *   message  capacity for 48 bytes, all there
 */
static int check_premaster(const struct card_key *key,
                           const struct card_unpad *how, bool rejected,
                           const struct buf *message, struct buf *plain)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf em = {space, 0, modulus_len(key)};
    size_t bad = (message->len ^ PREMASTER_LEN) | (rejected ? 1U : 0U);
    int rc = pad_again(bytes_from(message->data, PREMASTER_LEN), &em);

    if (rc == 0) {
        em.data[0] |= (uint8_t)(bad | bad >> 8);
        rc = unpad_tls_premaster(key, how, buf_view(&em), plain);
    }
    memory_wipe(space, sizeof(space));
    return rc;
}

static int give_message(const struct card_key *key,
                        const struct card_unpad *how, bool rejected,
                        const struct buf *message,
                        const struct buf *synthetic, struct buf *plain)
{
    if (how->padding == CARD_UNPAD_TLS)
        return check_premaster(key, how, rejected, message, plain);
    if (how->padding == CARD_UNPAD_PKCS1)
        return buf_put(plain, buf_view(rejected ? synthetic : message));
    if (rejected)
        return card_fail(CARD_E_STATUS, "%s: the cryptogram does not decrypt",
                         key->name);
    return buf_put(plain, buf_view(message));
}

static int decrypt_unpadded(struct card_key *key, const struct card_unpad *how,
                            struct bytes cryptogram, const struct buf *synthetic,
                            struct buf *plain)
{
    static const struct card_unpad pkcs1 = {.padding = CARD_UNPAD_PKCS1};
    uint8_t space[CARD_MAX_SIGNATURE] = {0};
    struct buf message = BUF_ON(space);
    struct key_use use = {
        .run = run_decrypt,
        .how = how->padding == CARD_UNPAD_OAEP ? how : &pkcs1,
        .afresh = true,
        .in = cryptogram,
        .out = &message,
    };
    int rc = use_key(key, &use);

    if (rc == 0)
        rc = give_message(key, how, use.rejected, &message, synthetic, plain);
    buf_wipe(&message);
    return rc;
}

/* ---- all ----------------------------------------------------------------- */

static unsigned needed(const struct card_unpad *how)
{
    return how->padding == CARD_UNPAD_NONE   ? CARD_CAN_DECRYPT_RAW
           : how->padding == CARD_UNPAD_OAEP ? CARD_CAN_DECRYPT_OAEP
                                             : CARD_CAN_DECRYPT_PKCS1;
}

static size_t plain_max(const struct card_key *key,
                        const struct card_unpad *how)
{
    switch (how->padding) {
    case CARD_UNPAD_TLS:
        return PREMASTER_LEN;
    case CARD_UNPAD_PKCS1:
    case CARD_UNPAD_PKCS1_EXPLICIT:
        return modulus_len(key) - TOO_SHORT;
    default:
        return modulus_len(key);
    }
}

static int check_request(const struct card_key *key,
                         const struct card_unpad *how, struct bytes cryptogram,
                         const struct buf *plain)
{
    if (key->info.type != CARD_KEY_RSA ||
        (card_key_can(key) & needed(how)) == 0)
        return card_fail(CARD_E_UNSUPPORTED, "%s: this key does not decrypt "
                         "so", key->name);
    if (cryptogram.len != modulus_len(key))
        return card_fail(CARD_E_ARGUMENT,
                         "%s: a cryptogram has %zu bytes, not %zu", key->name,
                         modulus_len(key), cryptogram.len);
    if (plain->cap < plain_max(key, how))
        return card_fail(CARD_E_BUFFER, "%s: a message takes up to %zu bytes",
                         key->name, plain_max(key, how));
    return 0;
}

/* Tokens whose keys may not be used so, though the mechanism is there. */
static int decrypt(struct card_key *key, const struct card_unpad *how,
                   struct bytes cryptogram, const struct buf *synthetic,
                   struct buf *plain)
{
    int rc = CARD_E_UNSUPPORTED;

    if ((key->info.can & CARD_CAN_DECRYPT_RAW) != 0)
        rc = decrypt_raw(key, how, cryptogram, synthetic, plain);
    if (rc == CARD_E_UNSUPPORTED && how->padding != CARD_UNPAD_NONE &&
        (key->info.can & needed(how)) != 0)
        rc = decrypt_unpadded(key, how, cryptogram, synthetic, plain);
    return rc;
}

int card_decrypt(struct card_key *key, const struct card_unpad *how,
                 struct bytes cryptogram, struct buf *plain)
{
    uint8_t space[2 + CARD_MAX_SIGNATURE] = {0};
    struct buf synthetic = {space, 0, 0};
    int rc;

    if ((rc = check_request(key, how, cryptogram, plain)) < 0)
        return rc;
    plain->len = 0;
    if (how->padding == CARD_UNPAD_PKCS1)
        rc = synthetic_message(key, cryptogram, space, &synthetic);
    if (rc == 0)
        rc = decrypt(key, how, cryptogram, &synthetic, plain);
    if (rc == 0)
        card_error_clear();
    memory_wipe(space, sizeof(space));
    return rc;
}

/* ---- secrets shared with a peer ------------------------------------------ */

static int share_secret(struct card_key *key, struct key_use *use, size_t len)
{
    int rc;

    if (use->out->cap < len)
        return card_fail(CARD_E_BUFFER, "%s: a secret takes %zu bytes",
                         key->name, len);
    if ((rc = use_key(key, use)) < 0)
        return rc;
    if (use->out->len == len)
        return 0;
    buf_wipe(use->out);
    return card_fail(CARD_E_PROTOCOL, "%s: a secret of a wrong length",
                     key->name);
}

static int run_derive(struct card_key *key, struct key_use *use)
{
    struct card *c = key->card;

    use->out->len = 0;
    return c->token.driver->derive(&c->token, &key->info, use->in, use->out);
}

int card_derive(struct card_key *key, struct bytes peer, struct buf *secret)
{
    struct key_use use = {.run = run_derive, .in = peer, .out = secret};

    if ((key->info.can & CARD_CAN_DERIVE) == 0 ||
        key->card->token.driver->derive == NULL)
        return card_fail(CARD_E_UNSUPPORTED, "%s: this key agrees on no "
                         "secrets", key->name);
    return share_secret(key, &use, (key->info.bits + 7) / 8);
}

static int run_decapsulate(struct card_key *key, struct key_use *use)
{
    struct card *c = key->card;

    use->out->len = 0;
    return c->token.driver->decapsulate(&c->token, &key->info, use->in,
                                        use->out);
}

int card_decapsulate(struct card_key *key, struct bytes ciphertext,
                     struct buf *secret)
{
    struct key_use use = {.run = run_decapsulate, .in = ciphertext,
                          .out = secret};

    if ((key->info.can & CARD_CAN_DECAPSULATE) == 0 ||
        key->card->token.driver->decapsulate == NULL)
        return card_fail(CARD_E_UNSUPPORTED, "%s: this key decapsulates "
                         "nothing", key->name);
    return share_secret(key, &use, CARD_ML_KEM_SECRET);
}
