/*
 * What the keys of GemSafe cards compute, in the way of each family.
 */
#include "card/driver/gemsafe.h"

#include "card/wire/apdu.h"
#include "card/wire/iso7816.h"

enum {
    ALG_SHA1 = 0x12,
    ALG_SHA224 = 0x32,
    ALG_SHA256 = 0x42,
    ALG_SHA384 = 0x52,
    ALG_SHA512 = 0x62,
    FREEFORM_MAX = 36, /* bytes V1 and V3 pad */
    TAG_HASH = 0x90
};

static struct gemsafe *gemsafe_of(struct token *t)
{
    return t->priv;
}

/* ---- signatures ---------------------------------------------------------- */

/* What is sent for a signature. */
struct input {
    uint8_t algorithm;
    bool at_once;      /* with the command that signs */
    struct bytes data; /* the hash, or what is padded as it is */
};

static int set_environment(struct token *t, uint8_t crt, uint8_t algorithm,
                           const struct card_key_info *key)
{
    const uint8_t body[] = {0x80, 1, algorithm, 0x84, 1, key->ref};
    int rc = t->selected ? 0 : gemsafe_select(t);

    return rc < 0 ? rc
                  : iso_mse_set(t->reader, MSE_SET_COMPUTE, crt,
                                BYTES_OF(body));
}

/* A PSO that ISO 7816-8 does not have. */
static int own_pso(struct token *t, uint8_t p1, uint8_t p2, struct bytes data,
                   struct buf *out)
{
    bool old = gemsafe_of(t)->family->old_class;
    struct apdu cmd = {.cla = old ? GEMSAFE_CLA_OLD : 0, .ins = INS_PSO,
                       .p1 = p1, .p2 = p2, .data = data, .le = APDU_LE_MAX};
    uint16_t sw;
    int rc = apdu_exchange(t->reader, &cmd, out, &sw);

    return rc < 0 ? rc : apdu_sw_error(sw, "use the key");
}

static int compute(struct token *t, const struct card_key_info *key,
                   const struct input *in, struct buf *sig)
{
    uint8_t space[2 + CARD_MAX_HASH];
    struct buf tlv = BUF_ON(space);
    int rc;

    if ((rc = set_environment(t, CRT_DST, in->algorithm, key)) < 0)
        return rc;
    if (in->at_once)
        return iso_pso_sign(t->reader, in->data, key->bits / 8, sig);
    if ((rc = buf_put_u8(&tlv, TAG_HASH)) < 0 ||
        (rc = buf_put_u8(&tlv, (uint8_t)in->data.len)) < 0 ||
        (rc = buf_put(&tlv, in->data)) < 0)
        return rc;
    if (gemsafe_of(t)->family->old_class)
        return own_pso(t, 0x9E, 0xAC, buf_view(&tlv), sig);
    if ((rc = iso_pso_hash(t->reader, buf_view(&tlv))) < 0)
        return rc;
    return iso_pso_sign(t->reader, bytes_from(NULL, 0), key->bits / 8, sig);
}

/* V1 and V3: a SHA-256 hash, or what is short enough, which SHA-1's is. */
static int sign_short(struct token *t, const struct card_key_info *key,
                      enum card_hash hash, struct bytes value,
                      struct bytes block, struct buf *sig)
{
    const struct input sha256 = {ALG_SHA256, false, value};
    const struct input any = {gemsafe_of(t)->family->freeform, false, block};

    if (hash == CARD_HASH_SHA256)
        return compute(t, key, &sha256, sig);
    if (block.len > FREEFORM_MAX)
        return card_fail(CARD_E_UNSUPPORTED, "key \"%s\" signs SHA-256 and "
                         "SHA-1 hashes only", key->label);
    return compute(t, key, &any, sig);
}

static uint8_t algorithm_of(enum card_hash hash)
{
    switch (hash) {
    case CARD_HASH_SHA1:
        return ALG_SHA1;
    case CARD_HASH_SHA224:
        return ALG_SHA224;
    case CARD_HASH_SHA256:
        return ALG_SHA256;
    case CARD_HASH_SHA384:
        return ALG_SHA384;
    case CARD_HASH_SHA512:
        return ALG_SHA512;
    case CARD_HASH_NONE:
        break;
    }
    return 0;
}

/*
 * GemP15 takes a bare hash, or any DigestInfo: that is what is left for a hash
 * this card does not know.
 */
static int sign_any(struct token *t, const struct card_key_info *key,
                    enum card_hash hash, struct bytes value,
                    struct bytes block, struct buf *sig)
{
    const struct input bare = {algorithm_of(hash), false, value};
    const struct input any = {gemsafe_of(t)->family->freeform, true, block};
    int rc = CARD_E_UNSUPPORTED;

    if (hash != CARD_HASH_NONE)
        rc = compute(t, key, &bare, sig);
    return apdu_refused(rc) ? compute(t, key, &any, sig) : rc;
}

int gemsafe_sign(struct token *t, const struct card_key_info *key,
                 const struct card_tbs *tbs, struct buf *sig)
{
    struct bytes value = bytes_from(tbs->value, tbs->len);
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf block = BUF_ON(space);
    enum card_hash hash = tbs->hash;
    int rc;

    if ((rc = hash_pkcs1_block(hash, value, &block)) < 0)
        return rc;
    if (hash == CARD_HASH_NONE)
        hash_from_digest_info(value, &hash, &value);
    return gemsafe_of(t)->family->iso15
               ? sign_any(t, key, hash, value, buf_view(&block), sig)
               : sign_short(t, key, hash, value, buf_view(&block), sig);
}

/* ---- deciphering --------------------------------------------------------- */

static int decipher(struct token *t, const struct card_key_info *key,
                    bool indicator, struct bytes cryptogram, struct buf *plain)
{
    int rc = set_environment(t, CRT_CT, gemsafe_of(t)->family->freeform, key);

    if (rc < 0) /* not a word on the cryptogram's padding */
        return rc == CARD_E_STATUS ? CARD_E_UNSUPPORTED : rc;
    rc = indicator ? iso_pso_decipher(t->reader, 0x00, cryptogram,
                                      key->bits / 8, plain)
                   : own_pso(t, 0x80, 0x84, cryptogram, plain);
    /* Whatever it says now may be one: 63Cx tells of no PIN here. */
    return apdu_refused(rc) || rc == CARD_E_PIN_WRONG ||
                   rc == CARD_E_PIN_LOCKED
               ? CARD_E_STATUS
               : rc;
}

/*
 * That of V1 is known: without a padding indicator. That of GemP15 is not: so
 * too, else as ISO 7816-8 has it, until one has worked. No try is at stake.
 */
int gemsafe_decrypt(struct token *t, const struct card_key_info *key,
                    const struct card_unpad *how, struct bytes cryptogram,
                    struct buf *plain)
{
    struct gemsafe *g = gemsafe_of(t);
    int rc;

    if (how->padding != CARD_UNPAD_PKCS1)
        return card_fail(CARD_E_UNSUPPORTED, "the card undoes PKCS#1 v1.5 "
                         "padding only");
    rc = decipher(t, key, g->indicator, cryptogram, plain);
    if (apdu_refused(rc) && !g->deciphered && g->family->iso15) {
        rc = decipher(t, key, true, cryptogram, plain);
        g->indicator = rc == 0;
    }
    g->deciphered = g->deciphered || rc == 0;
    return rc;
}
