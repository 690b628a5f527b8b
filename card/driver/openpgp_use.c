/*
 * The private keys of OpenPGP cards: PSO and INTERNAL AUTHENTICATE of the
 * specification's 7.2.10, 7.2.11 and 7.2.13.
 */
#include "card/driver/openpgp_int.h"

#include "card/wire/tlv.h"

/* A key that wants a touch answers 6985 when nobody touches it in time. */
static int use_key(struct token *t, const struct card_key_info *info,
                   const struct apdu *cmd, struct buf *out, uint16_t *sw)
{
    const struct openpgp *op = t->priv;
    int rc;

    if ((rc = openpgp_need_application(t)) < 0 ||
        (rc = apdu_exchange(t->reader, cmd, out, sw)) < 0)
        return rc;
    if (*sw == SW_CONDITIONS && op->data.keys[openpgp_slot_of(&info->id)].touch)
        return card_fail(CARD_E_CANCELLED, "key \"%s\" is used only while "
                         "somebody touches the card, and nobody did",
                         info->label);
    return 0;
}

/* Sign with the key's own command; the card pads what is not hashed by it. */
static int compute(struct token *t, const struct card_key_info *info,
                   struct bytes input, size_t sig_len, struct buf *sig)
{
    struct apdu cmd = {.ins = INS_INTERNAL_AUTHENTICATE, .data = input,
                       .le = sig_len};
    uint16_t sw;
    int rc;

    if (openpgp_slot_of(&info->id) == OPENPGP_SIG) {
        cmd.ins = INS_PSO;
        cmd.p1 = 0x9E;
        cmd.p2 = 0x9A;
    }
    rc = use_key(t, info, &cmd, sig, &sw);
    return rc < 0 ? rc : apdu_sw_error(sw, "sign");
}

static int sign_rsa(struct token *t, const struct card_key_info *info,
                    const struct card_tbs *tbs, struct buf *sig)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf block = BUF_ON(space);
    struct bytes value = bytes_from(tbs->value, tbs->len);
    size_t limit = info->bits / 8 * 2 / 5;
    int rc;

    if (tbs->padding != CARD_PAD_PKCS1)
        return card_fail(CARD_E_UNSUPPORTED, "the card signs with PKCS#1 v1.5 "
                         "padding only");
    if ((rc = hash_pkcs1_block(tbs->hash, value, &block)) < 0)
        return rc;
    if (block.len > limit)
        return card_fail(CARD_E_UNSUPPORTED,
                         "key \"%s\" signs at most %zu bytes, not %zu: use a "
                         "shorter hash", info->label, limit, block.len);
    return compute(t, info, buf_view(&block), info->bits / 8, sig);
}

/*
 * r || s. Not all cards write them as long as the field: a Java Card may give
 * both one byte more, as signed numbers, or fewer if both are small.
 */
static int take_rs(struct bytes answer, size_t len, struct buf *sig)
{
    struct bytes r;
    int rc;

    if (answer.len % 2 != 0)
        return card_fail(CARD_E_PROTOCOL, "an ECDSA signature of %zu bytes",
                         answer.len);
    bytes_take(&answer, answer.len / 2, &r);
    rc = buf_put_number(sig, r, len);
    return rc < 0 ? rc : buf_put_number(sig, answer, len);
}

/*
 * As long as the hash that goes with the curve, which every card takes: cut on
 * the right as ECDSA would, or filled with zeroes on the left, which is the
 * same number.
 */
static int fit_hash(struct bytes value, unsigned bits, struct buf *block)
{
    size_t len = bits > 512 ? CARD_MAX_HASH : bits / 8;

    if (value.len > len)
        value.len = len;
    return buf_put_number(block, value, len);
}

static int sign_ec(struct token *t, const struct card_key_info *info,
                   const struct card_tbs *tbs, struct buf *sig)
{
    size_t len = (info->bits + 7) / 8;
    uint8_t block_space[CARD_MAX_HASH], answer_space[APDU_LE_MAX];
    struct buf block = BUF_ON(block_space), answer = BUF_ON(answer_space);
    int rc = fit_hash(bytes_from(tbs->value, tbs->len), info->bits, &block);

    if (rc == 0)
        rc = compute(t, info, buf_view(&block), APDU_LE_MAX, &answer);
    return rc < 0 ? rc : take_rs(buf_view(&answer), len, sig);
}

