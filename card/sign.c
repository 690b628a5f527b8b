/*
 * Signatures: padded in software where the card does not, checked before they
 * leave, in the form OpenSSL knows.
 */
#include "card/use.h"

#include <string.h>

#include "card/base/pad.h"

static size_t modulus_len(const struct card_key *key)
{
    return (key->info.bits + 7) / 8;
}

/* ---- padding in software ------------------------------------------------- */

static int pad(const struct card_key *key, const struct card_tbs *tbs,
               struct buf *em)
{
    const struct pad_pss pss = {tbs->hash, tbs->mgf_hash, tbs->salt_len};
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf block = BUF_ON(space);
    int rc;

    if (tbs->padding == CARD_PAD_PSS)
        return pad_pss(key->card->context->crypto, &pss,
                       bytes_from(tbs->value, tbs->len), key->info.bits, em);
    if ((rc = hash_pkcs1_block(tbs->hash, bytes_from(tbs->value, tbs->len),
                               &block)) < 0)
        return rc;
    return pad_pkcs1_sign(buf_view(&block), em);
}

/* The card exponentiates what was padded here. */
static int sign_padded(struct card_key *key, const struct card_tbs *tbs,
                       struct buf *sig)
{
    struct token *t = &key->card->token;
    struct card_tbs raw = {.padding = CARD_PAD_NONE};
    struct buf em = {raw.value, 0, modulus_len(key)};
    int rc;

    if ((rc = pad(key, tbs, &em)) < 0)
        return rc;
    raw.len = em.len;
    return t->driver->sign(t, &key->info, &raw, sig);
}

static bool card_pads(const struct card_key *key, const struct card_tbs *tbs)
{
    switch (tbs->padding) {
    case CARD_PAD_PKCS1:
        return (key->info.can & (CARD_CAN_PKCS1 | CARD_CAN_PKCS1_HASH)) != 0;
    case CARD_PAD_PSS:
        return (key->info.can & CARD_CAN_PSS) != 0;
    case CARD_PAD_NONE:
        break;
    }
    return true;
}

/* A token may know a padding, but not with that hash. */
static int sign_rsa(struct card_key *key, const struct card_tbs *tbs,
                    struct buf *sig)
{
    struct token *t = &key->card->token;
    int rc = CARD_E_UNSUPPORTED;

    if (card_pads(key, tbs))
        rc = t->driver->sign(t, &key->info, tbs, sig);
    if (rc == CARD_E_UNSUPPORTED && tbs->padding != CARD_PAD_NONE &&
        (key->info.can & CARD_CAN_RAW_SIGN) != 0)
        rc = sign_padded(key, tbs, sig);
    if (rc == 0 && sig->len != modulus_len(key))
        rc = card_fail(CARD_E_PROTOCOL, "a signature of %zu bytes instead of "
                       "%zu", sig->len, modulus_len(key));
    return rc;
}

/* ---- elliptic curves; what hashes by itself ------------------------------ */

/* ASN.1 INTEGER of an unsigned number. */
static int put_integer(struct bytes number, struct buf *out)
{
    struct bytes zero;
    bool sign;
    int rc;

    while (number.len > 1 && number.data[0] == 0)
        bytes_take(&number, 1, &zero);
    sign = (number.data[0] & 0x80) != 0;
    if ((rc = buf_put_u8(out, 0x02)) < 0 ||
        (rc = buf_put_u8(out, (uint8_t)(number.len + (sign ? 1 : 0)))) < 0 ||
        (sign && (rc = buf_put_u8(out, 0)) < 0))
        return rc;
    return buf_put(out, number);
}

/* Ecdsa-Sig-Value (RFC 3279, 2.2.3) of r || s, which is 132 bytes at most. */
static int put_ecdsa(struct bytes rs, struct buf *out)
{
    uint8_t space[160];
    struct buf numbers = BUF_ON(space);
    struct bytes r;
    int rc;

    bytes_take(&rs, rs.len / 2, &r);
    if ((rc = put_integer(r, &numbers)) < 0 ||
        (rc = put_integer(rs, &numbers)) < 0 ||
        (rc = buf_put_u8(out, 0x30)) < 0 ||
        (numbers.len >= 0x80 && (rc = buf_put_u8(out, 0x81)) < 0) ||
        (rc = buf_put_u8(out, (uint8_t)numbers.len)) < 0)
        return rc;
    return buf_put(out, buf_view(&numbers));
}

