/*
 * Private keys of IAS ECC cards: each signs a hash that the card may finish
 * itself, or pads a DigestInfo, or deciphers and unpads.
 */
#include "card/driver/ias.h"

#include "card/wire/apdu.h"
#include "card/wire/iso7816.h"

/* Algorithm references of MSE tag 80. */
enum {
    IAS_ALG_AUTH = 0x02,        /* PKCS#1 v1.5 over a DigestInfo */
    IAS_ALG_SHA1_RSA = 0x12,
    IAS_ALG_SHA256_RSA = 0x42,
    IAS_ALG_DECIPHER = 0x1A,
    IAS_ALG_SHA1 = 0x10,
    IAS_ALG_SHA256 = 0x40
};

/*
 * IAS ECC gives a key one of two ways to sign: nonRepudiation keys compute a
 * digital signature over a hash, the others authenticate over a DigestInfo.
 */
void ias_judge_key(struct token *t, struct card_key_info *k)
{
    (void)t;
    if ((k->usage & P15_USAGE_NON_REPUDIATION) != 0) {
        k->uses |= CARD_USE_SIGN;
        k->can |= CARD_CAN_PKCS1_HASH | CARD_CAN_MIDSTATE;
    } else if ((k->usage & P15_USAGE_SIGN) != 0) {
        k->uses |= CARD_USE_AUTH;
        k->can |= CARD_CAN_PKCS1;
    }
    if ((k->usage & (P15_USAGE_DECRYPT | P15_USAGE_UNWRAP)) != 0) {
        k->uses |= CARD_USE_DECRYPT;
        k->can |= CARD_CAN_DECRYPT_PKCS1;
    }
}

static int set_environment(struct token *t, uint8_t crt, uint8_t algorithm,
                           const struct card_key_info *key)
{
    const uint8_t body[] = {0x80, 1, algorithm, 0x84, 1, key->ref};
    int rc = ias_need_application(t);

    return rc < 0 ? rc
                  : iso_mse_set(t->reader, MSE_SET_COMPUTE, crt,
                                BYTES_OF(body));
}

/* INTERNAL AUTHENTICATE pads what it is given, up to 40 % of the modulus. */
static int authenticate(struct token *t, const struct card_key_info *key,
                        struct bytes block, struct buf *sig)
{
    size_t limit = key->bits / 8 * 2 / 5;
    int rc;

    if (block.len > limit)
        return card_fail(CARD_E_UNSUPPORTED,
                         "key \"%s\" signs at most %zu bytes, not %zu: use a "
                         "shorter hash", key->label, limit, block.len);
    if ((rc = set_environment(t, CRT_AT, IAS_ALG_AUTH, key)) < 0)
        return rc;
    return iso_internal_authenticate(t->reader, block, key->bits / 8, sig);
}

/*
 * PSO HASH with the state after all blocks but the last, and the last block:
 * the card does the last step itself (IAS ECC 1.0.1, hash off/on card).
 */
static int finish_hash_on_card(struct token *t, uint8_t algorithm,
                               const struct sha_midstate *mid)
{
    const uint8_t environment[] = {0x80, 1, algorithm};
    int rc = iso_mse_set(t->reader, MSE_SET_COMPUTE, CRT_HT,
                         BYTES_OF(environment));

    return rc < 0 ? rc : iso_pso_hash_rest(t->reader, mid);
}

static int sign_from_midstate(struct token *t, const struct card_key_info *key,
                              const struct sha_midstate *mid, struct buf *sig)
{
    bool sha1 = mid->hash == CARD_HASH_SHA1;
    int rc;

    if ((rc = ias_need_application(t)) < 0 ||
        (rc = finish_hash_on_card(t, sha1 ? IAS_ALG_SHA1 : IAS_ALG_SHA256,
                                  mid)) < 0 ||
        (rc = set_environment(t, CRT_DST,
                              sha1 ? IAS_ALG_SHA1_RSA : IAS_ALG_SHA256_RSA,
                              key)) < 0)
        return rc;
    return iso_pso_sign(t->reader, bytes_from(NULL, 0), key->bits / 8, sig);
}

static int sign_finished_hash(struct token *t, const struct card_key_info *key,
                              enum card_hash hash, struct bytes value,
                              struct buf *sig)
{
    uint8_t algorithm =
        hash == CARD_HASH_SHA1 ? IAS_ALG_SHA1_RSA : IAS_ALG_SHA256_RSA;
    int rc = set_environment(t, CRT_DST, algorithm, key);

    return rc < 0 ? rc : iso_pso_sign(t->reader, value, key->bits / 8, sig);
}

/*
 * A signature key takes SHA-1 or SHA-256. The finished hash goes first: two
 * APDUs less than the card finishing it, and CPS3 takes both. A card that
 * refuses it (no PIN try is spent by that) is given the midstate, from then on
 * at once; whoever knows only the finished hash gets the card's refusal.
 */
static int compute_signature(struct token *t, const struct card_key_info *key,
                             const struct card_tbs *tbs, struct buf *sig)
{
    struct ias *ias = t->priv;
    struct bytes value = bytes_from(tbs->value, tbs->len);
    enum card_hash hash = tbs->hash;
    bool know_midstate = tbs->midstate.hash != CARD_HASH_NONE &&
                         tbs->midstate.last_len > 0;
    int rc;

    if (hash == CARD_HASH_NONE)
        hash_from_digest_info(value, &hash, &value);
    if (hash != CARD_HASH_SHA1 && hash != CARD_HASH_SHA256)
        return card_fail(CARD_E_UNSUPPORTED,
                         "signature key \"%s\" signs SHA-256 (or SHA-1) "
                         "hashes only", key->label);
    if (ias->hash_on_card && know_midstate)
        return sign_from_midstate(t, key, &tbs->midstate, sig);
    rc = sign_finished_hash(t, key, hash, value, sig);
    if (!apdu_refused(rc) || !know_midstate)
        return rc;
    rc = sign_from_midstate(t, key, &tbs->midstate, sig);
    ias->hash_on_card = rc == 0;
    return rc;
}

int ias_sign(struct token *t, const struct card_key_info *key,
             const struct card_tbs *tbs, struct buf *sig)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf block = BUF_ON(space);
    struct bytes value = bytes_from(tbs->value, tbs->len);
    int rc;

    if ((key->can & CARD_CAN_PKCS1) == 0)
        return compute_signature(t, key, tbs, sig);
    rc = hash_pkcs1_block(tbs->hash, value, &block);
    return rc < 0 ? rc : authenticate(t, key, buf_view(&block), sig);
}

int ias_decrypt(struct token *t, const struct card_key_info *key,
                const struct card_unpad *how, struct bytes cryptogram,
                struct buf *plain)
{
    int rc;

    if (how->padding != CARD_UNPAD_PKCS1)
        return card_fail(CARD_E_UNSUPPORTED, "the card undoes PKCS#1 v1.5 "
                         "padding only");
    rc = set_environment(t, CRT_CT, IAS_ALG_DECIPHER, key);
    if (rc < 0) /* not a word on the cryptogram's padding */
        return rc == CARD_E_STATUS ? CARD_E_UNSUPPORTED : rc;
    rc = iso_pso_decipher(t->reader, 0x81, cryptogram, key->bits / 8, plain);
    return apdu_refused(rc) ? CARD_E_STATUS : rc;
}