/* The message goes to the card whole. */
static int sign_message(struct token *t, const struct card_key_info *info,
                        struct bytes message, struct buf *sig)
{
    int rc = compute(t, info, message, APDU_LE_MAX, sig);

    if (message.len <= UINT8_MAX || !openpgp_refused(rc) || rc == CARD_E_LOGIN)
        return rc;
    return card_fail(CARD_E_UNSUPPORTED, "a message of %zu bytes is too long "
                     "for key \"%s\", which signs messages and not their hash "
                     "(%s)", message.len, info->label, card_error_sentence());
}

int openpgp_sign(struct token *t, const struct card_key_info *key,
                 const struct card_tbs *tbs, struct buf *sig)
{
    switch (key->type) {
    case CARD_KEY_RSA:
        return sign_rsa(t, key, tbs, sig);
    case CARD_KEY_EC:
        return sign_ec(t, key, tbs, sig);
    default:
        return sign_message(t, key, tbs->message, sig);
    }
}

static int decipher(struct token *t, const struct card_key_info *key,
                    struct bytes data, size_t le, struct buf *plain,
                    uint16_t *sw)
{
    const struct apdu cmd = {.ins = INS_PSO, .p1 = 0x80, .p2 = 0x86,
                             .data = data, .le = le};

    return use_key(t, key, &cmd, plain, sw);
}

int openpgp_decrypt(struct token *t, const struct card_key_info *key,
                    const struct card_unpad *how, struct bytes cryptogram,
                    struct buf *plain)
{
    uint8_t space[1 + CARD_MAX_SIGNATURE];
    struct buf data = BUF_ON(space);
    uint16_t sw;
    int rc;

    if (how->padding != CARD_UNPAD_PKCS1)
        return card_fail(CARD_E_UNSUPPORTED, "the card undoes PKCS#1 v1.5 "
                         "padding only");
    if ((rc = buf_put_u8(&data, 0x00)) < 0 ||
        (rc = buf_put(&data, cryptogram)) < 0 ||
        (rc = decipher(t, key, buf_view(&data), cryptogram.len, plain,
                       &sw)) < 0 ||
        (rc = apdu_sw_error(sw, "decipher")) == 0)
        return rc;
    /* All else that it says may be a word on the padding. */
    return rc == CARD_E_LOGIN ? rc : CARD_E_STATUS;
}

/* A6 { 7F49 { 86 point } }; points of X25519 as they are in SPKI. */
static int put_peer(struct bytes peer, struct buf *out)
{
    uint8_t inner[160], outer[168];
    struct buf point = BUF_ON(inner), key = BUF_ON(outer);
    int rc;

    if ((rc = tlv_put(&point, 0x86, peer)) < 0 ||
        (rc = tlv_put(&key, 0x7F49, buf_view(&point))) < 0)
        return rc;
    return tlv_put(out, 0xA6, buf_view(&key));
}

/* The x coordinate, or from some cards the point: prefix, x and perhaps y. */
static int take_secret(struct bytes answer, size_t len, struct buf *secret)
{
    struct bytes x;
    uint8_t prefix;

    if (answer.len == len + 1 || answer.len == 2 * len + 1)
        bytes_take_u8(&answer, &prefix);
    if (!bytes_take(&answer, len, &x) ||
        (answer.len != 0 && answer.len != len))
        return card_fail(CARD_E_PROTOCOL, "the card agreed on a secret of a "
                         "wrong length");
    return buf_put(secret, x);
}

int openpgp_derive(struct token *t, const struct card_key_info *key,
                   struct bytes peer, struct buf *secret)
{
    size_t len = (key->bits + 7) / 8;
    uint8_t space[176], answer_space[APDU_LE_MAX];
    struct buf data = BUF_ON(space), answer = BUF_ON(answer_space);
    uint16_t sw;
    int rc = put_peer(peer, &data);

    if (rc == 0)
        rc = decipher(t, key, buf_view(&data), APDU_LE_MAX, &answer, &sw);
    if (rc == 0)
        rc = apdu_sw_error(sw, "agree on a secret");
    if (rc == 0)
        rc = take_secret(buf_view(&answer), len, secret);
    buf_wipe(&answer);
    return rc;
}