static int sign_ec(struct card_key *key, const struct card_tbs *tbs,
                   struct buf *sig)
{
    struct token *t = &key->card->token;
    uint8_t space[132];
    struct buf rs = BUF_ON(space);
    int rc = t->driver->sign(t, &key->info, tbs, &rs);

    if (rc < 0)
        return rc;
    if (rs.len != 2 * modulus_len(key))
        return card_fail(CARD_E_PROTOCOL, "an ECDSA signature of %zu bytes "
                         "instead of %zu", rs.len, 2 * modulus_len(key));
    return put_ecdsa(buf_view(&rs), sig);
}

/* EdDSA, ML-DSA: all signatures of a key are of one length. */
static int sign_message(struct card_key *key, const struct card_tbs *tbs,
                        struct buf *sig)
{
    struct token *t = &key->card->token;
    int rc = t->driver->sign(t, &key->info, tbs, sig);

    if (rc == 0 && sig->len != key->sig_max)
        rc = card_fail(CARD_E_PROTOCOL, "a signature of %zu bytes instead of "
                       "%zu", sig->len, key->sig_max);
    return rc;
}

/* ---- all ----------------------------------------------------------------- */

static int compute(struct card_key *key, struct key_use *use)
{
    switch (key->info.type) {
    case CARD_KEY_RSA:
        return sign_rsa(key, use->tbs, use->out);
    case CARD_KEY_EC:
        return sign_ec(key, use->tbs, use->out);
    default:
        return sign_message(key, use->tbs, use->out);
    }
}

static bool is_checked(const struct card_key *key)
{
    return key->card->slot == NULL ||
           key->card->context->settings.check_tokens;
}

static int run_sign(struct card_key *key, struct key_use *use)
{
    int rc;

    use->out->len = 0;
    rc = compute(key, use);
    if (rc == 0 && is_checked(key))
        rc = crypto_check_signature(key->card->context->crypto,
                                    buf_view(&key->public), use->tbs,
                                    buf_view(use->out));
    if (rc == CARD_E_SELF_CHECK) /* a public half that was kept may be old */
        cache_card_forget(key->card->token.cache);
    if (rc < 0)
        buf_wipe(use->out);
    return rc;
}

static int check_rsa(const struct card_key *key, const struct card_tbs *tbs)
{
    size_t len = modulus_len(key);

    if (tbs->hash != CARD_HASH_NONE ? tbs->len == hash_len(tbs->hash)
        : tbs->padding == CARD_PAD_NONE ? tbs->len == len
        : tbs->padding == CARD_PAD_PKCS1 && tbs->len + 11 <= len)
        return 0;
    return card_fail(CARD_E_ARGUMENT, "%s: %zu bytes are no hash to sign",
                     key->name, tbs->len);
}

static unsigned needed(const struct card_key *key, const struct card_tbs *tbs)
{
    if (key->info.type == CARD_KEY_EC)
        return CARD_CAN_ECDSA;
    if (card_key_is_ml_dsa(key->info.type))
        return CARD_CAN_ML_DSA;
    if (key->info.type != CARD_KEY_RSA)
        return CARD_CAN_EDDSA;
    return tbs->padding == CARD_PAD_PSS    ? CARD_CAN_PSS
           : tbs->padding == CARD_PAD_NONE ? CARD_CAN_RAW_SIGN
                                           : CARD_CAN_PKCS1 |
                                                 CARD_CAN_PKCS1_HASH;
}

static int check_tbs(const struct card_key *key, const struct card_tbs *tbs,
                     const struct buf *sig)
{
    if ((card_key_can(key) & needed(key, tbs)) == 0)
        return card_fail(CARD_E_UNSUPPORTED, "%s: this key does not sign so",
                         key->name);
    if (tbs->len > sizeof(tbs->value))
        return card_fail(CARD_E_ARGUMENT, "%s: too long a value", key->name);
    if (sig->cap < key->sig_max)
        return card_fail(CARD_E_BUFFER, "%s: a signature takes %zu bytes",
                         key->name, key->sig_max);
    return key->info.type == CARD_KEY_RSA ? check_rsa(key, tbs) : 0;
}

int card_sign(struct card_key *key, const struct card_tbs *tbs,
              struct buf *sig)
{
    struct key_use use = {.run = run_sign, .tbs = tbs, .out = sig};
    int rc = check_tbs(key, tbs, sig);

    return rc < 0 ? rc : use_key(key, &use);
}
